"""The files that our own supervisord runs from: its configuration and the always-on programs.

Apart from the process itself, because they are written anew at every start of the daemon, and the
living supervisord must be told only of what changed.
"""

import json
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from drafterd import files, resources
from drafterd.domain.errors import BadName, ConfigError
from drafterd.domain.names import parse_instance_id
from drafterd.layout import Layout
from drafterd.run.program import checked_path, program_text
from drafterd.run.push import LONGEST_SOCKET, event_socket

_FILES_PER_PROGRAM = 4
_OWN_FILES = 256
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR")


def own_environment() -> dict[str, str]:
    """What supervisord and always-on programs inherit of ours: nothing that could be a secret."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ}


def configuration_path(layout: Layout) -> Path:
    """The file that our supervisord is started with; also how it is told from others."""
    return layout.run / "supervisor" / "supervisord.conf"


def write_configuration(layout: Layout, *, max_awake: int, plugin: bool) -> Path:
    """Write supervisord's own configuration and make the folders that it wants; returns its path.

    Raises:
        ConfigError: A path cannot stand in the file, or a socket's is too long for the system.
    """
    path = configuration_path(layout)
    for socket in (layout.supervisor_socket, event_socket(layout)):
        if len(os.fsencode(socket)) > LONGEST_SOCKET:
            raise ConfigError(
                f"the path of the socket {socket} is longer than {LONGEST_SOCKET} bytes",
                hint="choose a shorter folder for the state",
            )
    text = (
        resources.templates(html=False)
        .get_template("supervisord.conf")
        .render(
            folder=checked_path(path.parent),
            socket=checked_path(layout.supervisor_socket),
            log=checked_path(layout.logs / "supervisord.log"),
            logs=checked_path(layout.logs),
            events=checked_path(event_socket(layout)) if plugin else None,
            minfds=_open_files(max_awake),
            user="0" if os.geteuid() == 0 else None,
        )
    )
    for folder in (path.parent, layout.programs, _specs(layout)):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    layout.logs.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, text.encode(), mode=0o600)
    return path


def _open_files(max_awake: int) -> int:
    """What supervisord asks the system for; it refuses to start where it cannot get it."""
    wanted = _FILES_PER_PROGRAM * max_awake + _OWN_FILES
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def always_on(layout: Layout) -> set[str]:
    """The names of the always-on programs that have a file."""
    return {file.stem for file in layout.programs.glob("*.conf") if not is_instance(file.stem)}


def is_instance(name: str) -> bool:
    """Whether a program's name is that of an instance, not of an always-on program."""
    try:
        parse_instance_id(name)
    except BadName:
        return False
    return True


def write_programs(layout: Layout, programs: Mapping[str, Sequence[str]]) -> set[str]:
    """Write the files of the always-on programs; returns those that changed, removed ones too.

    Raises:
        ConfigError: A name is no name of a program, or a path cannot stand in the file.
    """
    changed = set()
    for name, argv in programs.items():
        if is_instance(name):
            raise ConfigError(f"{name!r} is the name of an instance, not of an always-on program")
        spec = _specs(layout) / f"{name}.json"
        text = program_text(name, spec=spec, log=layout.logs / f"{name}.log", always_on=True)
        if _write(spec, _spec(layout, name, argv)) | _write(_file(layout, name), text.encode()):
            changed.add(name)
    for name in always_on(layout) - programs.keys():
        _file(layout, name).unlink(missing_ok=True)
        (_specs(layout) / f"{name}.json").unlink(missing_ok=True)
        changed.add(name)
    return changed


def written_at(layout: Layout, name: str) -> int:
    """When an always-on program last changed, whole seconds; 0 if it has no files."""
    try:
        return max(int(path.stat().st_mtime) for path in (_specs(layout) / f"{name}.json", _file(layout, name)))
    except OSError:
        return 0


def _file(layout: Layout, name: str) -> Path:
    return layout.programs / f"{name}.conf"


def _specs(layout: Layout) -> Path:
    return layout.run / "supervisor" / "programs"


def _spec(layout: Layout, name: str, argv: Sequence[str]) -> bytes:
    """What the launcher reads; the mark's name is no instance's, but makes it ours after a crash."""
    content = {
        "id": f"_{name}",
        "state": str(layout.state),
        "argv": list(argv),
        "cwd": str(layout.run),
        "environment": own_environment(),
        "limits": {"open_files": 65_536},
    }
    return json.dumps(content, sort_keys=True).encode()


def _write(path: Path, data: bytes) -> bool:
    """Write if it differs; True if it did."""
    try:
        if files.read_regular(path, limit=len(data)) == data:
            return False
    except OSError:
        pass
    files.write_atomic(path, data, mode=0o600)
    return True


def plugin_environment() -> dict[str, str]:
    """Lets supervisord find our plug-in where drafterd runs from a checkout that is not installed."""
    return {"PYTHONPATH": str(Path(sys.modules["drafterd"].__path__[0]).parent)}
