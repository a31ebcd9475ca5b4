"""The words for bubblewrap: each of the walls that must hold is there, and nothing else is shown."""

from dataclasses import replace
from pathlib import Path

import pytest

from drafterd.domain.model import Limits
from drafterd.sandbox.walls import SPARE_PROCESSES, Level, Machine, Room, command

MACHINE = Machine(
    bwrap="/opt/bwrap",
    level=Level.FULL,
    links={"/bin": "usr/bin", "/lib64": "usr/lib64"},
    system=("/usr", "/etc/hosts", "/etc/ssl/certs"),
    covered=("/usr/local/etc",),
)
STATE = Path("/var/lib/drafterd")
ROOM = Room(
    cwd=STATE / "drafts/a/builds/1/src",
    readable=(Path("/opt/node/bin/node"), STATE / "toolchain/bin"),
    writable=(STATE / "drafts/a/builds/1/src", STATE / "cache"),
    hidden=(STATE, Path("/srv/drafts")),
    files={"/etc/passwd": STATE / "sandbox/passwd-1000"},
)
RUN = ("/opt/node/bin/node", "server.js")


def words(machine=MACHINE, room=ROOM, argv=RUN):
    return list(command(machine, room, argv))


def pairs(found, option, count=1):
    """What follows each `option` before the command."""
    found = found[: found.index("--")]
    return [tuple(found[at + 1 : at + 1 + count]) for at, word in enumerate(found) if word == option]


def test_the_full_list():
    assert words() == [
        "/opt/bwrap",
        *("--unshare-user", "--uid", "1000", "--gid", "1000", "--disable-userns"),
        *("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"),
        *("--hostname", "draft", "--die-with-parent", "--cap-drop", "ALL"),
        *("--dir", "/etc", "--dir", "/etc/ssl"),
        *("--ro-bind-try", "/usr", "/usr"),
        *("--ro-bind-try", "/etc/hosts", "/etc/hosts"),
        *("--ro-bind-try", "/etc/ssl/certs", "/etc/ssl/certs"),
        *("--symlink", "usr/bin", "/bin", "--symlink", "usr/lib64", "/lib64"),
        *("--dir", "/etc", "--ro-bind", "/var/lib/drafterd/sandbox/passwd-1000", "/etc/passwd"),
        *("--proc", "/proc", "--dev", "/dev"),
        *("--perms", "1777", "--size", "268435456", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),
        *("--perms", "1777", "--size", "1073741824", "--tmpfs", "/tmp"),
        *("--tmpfs", "/usr/local/etc"),
        *("--dir", "/opt", "--dir", "/opt/node", "--dir", "/opt/node/bin"),
        *("--dir", "/var", "--dir", "/var/lib", "--dir", "/var/lib/drafterd", "--dir", "/var/lib/drafterd/drafts"),
        *("--dir", "/var/lib/drafterd/drafts/a", "--dir", "/var/lib/drafterd/drafts/a/builds"),
        *("--dir", "/var/lib/drafterd/drafts/a/builds/1", "--dir", "/var/lib/drafterd/toolchain"),
        *("--ro-bind-try", "/opt/node/bin/node", "/opt/node/bin/node"),
        *("--bind-try", "/var/lib/drafterd/cache", "/var/lib/drafterd/cache"),
        *("--bind-try", "/var/lib/drafterd/drafts/a/builds/1/src", "/var/lib/drafterd/drafts/a/builds/1/src"),
        *("--ro-bind-try", "/var/lib/drafterd/toolchain/bin", "/var/lib/drafterd/toolchain/bin"),
        *("--remount-ro", "/usr/local/etc", "--remount-ro", "/"),
        *("--chdir", "/var/lib/drafterd/drafts/a/builds/1/src", "--"),
        *("/usr/bin/env", "--default-signal=TERM", "/usr/bin/prlimit", "--core=0", "--"),
        *RUN,
    ]


def test_only_what_is_named_can_be_written():
    assert {path for path, _ in pairs(words(), "--bind-try", 2)} == {str(path) for path in ROOM.writable}
    assert pairs(words(), "--bind", 2) == []


def test_root_drops_to_a_user_of_the_drafts_own():
    found = words(replace(MACHINE, level=Level.NO_USERNS), replace(ROOM, uid=1_900_000_001))
    assert "--unshare-user" not in found
    assert "--disable-userns" not in found
    assert (
        found[-len(RUN) - 9 :]
        == [
            *("/usr/bin/setpriv", "--reuid", "1900000001", "--regid", "1900000001", "--clear-groups"),
            *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
            *RUN,
        ][-len(RUN) - 9 :]
    )
    assert "/usr/bin/setpriv" in found


def test_where_nested_namespaces_cannot_be_forbidden_the_rest_stands():
    assert [word for word in words() if word != "--disable-userns"] == words(replace(MACHINE, closed=False))


def test_limits_are_set_inside():
    limits = Limits(memory=1, processes=100, open_files=50, file_size=9)
    found = words(room=replace(ROOM, limits=limits))
    at = found.index("/usr/bin/prlimit")
    assert found[at : at + 6] == [
        "/usr/bin/prlimit",
        "--core=0",
        f"--nproc={100 + SPARE_PROCESSES}",
        "--nofile=50",
        "--fsize=9",
        "--",
    ]


@pytest.mark.parametrize(("hidden", "covered"), [("/usr/local/drafterd", True), ("/usrlocal", False), ("/usr", False)])
def test_our_own_folders_are_covered_where_the_system_shows_them(hidden, covered):
    found = words(room=replace(ROOM, hidden=(Path(hidden),)))
    assert ((hidden,) in pairs(found, "--tmpfs")) is covered
    assert ((hidden,) in pairs(found, "--remount-ro")) is covered


def test_a_folder_comes_before_what_lies_in_it():
    room = replace(ROOM, readable=(Path("/a"), Path("/a/b/c")), writable=(Path("/a/b"),))
    shown = [word for word in words(room=room) if word.startswith("/a")]
    assert shown == ["/a", "/a", "/a/b", "/a/b", "/a/b/c", "/a/b/c"]
    assert ("/a/b",) not in pairs(words(room=room), "--dir")
