"""Small files that are shown to drafts in the place of the machine's own: names of users, of hosts, of servers.

Each text is kept once, under a name made from it, so that what a running instance is started again with is there.
"""

import contextlib
import hashlib
import os
import time
from collections.abc import Mapping
from pathlib import Path

from drafterd import files

_MANY = 200
"""So many files are looked through: names of hosts get new addresses all the time."""

_UNUSED_FOR = 3600.0
"""Seconds since a file was last needed for a start; a step that was started with it has read it by then."""

_SPEC_MAX = 4_000_000


def kept(folder: Path, shown: Mapping[str, str]) -> dict[str, Path]:
    """Files with these texts, by the place where they are seen."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for place, text in shown.items():
        file = folder / f"{place.rpartition('/')[2]}-{hashlib.blake2b(text.encode(), digest_size=6).hexdigest()}"
        try:
            os.utime(file)  # it is needed still
        except FileNotFoundError:
            files.write_atomic(file, text.encode(), mode=0o644, sync=False)
        found[place] = file
    return found


def prune(folder: Path, instances: Path, *, many: int = _MANY, unused_for: float = _UNUSED_FOR) -> int:
    """Delete the files that nothing needs, where there are many; returns how many.

    Args:
        instances: The folder of launch specifications: what they name is needed at every start of an instance.
    """
    try:
        found = list(folder.iterdir())
        if len(found) <= many:
            return 0
        specifications = b"".join(_read(spec) for spec in instances.glob("*.json"))
    except OSError:
        return 0
    pruned = 0
    for file in found:
        with contextlib.suppress(OSError):
            old = time.time() - file.stat().st_mtime > unused_for
            if old and file.is_file() and os.fsencode(file.name) not in specifications:
                file.unlink()
                pruned += 1
    return pruned


def _read(path: Path) -> bytes:
    try:
        return files.read_regular(path, limit=_SPEC_MAX)
    except FileNotFoundError:
        return b""
