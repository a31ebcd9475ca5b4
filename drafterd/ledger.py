"""What was asked and what happened, in one SQLite file. Losing it loses history, pauses and pins.

What is (releases, programs, routes) is never read from here but where it lives. Every write is one
transaction that survives a power cut (WAL, synchronous=FULL).
"""

import json
import shutil
import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import structlog

from drafterd.domain.errors import ConfigError, DiskFull
from drafterd.domain.model import Build, BuildStatus, Goal, Intent, Mend, Problem
from drafterd.domain.names import DraftId, ReleaseId
from drafterd.domain.repair import Repair

_log = structlog.get_logger(__name__)

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE intents (
      draft TEXT PRIMARY KEY, goal TEXT NOT NULL, pinned TEXT, asked_at REAL NOT NULL, stamp TEXT NOT NULL
    ) STRICT;
    CREATE TABLE builds (
      draft TEXT NOT NULL, number INTEGER NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, step TEXT NOT NULL,
      created REAL NOT NULL, started REAL, finished REAL, steps TEXT NOT NULL, repairs TEXT NOT NULL,
      problem TEXT, clean INTEGER NOT NULL,
      PRIMARY KEY (draft, number)
    ) STRICT;
    CREATE INDEX builds_active ON builds (created) WHERE status IN ('queued', 'running');
    CREATE TABLE verdicts (
      draft TEXT NOT NULL, release TEXT NOT NULL, problem TEXT NOT NULL, PRIMARY KEY (draft, release)
    ) STRICT;
    CREATE TABLE events (
      id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, draft TEXT NOT NULL, kind TEXT NOT NULL,
      data TEXT NOT NULL
    ) STRICT;
    CREATE INDEX events_draft ON events (draft, id);
    """,
    # Repairs were plain sentences once.
    "UPDATE builds SET repairs = '[]'",
)
"""Forward only; a copy of the file is kept before an old one is changed."""

EVENTS_KEPT = 10_000
BUILDS_KEPT = 1000
"""Per draft; people see at most `keep.builds` of them."""


class SqliteLedger:
    """The ledger on disk; implements `domain.interfaces.Ledger`.

    All calls come from the event loop's thread and take well under a millisecond.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = self._open()
        except sqlite3.OperationalError as error:
            raise ConfigError(f"{path} cannot be opened: {error}", hint="look at its rights and at the disk") from error
        except sqlite3.DatabaseError as error:
            aside = path.with_name(f"{path.name}.damaged-{int(time.time())}")
            path.rename(aside)
            _log.error("ledger.damaged", reason=str(error), kept=str(aside), hint="history, pauses and pins are lost")
            self._db = self._open()
        path.chmod(0o600)

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, isolation_level=None)
        db.row_factory = sqlite3.Row
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=FULL")
            db.execute("PRAGMA busy_timeout=5000")
            _check(db)
            self._migrate(db)
        except BaseException:
            db.close()
            raise
        return db

    def close(self) -> None:
        """Close the file; what was written stays."""
        self._db.close()

    def _migrate(self, db: sqlite3.Connection) -> None:
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(MIGRATIONS):
            raise ConfigError(
                f"{self._path} was written by a newer drafterd (version {version}, this one knows {len(MIGRATIONS)})",
                hint="start the newer drafterd, or restore the copy that the upgrade left beside the file",
            )
        if 0 < version < len(MIGRATIONS):
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            shutil.copy2(self._path, self._path.with_name(f"{self._path.name}.v{version}"))
        for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
            db.executescript(f"BEGIN; {script}; PRAGMA user_version={number}; COMMIT;")

    def _must(self, statement: str, values: Sequence[object]) -> None:
        """Write what must not be lost. Raises `DiskFull`."""
        try:
            self._db.execute(statement, values)
        except sqlite3.DatabaseError as error:
            raise DiskFull(f"the ledger cannot be written: {error}", hint=f"free space for {self._path}") from error

    def _may(self, statement: str, values: Sequence[object]) -> int | None:
        """Write a line of history, whose loss must not end a build; the number of the row, or None."""
        try:
            return self._db.execute(statement, values).lastrowid
        except sqlite3.DatabaseError as error:
            _log.error("ledger.failed", reason=str(error), hint=f"free space for {self._path}")
            return None

    # What the operator asked

    def intent(self, draft: DraftId) -> Intent:
        """What the operator asked; a plain wish to run if nothing was."""
        row = self._db.execute("SELECT * FROM intents WHERE draft = ?", (draft,)).fetchone()
        if row is None:
            return Intent()
        pinned = ReleaseId(row["pinned"]) if row["pinned"] else None
        return Intent(goal=Goal(row["goal"]), pinned=pinned, asked_at=row["asked_at"], stamp=row["stamp"])

    def set_intent(self, draft: DraftId, intent: Intent) -> None:
        """Keep what the operator asked. Raises `DiskFull`."""
        self._must(
            "INSERT OR REPLACE INTO intents (draft, goal, pinned, asked_at, stamp) VALUES (?, ?, ?, ?, ?)",
            (draft, intent.goal, intent.pinned, intent.asked_at, intent.stamp),
        )

    # Releases that do not work

    def bad(self, draft: DraftId) -> Mapping[ReleaseId, Problem]:
        """Releases that were tried and do not work."""
        rows = self._db.execute("SELECT release, problem FROM verdicts WHERE draft = ?", (draft,))
        return {ReleaseId(row["release"]): _problem_of(row["problem"]) for row in rows}

    def condemn(self, draft: DraftId, release: ReleaseId, problem: Problem) -> None:
        """Keep that a release does not work. Raises `DiskFull`."""
        self._must(
            "INSERT OR REPLACE INTO verdicts (draft, release, problem) VALUES (?, ?, ?)",
            (draft, release, _text_of(problem)),
        )

    # Builds

    def builds(self, draft: DraftId, limit: int = 20) -> tuple[Build, ...]:
        """Newest first."""
        rows = self._db.execute("SELECT * FROM builds WHERE draft = ? ORDER BY number DESC LIMIT ?", (draft, limit))
        return tuple(_build_of(row) for row in rows)

    def active_builds(self) -> tuple[Build, ...]:
        """Every queued or running build, first come first."""
        rows = self._db.execute("SELECT * FROM builds WHERE status IN ('queued', 'running') ORDER BY created, draft")
        return tuple(_build_of(row) for row in rows)

    def save_build(self, build: Build) -> None:
        """Insert or replace a build; on a full disk only this row of the history is lost."""
        self._may(
            "INSERT OR REPLACE INTO builds (draft, number, key, status, step, created, started, finished, steps,"
            " repairs, problem, clean) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                build.draft,
                build.number,
                build.key,
                build.status,
                build.step,
                build.created,
                build.started,
                build.finished,
                json.dumps(dict(build.steps)),
                json.dumps([asdict(repair) for repair in build.repairs]),
                None if build.problem is None else _text_of(build.problem),
                int(build.clean),
            ),
        )
        self._may("DELETE FROM builds WHERE draft = ? AND number <= ?", (build.draft, build.number - BUILDS_KEPT))

    # History

    def record_event(self, draft: DraftId, kind: str, data: Mapping[str, object]) -> None:
        """Add to the history; the oldest are dropped past a bound, and new ones on a full disk."""
        text = json.dumps(dict(data))
        last = self._may(
            "INSERT INTO events (at, draft, kind, data) VALUES (?, ?, ?, ?)", (time.time(), draft, kind, text)
        )
        if last and last % 100 == 0:
            self._may("DELETE FROM events WHERE id <= ?", (last - EVENTS_KEPT,))

    def events(
        self, draft: DraftId | None = None, *, since: int = 0, limit: int = 100
    ) -> Sequence[Mapping[str, object]]:
        """The history, oldest first, after the event with the number `since`."""
        rows = self._db.execute(
            "SELECT * FROM events WHERE id > ? AND (? IS NULL OR draft = ?) ORDER BY id LIMIT ?",
            (since, draft, draft, limit),
        )
        return [
            {"id": row["id"], "at": row["at"], "draft": row["draft"], "kind": row["kind"], **json.loads(row["data"])}
            for row in rows
        ]

    def discard(self, draft: DraftId, *, keep_intent: bool) -> None:
        """Drop a draft's rows, each by itself: it is repeated until all are gone. Its events stay."""
        for table in ("builds", "verdicts") if keep_intent else ("builds", "verdicts", "intents"):
            self._must(f"DELETE FROM {table} WHERE draft = ?", (draft,))  # noqa: S608 - the names are ours


def _check(db: sqlite3.Connection) -> None:
    said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if said != "ok":
        raise sqlite3.DatabaseError(said)


def _text_of(problem: Problem) -> str:
    return json.dumps(asdict(problem))


def _problem_of(text: str) -> Problem:
    data = json.loads(text)
    return Problem(
        **{
            **data,
            "mend": Mend(data["mend"]),
            "tail": tuple(data["tail"]),
            "proposals": tuple(data.get("proposals", ())),
            "excerpt": tuple(data.get("excerpt", ())),
        }
    )


def _build_of(row: sqlite3.Row) -> Build:
    return Build(
        draft=DraftId(row["draft"]),
        number=row["number"],
        key=row["key"],
        status=BuildStatus(row["status"]),
        step=row["step"],
        created=row["created"],
        started=row["started"],
        finished=row["finished"],
        steps=json.loads(row["steps"]),
        repairs=tuple(Repair(**repair) for repair in json.loads(row["repairs"])),
        problem=None if row["problem"] is None else _problem_of(row["problem"]),
        clean=bool(row["clean"]),
    )
