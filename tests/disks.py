"""Small disks that a test may fill; they are memory."""

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

MOUNT = 'mount -t tmpfs -o size={size}k none "$0" && exec "$@"'


@cache
def namespaces() -> bool:
    """Whether such a disk can be mounted where nobody else sees it."""
    return _ends_well("unshare", "-Urm", "true")


@cache
def mounts() -> bool:
    """Whether it can be mounted for everybody."""
    with tempfile.TemporaryDirectory() as place:
        return _ends_well("mount", "-t", "tmpfs", "none", place) and _ends_well("umount", place)


def _ends_well(*argv: str) -> bool:
    return subprocess.run(argv, check=False, capture_output=True).returncode == 0


@contextlib.contextmanager
def mounted(place: Path, kilobytes: int) -> Iterator[Path]:
    """A disk of this size for everybody, as long as the block lasts."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "none", str(place)], check=True)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@contextlib.contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[Path]:
    """The same in a name space of its own, reached through /proc."""
    place.mkdir()
    words = ["unshare", "-Urm", "sh", "-c", MOUNT.format(size=kilobytes), str(place), "sh", "-c", "echo; read x"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as keeper:
        assert keeper.stdout
        assert keeper.stdin
        assert keeper.stdout.readline() == b"\n"
        try:
            yield Path(f"/proc/{keeper.pid}/root{place}")
        finally:
            keeper.stdin.close()


def fill(folder: Path) -> Path:
    """Leave no space for a build, and none for anything else."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler
