"""Compares what is to lie there with what does: pure.

A file that an administrator changed is kept; what would have been written lies beside it as NAME.new.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from drafterd.install.laid import Laid

NEW_SUFFIX = ".new"

Digests = Mapping[Path, frozenset[str]]
"""By file: the digests of what was laid there and may lie there still; two while an installation is under way."""


class Verdict(StrEnum):
    """What is to be done with a file; the words are shown."""

    NEW = "write"
    CHANGED = "replace"
    SAME = "unchanged"
    OWN = "yours, kept"
    BESIDE = "yours, kept; the new one beside it"
    GONE = "remove"
    LEFT = "yours, left"
    """no longer needed, but changed by somebody"""


@dataclass(frozen=True, slots=True)
class Change:
    """A file, and what is to be done with it."""

    path: Path
    verdict: Verdict
    data: bytes = b""
    mode: int = 0o644

    @property
    def target(self) -> Path:
        """Where it is written."""
        beside = self.verdict is Verdict.BESIDE
        return self.path.with_name(self.path.name + NEW_SUFFIX) if beside else self.path

    @property
    def writes(self) -> bool:
        """Whether something is written."""
        return self.verdict in (Verdict.NEW, Verdict.CHANGED, Verdict.BESIDE)


def digest(data: bytes) -> str:
    """What a file is known again by."""
    return hashlib.sha256(data).hexdigest()


def changes(laid: Sequence[Laid], found: Mapping[Path, bytes], known: Digests) -> tuple[Change, ...]:
    """What is to be done with each file, and with those that were laid down once and are not wanted any more.

    Args:
        found: What lies there now.
        known: What was laid there before.
    """
    decided = [Change(one.path, _verdict(one, found, known), one.data, one.mode) for one in laid]
    wanted = {one.path for one in laid}
    for path in sorted(known.keys() - wanted & known.keys()):
        if path in found:
            untouched = digest(found[path]) in known[path]
            decided.append(Change(path, Verdict.GONE if untouched else Verdict.LEFT))
    return tuple(decided)


def _verdict(one: Laid, found: Mapping[Path, bytes], known: Digests) -> Verdict:
    lies = found.get(one.path)
    if lies is None:
        return Verdict.NEW
    if lies == one.data:
        return Verdict.SAME
    if one.once:
        return Verdict.OWN
    before = known.get(one.path, frozenset())
    if digest(lies) in before:
        return Verdict.CHANGED
    if digest(one.data) in before:
        return Verdict.OWN  # theirs differs from ours, and ours is what it was when they changed it
    return Verdict.BESIDE
