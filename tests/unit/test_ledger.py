"""What was asked and what happened survives; a newer file is refused."""

import sqlite3
from dataclasses import replace

import pytest

from drafterd.domain.errors import ConfigError, DiskFull
from drafterd.domain.model import BuildStatus, Goal, Intent, Problem
from drafterd.domain.names import release_id
from drafterd.domain.repair import Repair
from drafterd.ledger import MIGRATIONS, SqliteLedger
from tests.builders import HELLO, a_build

PROBLEM = Problem(code="x", summary="y", tail=("a", "b"), retry_at=5.0, proposals=("do z",))
REPAIR = Repair(code="r", step="install", summary="s", reason="t")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "drafterd.db"


@pytest.fixture
def ledger(path):
    ledger = SqliteLedger(path)
    yield ledger
    ledger.close()


def test_everything_comes_back_as_it_was(ledger, path):
    build = a_build(
        1,
        status=BuildStatus.FAILED,
        problem=PROBLEM,
        steps={"install": 1.5},
        clean=True,
        started=2.0,
        repairs=(REPAIR,),
    )
    intent = Intent(goal=Goal.PAUSE, pinned=release_id(3), asked_at=7.0, stamp="s")
    ledger.save_build(build)
    ledger.set_intent(HELLO, intent)
    ledger.condemn(HELLO, release_id(2), PROBLEM)
    ledger.record_event(HELLO, "promoted", {"release": "r1"})
    ledger.close()

    again = SqliteLedger(path)

    assert again.builds(HELLO) == (build,)
    assert again.intent(HELLO) == intent
    assert again.bad(HELLO) == {release_id(2): PROBLEM}
    assert again.events()[0]["release"] == "r1"
    again.close()


def test_builds_newest_first_and_active_ones_in_turn(ledger):
    for number, status in enumerate((BuildStatus.FAILED, BuildStatus.RUNNING, BuildStatus.QUEUED), start=1):
        ledger.save_build(a_build(number, status=status))
    assert [build.number for build in ledger.builds(HELLO, limit=2)] == [3, 2]
    assert [build.number for build in ledger.active_builds()] == [2, 3]


def test_a_discarded_draft_may_keep_its_intent(ledger):
    ledger.save_build(a_build(1))
    ledger.set_intent(HELLO, Intent(goal=Goal.REMOVE))
    ledger.discard(HELLO, keep_intent=True)
    assert ledger.builds(HELLO) == ()
    assert ledger.intent(HELLO).goal is Goal.REMOVE
    ledger.discard(HELLO, keep_intent=False)
    assert ledger.intent(HELLO) == Intent()


def test_only_its_owner_reads_it(ledger, path):
    assert path.stat().st_mode & 0o077 == 0


def test_writes_are_durable(ledger):
    assert ledger._db.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert ledger._db.execute("PRAGMA synchronous").fetchone()[0] == 2


def test_a_newer_file_is_refused(path):
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
    db.close()
    with pytest.raises(ConfigError, match="newer drafterd"):
        SqliteLedger(path)


def test_an_older_file_is_copied_before_it_is_changed(path, monkeypatch):
    SqliteLedger(path).close()
    monkeypatch.setattr("drafterd.ledger.MIGRATIONS", (*MIGRATIONS, "CREATE TABLE later (x TEXT) STRICT"))
    ledger = SqliteLedger(path)
    assert ledger._db.execute("SELECT name FROM sqlite_master WHERE name = 'later'").fetchone()
    assert path.with_name(f"drafterd.db.v{len(MIGRATIONS)}").exists()
    ledger.close()


def test_on_a_full_disk_history_is_lost_and_wishes_are_refused(ledger):
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    long = replace(PROBLEM, summary="x" * 100_000)

    ledger.save_build(a_build(1, problem=long))

    assert ledger.builds(HELLO) == ()
    with pytest.raises(DiskFull, match="full"):
        ledger.condemn(HELLO, release_id(1), long)
    ledger._db.execute("PRAGMA max_page_count = 100000")
    ledger.save_build(a_build(1, problem=long))
    assert ledger.builds(HELLO)[0].number == 1


def test_a_damaged_file_is_kept_aside_and_a_new_one_begun(path):
    path.write_bytes(b"no database at all" * 100)

    ledger = SqliteLedger(path)

    assert ledger.builds(HELLO) == ()
    assert len(list(path.parent.glob("drafterd.db.damaged-*"))) == 1
    ledger.close()
