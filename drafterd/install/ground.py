"""Where an installation is laid: the machine itself, or a folder that will become one (`--root`).

Reads, writes and runs; decides nothing.
"""

import contextlib
import fcntl
import os
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from drafterd import files
from drafterd.domain.errors import ConfigError, MachineFailed
from drafterd.install.choices import RECORD
from drafterd.install.plan import Change, Verdict
from drafterd.install.record import Record

_LOCK = Path("/run/drafterd-install.lock")
_LIMIT = 4_000_000
TIMEOUT = 300.0
"""Seconds for one program: longer than a service may take to stop and to start."""
_FOLDER = 0o755
_SAID_MAX = 8
_AT_REST = ("inactive", "failed")


@dataclass(frozen=True, slots=True)
class Ground:
    """A root folder; `/` is the running machine.

    Attributes:
        root: Absolute.
    """

    root: Path = Path("/")

    @property
    def live(self) -> bool:
        """Whether it is the machine that runs us."""
        return self.root == Path("/")

    def at(self, path: Path) -> Path:
        """Where a file of the server lies for us."""
        return path if self.live else self.root / path.relative_to("/")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep others from laying something here at the same time. Raises `MachineFailed` where somebody is at it."""
        # A file that only root may open, so that nobody else can be in the way; a folder needs none.
        place, flags = (_LOCK, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW) if self.live else (self.root, os.O_DIRECTORY)
        descriptor = os.open(place, flags | os.O_CLOEXEC, 0o600)
        try:
            _lock(descriptor)
            yield
        finally:
            os.close(descriptor)

    def found(self, paths: Iterable[Path]) -> dict[Path, bytes]:
        """The files that are there. Raises `MachineFailed` for what is no plain file."""
        return {path: data for path in paths if (data := self._read(path)) is not None}

    def _read(self, path: Path) -> bytes | None:
        try:
            return files.read_regular(self.at(path), limit=_LIMIT)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            if isinstance(error, PermissionError) and os.geteuid() != 0:
                return b""  # root's alone: that it lies there is all that a dry run needs to know
            reason = error.strerror or str(error)
            raise MachineFailed(f"{path} cannot be read: {reason}", hint="look at what lies there") from error

    def record(self) -> Record:
        """What was laid down before. Raises `ConfigError` where the record cannot be understood."""
        data = self._read(RECORD)
        if data is None:
            return Record()
        try:
            return Record.decode(data)
        except ValueError as error:
            raise ConfigError(
                f"{RECORD} cannot be understood: {error}",
                hint="remove it: every file that differs from what would be laid down counts as yours then",
            ) from error

    def remember(self, record: Record) -> None:
        """Keep for the next time what is laid down."""
        self.write(RECORD, record.encode(), 0o644)

    def write(self, path: Path, data: bytes, mode: int) -> None:
        """Replace a file in one step; its folders are made."""
        target = self.at(path)
        for folder in reversed(list(_missing(target.parent))):
            folder.mkdir(mode=_FOLDER)
            folder.chmod(_FOLDER)  # whatever our umask
        files.write_atomic(target, data, mode=mode)

    def remove(self, path: Path) -> None:
        """Delete a file; one that is gone is fine."""
        with contextlib.suppress(FileNotFoundError):
            self.at(path).unlink()

    def apply(self, change: Change) -> None:
        """Do what was decided about one file."""
        if change.writes:
            self.write(change.target, change.data, change.mode)
        elif change.verdict is Verdict.GONE:
            self.remove(change.path)

    def run(self, argv: Sequence[str], *, aside: bool = False) -> str:
        """Run a program of the system to its end; what it printed, with `aside` what it said aside too.

        Raises:
            MachineFailed: It is not there, takes too long, or says that it failed.
        """
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=TIMEOUT, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MachineFailed(f"`{' '.join(argv)}` does not run: {error}") from error
        if done.returncode != 0:
            said = (f"{done.stdout}\n{done.stderr}".strip() or f"exit code {done.returncode}").splitlines()
            raise MachineFailed(f"`{' '.join(argv)}` failed: {' / '.join(said[-_SAID_MAX:])}")
        return done.stdout + (done.stderr if aside else "")

    def says_yes(self, argv: Sequence[str]) -> bool:
        """Whether a program ends with 0."""
        try:
            self.run(argv)
        except MachineFailed:
            return False
        return True

    def running(self, units: Iterable[str]) -> set[str]:
        """Those of the units that run, come or go, as systemd sees it: none in a folder. Raises `MachineFailed`."""
        return {unit for unit, state in self.states(units).items() if state["ActiveState"] not in _AT_REST}

    def states(self, units: Iterable[str]) -> dict[str, dict[str, str]]:
        """By unit: its `LoadState`, `ActiveState` and, of a service, `MainPID`; none in a folder.

        Raises:
            MachineFailed: systemd does not say.
        """
        asked = sorted(units)
        if not asked or not self.live:
            return {}
        said = self.run(("systemctl", "show", "--property=Id,LoadState,ActiveState,MainPID", *asked))
        blocks = [dict(line.split("=", 1) for line in block.splitlines()) for block in said.strip().split("\n\n")]
        return {block["Id"]: block for block in blocks}


def _missing(folder: Path) -> Iterator[Path]:
    """The folders that have to be made, the innermost first."""
    while not os.path.lexists(folder):
        yield folder
        folder = folder.parent


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise MachineFailed("drafterd is being installed or removed here just now", hint="wait for it") from error
