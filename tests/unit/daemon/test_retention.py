"""What no draft's own life deletes goes at the start and once a day; what is in use stays."""

import asyncio
from pathlib import Path

import pytest

from drafterd.daemon.retention import keep_tidy, sweep
from drafterd.domain.names import DraftId, instance_id, release_id
from drafterd.layout import Layout
from tests.builders import eventually

HELLO, GONE = DraftId("hello"), DraftId("gone")
R1, R2 = release_id(1), release_id(2)


@pytest.fixture
def layout(tmp_path):
    made = Layout(drafts=tmp_path / "d", state=tmp_path / "s", run=tmp_path / "r", logs=tmp_path / "l")
    for folder in (made.logs, made.state / "instances", made.release(HELLO, R1)):
        folder.mkdir(parents=True)
    return made


def written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    return path


def test_logs_and_specifications_of_releases_that_are_gone_are_orphans(layout):
    old = instance_id(HELLO, R2)
    orphans = [
        written(layout.instance_log(old)),
        written(layout.logs / f"{old}.log.1"),
        written(layout.spec(old)),
        written(layout.found_address(old)),
        written(layout.instance_log(instance_id(GONE, R1))),
    ]
    assert sweep(layout, drafts=[HELLO], instances=[]) == len(orphans)
    assert not any(path.exists() for path in orphans)


def test_what_a_release_or_a_running_instance_uses_stays(layout):
    running = instance_id(HELLO, R2)
    kept = [
        written(layout.instance_log(instance_id(HELLO, R1))),
        written(layout.spec(instance_id(HELLO, R1))),
        written(layout.instance_log(running)),
        written(layout.logs / "supervisord.log"),
        written(layout.logs / "traefik.log"),
        written(layout.logs / "r1.log"),
    ]
    assert sweep(layout, drafts=[HELLO], instances=[running]) == 0
    assert all(path.exists() for path in kept)


def test_empty_folders_of_drafts_that_nobody_knows_go(layout):
    (layout.draft(GONE) / "log").mkdir(parents=True)
    full = written(layout.draft(DraftId("full")) / "originals" / "index.json")
    (layout.draft(HELLO) / "log").mkdir()

    assert sweep(layout, drafts=[HELLO], instances=[]) == 2

    assert not layout.draft(GONE).exists()
    assert full.exists()
    assert (layout.draft(HELLO) / "log").exists()


def test_a_link_in_the_place_of_a_log_or_a_folder_is_not_followed(layout, tmp_path):
    secret = written(tmp_path / "secret" / "file")
    layout.draft(GONE).parent.mkdir(exist_ok=True)
    layout.draft(GONE).symlink_to(tmp_path / "secret")
    layout.instance_log(instance_id(GONE, R1)).symlink_to(secret)
    assert sweep(layout, drafts=[HELLO], instances=[]) == 0
    assert secret.exists()


async def test_it_goes_on_after_a_sweep_that_failed(layout):
    orphan = written(layout.instance_log(instance_id(GONE, R1)))
    tries = []

    async def evict() -> int:
        tries.append(orphan.exists())
        if len(tries) == 1:
            raise OSError("the disk is away")
        return 0

    async def running():
        return []

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            keep_tidy(layout, drafts=list, instances=running, evict=evict, every=0.01, first_after=0.0)
        )
        await eventually(lambda: len(tries) > 1)
        task.cancel()
    assert tries[0] is False
