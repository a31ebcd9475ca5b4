"""Where an installation is laid: the machine itself, or a folder that will become one (`--root`).

Reads, writes and runs; decides nothing.
"""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drafterd import files
from drafterd.domain.errors import ConfigError, MachineFailed
from drafterd.install.choices import RECORD
from drafterd.install.plan import Change, Digests, Verdict, digest

_LIMIT = 4_000_000
_TIMEOUT = 120.0
_FOLDER = 0o755
_RECORD_VERSION = 1
_SAID_MAX = 8


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

    def found(self, paths: Iterable[Path]) -> dict[Path, bytes]:
        """The files that are there. Raises `MachineFailed` for what is no plain file."""
        return {path: data for path in paths if (data := self._read(path)) is not None}

    def _read(self, path: Path) -> bytes | None:
        try:
            return files.read_regular(self.at(path), limit=_LIMIT)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            reason = error.strerror or str(error)
            raise MachineFailed(f"{path} cannot be read: {reason}", hint="look at what lies there") from error

    def known(self) -> Digests:
        """What was laid down before. Raises `ConfigError` where the record cannot be understood."""
        data = self._read(RECORD)
        if data is None:
            return {}
        try:
            return _understood(json.loads(data))
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{RECORD} cannot be understood: {error}",
                hint="remove it: every file that differs from what would be laid down counts as yours then",
            ) from error

    def facts(self) -> Mapping[str, str]:
        """What was chosen last time; nothing where that is not known."""
        try:
            content = json.loads(self._read(RECORD) or b"{}")
        except ValueError:
            return {}
        return {name: str(word) for name, word in content.items()} if isinstance(content, dict) else {}

    def record(self, digests: Digests, facts: Mapping[str, str]) -> None:
        """Remember what is laid down; `facts` are for people."""
        content = {
            "version": _RECORD_VERSION,
            **facts,
            "files": {str(path): sorted(kept) for path, kept in sorted(digests.items())},
        }
        self.write(RECORD, json.dumps(content, indent=1).encode() + b"\n", 0o644)

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

    def run(self, argv: Sequence[str]) -> str:
        """Run a program of the system to its end; what it printed.

        Raises:
            MachineFailed: It is not there, takes too long, or says that it failed.
        """
        try:
            done = subprocess.run(
                argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False, stdin=subprocess.DEVNULL
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise MachineFailed(f"`{' '.join(argv)}` does not run: {error}") from error
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
            raise MachineFailed(f"`{' '.join(argv)}` failed: {' / '.join(said[-_SAID_MAX:])}")
        return done.stdout

    def says_yes(self, argv: Sequence[str]) -> bool:
        """Whether a program ends with 0."""
        try:
            self.run(argv)
        except MachineFailed:
            return False
        return True


def _understood(content: Any) -> Digests:
    if content["version"] != _RECORD_VERSION:
        raise ValueError(f"version {content['version']!a} is not known")
    return {Path(path): frozenset(map(str, kept)) for path, kept in content["files"].items()}


def _missing(folder: Path) -> Iterator[Path]:
    """The folders that have to be made, the innermost first."""
    while not os.path.lexists(folder):
        yield folder
        folder = folder.parent


def digests_of(decided: Iterable[Change], known: Digests, *, under_way: bool) -> dict[Path, frozenset[str]]:
    """What the record says: `under_way`, a kill may leave what lay there before as well as what is written."""
    made: dict[Path, frozenset[str]] = {}
    for change in decided:
        before = known.get(change.path, frozenset())
        if change.verdict is Verdict.GONE:
            if under_way:
                made[change.path] = before
        elif change.verdict is not Verdict.LEFT:
            new = frozenset({digest(change.data)})
            made[change.path] = before | new if under_way else new
    return made
