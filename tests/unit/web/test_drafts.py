import pytest

from drafterd.domain.names import DraftId
from drafterd.domain.report import DraftReport
from drafterd.domain.state import State, Work
from drafterd.web.drafts import select
from drafterd.web.problems import HttpProblem
from drafterd.web.queries import DraftsQuery


def a_report(name, state=State.READY, port=None):
    return DraftReport(
        id=DraftId(name),
        state=state,
        serving=None,
        work=Work.NONE,
        problem=None,
        url="",
        urls=(),
        port=port,
        digest="",
        settled_at=None,
        build=None,
        instance=None,
        kept=(),
        pinned=None,
        target=None,
    )


def ids(reports):
    return [report.id for report in reports]


@pytest.mark.parametrize("sort", ["id", "-id", "state", "-port", "settled"])
def test_pages_together_are_the_whole_list(sort):
    reports = tuple(a_report(f"d{n}", list(State)[n % 3], port=3000 + n % 4 or None) for n in range(10))
    whole, none = select(reports, DraftsQuery(sort=sort))
    assert none is None
    seen: list[DraftReport] = []
    following: str | None = ""
    while following is not None:
        page, following = select(reports, DraftsQuery(sort=sort, limit=3, cursor=following or ""))
        assert len(page) <= 3
        seen += page
    assert ids(seen) == ids(whole)


def test_a_draft_that_goes_between_pages_moves_no_other():
    reports = tuple(a_report(name) for name in "abcd")
    _, cursor = select(reports, DraftsQuery(limit=2))
    page, _ = select(reports[:1] + reports[2:], DraftsQuery(limit=2, cursor=cursor or ""))
    assert ids(page) == ["c", "d"]


def test_the_list_is_narrowed():
    reports = (a_report("Shop"), a_report("shed", State.FAILED), a_report("barn"))
    assert ids(select(reports, DraftsQuery(q="SH"))[0]) == ["Shop", "shed"]
    assert ids(select(reports, DraftsQuery(state=State.FAILED))[0]) == ["shed"]


@pytest.mark.parametrize("cursor", ["x", "e30", "WzFd", "WyJhIl0", "WzEsImEiXQ", "\u00fc"])
def test_a_strange_cursor_is_refused(cursor):
    with pytest.raises(HttpProblem) as caught:
        select((a_report("a"),), DraftsQuery(cursor=cursor))
    assert caught.value.status == 422
