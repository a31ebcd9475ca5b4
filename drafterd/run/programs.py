"""Programs of a running supervisord: list, add, start, stop, remove.

Uses our plug-in where supervisord has it loaded, which is faster, and plain calls where not.
"""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from drafterd.domain.errors import RuntimeUnavailable
from drafterd.run import rpc
from drafterd.run.rpc import Fault, SupervisorClient

_LOG_TAIL = 16_384


class ProgramState(IntEnum):
    """Supervisord's own numbers."""

    STOPPED = 0
    STARTING = 10
    RUNNING = 20
    BACKOFF = 30
    STOPPING = 40
    EXITED = 100
    FATAL = 200
    UNKNOWN = 1000


@dataclass(frozen=True, slots=True)
class Program:
    """A program as supervisord sees it.

    Attributes:
        pid: 0 while no process runs.
        started: When it was last started, whole seconds; 0 for never.
        exit_code: Of its last end: -1 for a signal, 0 also when it is not known.
    """

    name: str
    state: ProgramState
    pid: int = 0
    started: int = 0
    exit_code: int = 0

    @property
    def active(self) -> bool:
        """Whether a process of it runs, or supervisord is about to start one again."""
        return self.state in _ACTIVE

    @property
    def ended(self) -> bool:
        """Whether it may be removed."""
        return not self.active and self.state is not ProgramState.STOPPING


_ACTIVE = frozenset({ProgramState.STARTING, ProgramState.RUNNING, ProgramState.BACKOFF})


class Programs:
    """The programs of the supervisord behind one socket.

    All methods raise `RuntimeUnavailable` if it does not answer.
    """

    def __init__(self, socket: Path) -> None:
        self._rpc = SupervisorClient(socket)
        self._fast: bool | None = None
        self._reload_lock = asyncio.Lock()
        self._asked = 0
        self._reloaded = 0

    async def supervisor_pid(self) -> int:
        """The process id of supervisord itself."""
        return int(await self._rpc.call("supervisor.getPID"))

    async def all(self) -> Mapping[str, Program]:
        """Every program by name."""
        answer = await self._plugin("states")
        if answer is not None:
            rows = json.loads(answer)
            return {row[0]: Program(row[0], _state(row[1]), *row[2:]) for row in rows}
        infos = await self._rpc.call("supervisor.getAllProcessInfo")
        return {info["group"]: _program(info) for info in infos}

    async def one(self, name: str) -> Program | None:
        """One program, or None if supervisord does not know it."""
        try:
            return _program(await self._rpc.call("supervisor.getProcessInfo", name))
        except Fault as fault:
            if fault.code == rpc.BAD_NAME:
                return None
            raise _unexpected(fault) from fault

    async def add(self, name: str) -> None:
        """Take in a program whose file lies in the folder of programs. Repeatable."""
        if await self._plugin("add", name) is None:
            await self._reload()
            await self._tolerant("supervisor.addProcessGroup", name, but=(rpc.ALREADY_ADDED,))

    async def begin(self, name: str) -> None:
        """Start it, if it is not running. Whether it stays up is seen later."""
        await self._tolerant("supervisor.startProcess", name, False, but=(rpc.ALREADY_STARTED, rpc.SPAWN_ERROR))

    async def end(self, name: str) -> None:
        """Ask it to end: TERM to its group now, KILL by supervisord after `stopwaitsecs`."""
        await self._tolerant("supervisor.stopProcess", name, False, but=(rpc.NOT_RUNNING, rpc.BAD_NAME))

    async def remove(self, name: str) -> bool:
        """Forget a program that has ended; False if it runs."""
        fault = await self._tolerant("supervisor.removeProcessGroup", name, but=(rpc.BAD_NAME, rpc.STILL_RUNNING))
        return fault != rpc.STILL_RUNNING

    async def shutdown(self) -> None:
        """Ask supervisord itself to end."""
        await self._tolerant("supervisor.shutdown", but=())

    async def last_exit(self, name: str) -> str:
        """How a program's process last ended, e.g. `exit status 7`; "" if supervisord's log does not tell."""
        try:
            text = str(await self._rpc.call("supervisor.readLog", -_LOG_TAIL, 0))
        except Fault:
            return ""
        ends = re.findall(rf"(?:exited|stopped): {re.escape(name)} \((exit status \d+|terminated by \w+)", text)
        return ends[-1] if ends else ""

    async def _reload(self) -> None:
        """Have supervisord read its files anew: once for all that ask while one reload is under way."""
        self._asked += 1
        mine = self._asked
        async with self._reload_lock:
            if self._reloaded >= mine:
                return
            covers = self._asked
            await self._tolerant("supervisor.reloadConfig", but=())
            self._reloaded = covers

    async def _plugin(self, method: str, *params: str) -> Any:
        """The answer of our plug-in, or None where it is not loaded."""
        if self._fast is False:
            return None
        try:
            answer = await self._rpc.call(f"drafterd.{method}", *params)
        except Fault as fault:
            if fault.code != rpc.UNKNOWN_METHOD:
                raise _unexpected(fault) from fault
            self._fast = False
            return None
        self._fast = True
        return answer

    async def _tolerant(self, method: str, *params: str | bool, but: tuple[int, ...]) -> int | None:
        """Call; faults in `but` mean that it is so already, and are returned."""
        try:
            await self._rpc.call(method, *params)
        except Fault as fault:
            if fault.code not in but:
                raise _unexpected(fault) from fault
            return fault.code
        return None


def _unexpected(fault: Fault) -> RuntimeUnavailable:
    hint = "a file in its folder of programs is broken" if fault.code == rpc.CANT_REREAD else "see supervisord.log"
    return RuntimeUnavailable(f"supervisord refused: {fault}", hint=hint)


def _program(info: Mapping[str, Any]) -> Program:
    return Program(
        name=str(info["group"]),
        state=_state(int(info["state"])),
        pid=int(info["pid"]),
        started=int(info["start"]),
        exit_code=int(info["exitstatus"]),
    )


def _state(number: int) -> ProgramState:
    try:
        return ProgramState(number)
    except ValueError:
        return ProgramState.UNKNOWN
