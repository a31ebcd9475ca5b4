"""Runs inside supervisord, as an extension of its remote calls: `drafterd.states`, `drafterd.add`.

Plain supervisord sees a death up to a second late, needs a full second to add a program among many,
answers slowly for many, and writes what programs print as it comes. With `masked_output` it is the only
code of ours in that process: it never blocks, and what it cannot do it leaves to the plain calls. It must
work with nothing but supervisor installed.
"""

import contextlib
import json
import os
import re
import signal
import socket
from pathlib import Path
from typing import Any

from supervisor import events
from supervisor.http import deferring_http_channel
from supervisor.options import UnhosedConfigParser
from supervisor.supervisord import Supervisor
from supervisor.xmlrpc import Faults, RPCError

from drafterd.run.masked_output import mask_outputs

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", re.ASCII)
_BUFFER = 1 << 20
_UMASK = 0o027
"""For the logs of programs: `umask` in its configuration holds for the programs, not for what it writes itself."""


class Plugin:
    """The calls; public methods are what clients may call.

    Args:
        programs: The folder of programs' files; None: `conf.d` beside supervisord's own.
    """

    def __init__(self, supervisord: Supervisor, programs: str | None = None) -> None:
        self._supervisord = supervisord
        self._programs = Path(programs or Path(supervisord.options.here, "conf.d"))

    def states(self) -> str:
        """JSON: one `[name, state, pid, started, exit code]` for every program."""
        rows = [
            [group.config.name, each.state, each.pid or 0, int(each.laststart), each.exitstatus or 0]
            for group in self._supervisord.process_groups.values()
            for each in group.processes.values()
        ]
        return json.dumps(rows, separators=(",", ":"))

    def add(self, name: str) -> bool:
        """Take in the program whose file is `<name>.conf` in that folder, reading no other file. Repeatable."""
        if name in self._supervisord.process_groups:
            return True
        options = self._supervisord.options
        group = _parse(options, name, self._programs)
        # Part of its list of what the files say, so that a later reload finds nothing new.
        options.process_group_configs = [*(each for each in options.process_group_configs if each.name != name), group]
        self._supervisord.add_process_group(group)
        return True


def _parse(options: Any, name: object, folder: Path) -> Any:
    """The program's configuration, made by supervisord's own parser."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise RPCError(Faults.BAD_NAME, "no name of a program")
    parser = UnhosedConfigParser()
    parser.expansions = options.environ_expansions
    try:
        read = parser.read(str(folder / f"{name}.conf"))
        parser.expand_here(str(folder))
        groups = options.process_groups_from_parser(parser)
    except ValueError as error:
        raise RPCError(Faults.CANT_REREAD, str(error)) from error
    found = [group for group in groups if group.name == name]
    if not read or not found:
        raise RPCError(Faults.BAD_NAME, name)
    return found[0]


class _Waker:
    """Turns supervisord's loop at once when a child dies, and once more after each change of a state.

    A member of its map of sockets, which asks these methods.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def attach(self, options: Any) -> None:
        """Be woken by signals and told of states."""
        options.get_socket_map()[self._reader.fileno()] = self
        signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        events.subscribe(events.ProcessStateEvent, self._changed)

    def _changed(self, _event: object) -> None:
        with contextlib.suppress(OSError):  # nobody there, or too slow: it will ask by itself
            self._out.sendto(b".", self._address)
        with contextlib.suppress(OSError):
            self._writer.send(b".")

    def readable(self) -> bool:
        """Always: it is what the loop is to wait for."""
        return True

    def writable(self) -> bool:
        """Never."""
        return False

    def handle_read_event(self) -> None:
        """Being woken was all."""
        with contextlib.suppress(OSError):
            while self._reader.recv(4096):
                pass

    def handle_write_event(self) -> None:
        """Never asked for."""

    def handle_error(self) -> None:
        """Nothing of this may reach supervisord."""


def make(supervisord: Supervisor, *, events: str, programs: str | None = None) -> Plugin:
    """What supervisord's configuration names: `events` is the daemon's datagram socket, `programs` a folder."""
    os.umask(_UMASK)
    deferring_http_channel.ac_out_buffer_size = _BUFFER  # else 4 KiB of an answer per turn of the loop
    _Waker(events).attach(supervisord.options)
    mask_outputs()
    return Plugin(supervisord, programs)
