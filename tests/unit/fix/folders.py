"""Folders of files for the tests of the fixes."""

from collections.abc import Mapping
from pathlib import Path


def folder(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write `files` below `root`."""
    root.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def snapshot(root: Path) -> dict[str, bytes]:
    """All bytes below `root`."""
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
