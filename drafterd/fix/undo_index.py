"""The list of what was changed in a folder, as JSON, read back strictly. One that cannot be read is empty."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drafterd.fix import env_literals

_VERSION = 1
_HASH = re.compile(r"[0-9a-f]{32}\Z")
_PERMISSIONS = 0o7777


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file that was changed. Bytes are named by their hash.

    Attributes:
        original: What the author had; None: there was no such file.
        mode: Its permissions.
        written: What we made of it.
        pending: What is about to be written, or None.
        rules: The rules of its edits.
    """

    original: str | None
    mode: int = 0
    written: str | None = None
    pending: str | None = None
    rules: frozenset[str] = frozenset()

    @property
    def ours(self) -> frozenset[str]:
        """What the file may hold that we wrote."""
        return frozenset(found for found in (self.written, self.pending) if found is not None)

    @property
    def values(self) -> bool:
        """Whether a value went out of it, or into it."""
        return env_literals.RULE in self.rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """All of one folder.

    Attributes:
        undone: The digest of the source that an undo left, "" while it is under way, None without one.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    undone: str | None = None


def dump(index: Index) -> bytes:
    """The index as JSON."""
    entries = {
        name: {
            "original": entry.original,
            "mode": entry.mode,
            "written": entry.written,
            "pending": entry.pending,
            "rules": sorted(entry.rules),
        }
        for name, entry in index.entries.items()
    }
    return json.dumps({"version": _VERSION, "undone": index.undone, "entries": entries}).encode()


def load(data: bytes) -> Index:
    """The index that `data` holds."""
    try:
        found = json.loads(data)
        if found["version"] != _VERSION:
            return Index()
        undone = found["undone"]
        if undone is not None and not isinstance(undone, str):
            return Index()
        return Index(undone=undone, entries={_name(name): _entry(each) for name, each in found["entries"].items()})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return Index()


def _name(name: str) -> str:
    """A path below the folder and nothing else: beside a source, a stranger may have written the list."""
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise ValueError("no path below a folder")
    return name


def _entry(found: dict[str, Any]) -> Entry:
    mode = found["mode"]
    if type(mode) is not int or mode & ~_PERMISSIONS or not all(isinstance(rule, str) for rule in found["rules"]):
        raise ValueError("no entry")
    return Entry(
        original=_hash(found["original"]),
        mode=mode,
        written=_hash(found["written"]),
        pending=_hash(found["pending"]),
        rules=frozenset(found["rules"]),
    )


def _hash(found: object) -> str | None:
    if found is None:
        return None
    if not isinstance(found, str) or not _HASH.match(found):
        raise ValueError("no hash")
    return found
