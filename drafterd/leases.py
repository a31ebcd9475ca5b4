"""Which port belongs to whom: home ports of drafts and the ports of their instances.

Kept in files beside what they belong to (a draft's `port`, an instance's launch specification), so
that there is no second truth that could disagree; read once at start.
"""

import json
import socket
from collections.abc import Callable, Collection
from pathlib import Path

import structlog

from drafterd.domain import ports
from drafterd.domain.errors import PortsExhausted
from drafterd.domain.names import DraftId, InstanceId
from drafterd.files import write_atomic
from drafterd.layout import Layout

_log = structlog.get_logger(__name__)


class PortLeases:
    """The pool `first`..`last`; implements `domain.interfaces.Ports`. One owner: the daemon.

    Args:
        on_taken: Told of a draft whose home port went to another one.
    """

    def __init__(
        self, layout: Layout, *, first: int, last: int, on_taken: Callable[[DraftId], None] = lambda _draft: None
    ) -> None:
        self._layout = layout
        self._on_taken = on_taken
        self._first = first
        self._last = last
        self._homes: dict[DraftId, int] = {}
        self._instances: dict[InstanceId, int] = {}
        self._read()

    def _read(self) -> None:
        for file in sorted((self._layout.state / "drafts").glob("*/port")):
            port = _read_port(file)
            if port is not None and port not in self._homes.values():
                self._homes[DraftId(file.parent.name)] = port
        for file in sorted((self._layout.state / "instances").glob("*.json")):
            try:
                port = int(json.loads(file.read_bytes())["address"]["port"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                _log.warning("spec.unreadable", instance=file.stem, reason=str(error))
                continue
            self._instances[InstanceId(file.stem)] = port

    @property
    def free(self) -> int:
        """How many ports of the pool are leased to nobody."""
        return len(range(self._first, self._last + 1)) - len(
            {port for port in self._taken() if self._first <= port <= self._last}
        )

    def _taken(self) -> set[int]:
        return {*self._homes.values(), *self._instances.values()}

    def others(self, draft: DraftId) -> frozenset[int]:
        """The ports that are leased to other drafts."""
        homes = {port for name, port in self._homes.items() if name != draft}
        return frozenset(homes | {port for name, port in self._instances.items() if name.rpartition(".")[0] != draft})

    def home_port(self, draft: DraftId) -> int | None:
        """The draft's home port if it has one."""
        return self._homes.get(draft)

    def home(self, draft: DraftId) -> int:
        """The draft's home port, leased at the first call. Raises `PortsExhausted`."""
        if draft not in self._homes:
            port = self._pick(self._taken, prefer=None)
            file = self._layout.home_port(draft)
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, f"{port}\n".encode())
            self._homes[draft] = port
        return self._homes[draft]

    def lease(self, instance: InstanceId, draft: DraftId) -> int:
        """A free port for an instance, the draft's home port first. Repeatable. Raises `PortsExhausted`."""
        if instance not in self._instances:
            home = self.home(draft)
            self._instances[instance] = self._pick(
                lambda: (self._taken() - {home}) | set(self._instances.values()), prefer=home
            )
        return self._instances[instance]

    def _pick(self, taken: Callable[[], Collection[int]], *, prefer: int | None) -> int:
        """A free port; in need the home port of a draft that is gone. Raises `PortsExhausted`."""
        while True:
            try:
                return ports.pick(self._first, self._last, prefer=prefer, taken=taken(), is_free=is_free)
            except PortsExhausted:
                if (gone := self._longest_gone()) is None:
                    raise
                _log.info("port.taken", draft=gone, port=self._homes[gone])
                self.discard(gone)
                self._on_taken(gone)

    def _longest_gone(self) -> DraftId | None:
        """A draft whose folder is not there and of which nothing runs; of several the oldest lease."""
        running = {name.rpartition(".")[0] for name in self._instances}
        gone = [draft for draft in self._homes if draft not in running and not self._layout.source(draft).exists()]
        return min(gone, key=self._leased_at, default=None)

    def _leased_at(self, draft: DraftId) -> float:
        try:
            return self._layout.home_port(draft).stat().st_mtime
        except OSError:
            return 0.0

    def release(self, instance: InstanceId) -> None:
        """Give an instance's port back."""
        self._instances.pop(instance, None)

    def discard(self, draft: DraftId) -> None:
        """Give the home port back, and what instances that never came to be still hold."""
        self._homes.pop(draft, None)
        for instance in [name for name in self._instances if name.rpartition(".")[0] == draft]:
            del self._instances[instance]
        self._layout.home_port(draft).unlink(missing_ok=True)


def is_free(port: int) -> bool:
    """Whether nobody listens on the port, on the loopback or on every address.

    With SO_REUSEADDR, as Node binds: connections of an ended server that still linger do not count.
    """
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0")):  # noqa: S104 - bound, never listening
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True


def _read_port(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError) as error:
        _log.warning("port.unreadable", draft=file.parent.name, reason=str(error))
        return None
