"""The fix record on disk: JSON, 0600, read back strictly. One that cannot be read is none."""

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from drafterd import files
from drafterd.domain.model import Edit, FixRecord, Kind, Mend, Problem, Recipe

_LIMIT = 50_000_000
_MODE = 0o600

T = TypeVar("T")


def dump(record: FixRecord) -> bytes:
    """The record as JSON."""
    return json.dumps(asdict(record), ensure_ascii=True).encode()


def load(data: bytes) -> FixRecord | None:
    """The record, or None where `data` is none of this version."""
    try:
        return _record(json.loads(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _record(found: dict[str, Any]) -> FixRecord:
    texts = {name: found[name] for name in ("stamp", "digest", "environment_digest")}
    if not all(isinstance(text, str) for text in texts.values()) or type(found["fix_version"]) is not int:
        raise TypeError("not a fix record")
    return FixRecord(
        **texts,
        fix_version=found["fix_version"],
        recipe=_recipe(found["recipe"]) if found["recipe"] is not None else None,
        edits=tuple(_made(Edit, item) for item in found["edits"]),
        problems=tuple(_problem(item) for item in found["problems"]),
        problem=_problem(found["problem"]) if found["problem"] is not None else None,
    )


def _made(shape: type[T], found: dict[str, Any]) -> T:
    known = {field.name for field in fields(shape)}  # type: ignore[arg-type]  # every caller passes a dataclass
    if set(found) != known:
        raise TypeError(f"not a {shape.__name__}")
    return shape(**found)


def _recipe(found: dict[str, Any]) -> Recipe:
    lists = {name: tuple(found[name]) for name in ("start", "build_arguments")}
    return _made(Recipe, {**found, "kind": Kind(found["kind"]), **lists})


def _problem(found: dict[str, Any]) -> Problem:
    lists = {name: tuple(found[name]) for name in ("tail", "proposals")}
    return _made(Problem, {**found, "mend": Mend(found["mend"]), **lists})


class Records:
    """Reads and writes records; what did not change on disk is not read twice."""

    def __init__(self) -> None:
        self._seen: dict[Path, tuple[tuple[int, int, int], FixRecord | None]] = {}

    def read(self, path: Path) -> FixRecord | None:
        """The record at `path`; None: there is none that can be read."""
        try:
            status = path.lstat()
        except OSError:
            self._seen.pop(path, None)
            return None
        sign = (status.st_ino, status.st_mtime_ns, status.st_size)
        seen = self._seen.get(path)
        if seen is None or seen[0] != sign:
            seen = (sign, _read(path))
            self._seen[path] = seen
        return seen[1]

    def write(self, path: Path, record: FixRecord) -> None:
        """Keep the record, atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_atomic(path, dump(record), mode=_MODE)

    def discard(self, path: Path) -> None:
        """Drop the record."""
        path.unlink(missing_ok=True)
        self._seen.pop(path, None)


def _read(path: Path) -> FixRecord | None:
    try:
        return load(files.read_regular(path, limit=_LIMIT))
    except OSError:
        return None
