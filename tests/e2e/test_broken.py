"""One project for each class of failure: what can be mended goes live, the rest fails with its code and proposal."""

import json

import pytest
import pytest_asyncio

from tests.broken import BROKEN, CASES
from tests.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(900)]

WITHIN = 600
NOTICE = ".draft-failed.json"


def marks(case):
    """The slow ones belong to the matrix; what is not there yet may fail."""
    if not case.quick:
        yield pytest.mark.matrix
    if case.pending:
        yield pytest.mark.xfail(reason=case.pending, strict=False)


def cases(*, live):
    return [pytest.param(case, id=case.name, marks=list(marks(case))) for case in CASES if bool(case.live) is live]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("broken"), run={"start_timeout": "20s"}) as made:
        yield made


async def ended(server, case):
    folder = server.drop_copy(case.name, case.folder)
    report = await server.until(case.name, "ready", "failed", within=WITHIN)
    repairs = report["build"]["repairs"] if report["build"] else []
    return folder, report, [repair["code"] for repair in repairs]


@pytest.mark.parametrize("case", cases(live=True))
async def test_it_goes_live(server, browser, case):
    folder, report, repairs = await ended(server, case)
    assert report["state"] == "ready", json.dumps(report["problem"], indent=1)
    assert case.repairs is None or set(repairs) == set(case.repairs)
    assert [repair["code"] for repair in report["repairs"]] == repairs
    assert not (folder / NOTICE).exists()
    async with browser.visit() as visit:
        await visit.open(report["url"])
        assert (await visit.page.inner_text("h1")).startswith(case.live)
        assert visit.faults == []


@pytest.mark.parametrize("case", cases(live=False))
async def test_it_fails_and_says_why(server, case):
    folder, report, _ = await ended(server, case)
    problem = report["problem"]
    assert report["state"] == "failed"
    assert (problem["code"], problem["mend"]) == (case.code, case.mend), json.dumps(problem, indent=1)
    assert case.where in problem["where"]
    assert case.proposal in " ".join(problem["proposals"])
    assert problem["summary"]
    assert problem["hint"]
    notice = json.loads((folder / NOTICE).read_text())
    assert (notice["code"], notice["mend"]) == (case.code, case.mend)


async def test_every_project_has_its_row():
    assert {case.name for case in CASES} == {folder.name for folder in BROKEN.iterdir()}
