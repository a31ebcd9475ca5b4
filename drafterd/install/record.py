"""What an installation remembers of itself (`installed.json`): pure."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drafterd.install.plan import Change, Digests, Verdict, digest

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was laid down, and what is left to do.

    Attributes:
        files: What was laid down; empty: nothing was.
        facts: What was chosen, for people and for the next time.
        late: Units that may still run with what lay there before.
    """

    files: Digests = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    late: frozenset[str] = frozenset()

    @classmethod
    def decode(cls, data: bytes) -> "Record":
        """Read it. Raises `ValueError` where that is none."""
        content = json.loads(data)
        try:
            return _understood(content)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError(f"{error!r} in it") from error

    def encode(self) -> bytes:
        """The file's bytes."""
        content = {
            "version": _VERSION,
            **self.facts,
            "late": sorted(self.late),
            "files": {str(path): sorted(kept) for path, kept in sorted(self.files.items())},
        }
        return json.dumps(content, indent=1).encode() + b"\n"


def _understood(content: Any) -> Record:
    if content["version"] != _VERSION:
        raise ValueError(f"version {content['version']!a} is not known")
    return Record(
        files={Path(path): frozenset(map(str, kept)) for path, kept in content["files"].items()},
        facts={name: word for name, word in content.items() if isinstance(word, str)},
        late=frozenset(map(str, content.get("late", ()))),
    )


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
