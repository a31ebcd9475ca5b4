"""Runs a command in a network namespace of its own, and is its way out.

Two processes: this one stays in the machine's network and carries what goes through the holes; its
child makes the namespace, closes what is closed, and becomes the command, which has lost by then
what it would need to open anything again. The way to the internet is a third, `slirp4netns`, a
network in a program. All of them end with this one, and this one with the daemon.
"""

import contextlib
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from drafterd.fence import netlink
from drafterd.fence.plan import HALVES, SUBNET, Hole, Plan, of_word
from drafterd.fence.relay import Relay

FAILED = 125
"""The exit code when the command was not started."""

_SIGNALLED = 128
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000
_SET_DEATH_SIGNAL = 1
_INTERFACE = "tap0"
_MTU = 65_520
_GO = b"go"
_QUEUE = 128
_COMPLAINT_MAX = 500
_IGNORED_BY_PYTHON = (signal.SIGPIPE, signal.SIGXFSZ)


def main(words: Sequence[str]) -> NoReturn:
    """Run `words[1:]` with the network that `words[0]` describes; end with its exit code, or 128 and its signal."""
    plan, command = of_word(words[0]), words[1:]
    _die_with_parent()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    child = os.fork()
    try:
        if not child:
            ours.close()
            _become(plan, theirs, command)
        theirs.close()
        code = _accompany(plan, child, ours)
    except (OSError, RuntimeError) as error:
        sys.stderr.write(f"the network of this build could not be made: {error}\n")
        sys.stderr.flush()
        code = FAILED
    if child and code == FAILED:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    os._exit(code)


def _become(plan: Plan, parent: socket.socket, command: Sequence[str]) -> NoReturn:
    """Make the namespace and become the command."""
    _unshare(_NEW_NETWORK | (_NEW_USER if plan.user_namespace else 0), plan.user_namespace)
    _die_with_parent()
    netlink.tell([netlink.up()])
    open_, listeners = [], []
    for index, hole in enumerate(plan.holes):
        listener = _listen(hole)
        if listener:
            open_.append(index)
            listeners.append(listener)
    socket.send_fds(parent, [bytes(open_) or b"\xff"], [listener.fileno() for listener in listeners])
    if parent.recv(len(_GO)) != _GO:
        os._exit(FAILED)
    closed = [*plan.closed, *HALVES] if plan.program else []
    netlink.tell(map(netlink.close, closed))
    for number in _IGNORED_BY_PYTHON:
        signal.signal(number, signal.SIG_DFL)
    os.execve(command[0], list(command), _environment())  # noqa: S606 - no shell, the command's words


def _environment() -> dict[bytes, bytes]:
    """As it was given to us: Python adds variables of its own to what it hands on."""
    variables = Path("/proc/self/environ").read_bytes().split(b"\0")
    return {name: value for name, equals, value in (each.partition(b"=") for each in variables) if equals}


def _unshare(flags: int, user: bool) -> None:  # noqa: FBT001 - as the plan says it
    me, group = os.geteuid(), os.getegid()
    if ctypes.CDLL(None, use_errno=True).unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "unshare")
    if user:
        # We are called root in there, because slirp4netns asks for one; outside we are who we were.
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {me} 1"), ("gid_map", f"0 {group} 1")):
            Path("/proc/self", name).write_text(text, "ascii")


def _listen(hole: Hole) -> socket.socket | None:
    """The socket inside; None where the kernel has no addresses of this kind."""
    family = netlink.family(hole.listen)
    try:
        if not hole.listen.startswith("127.") and hole.listen != "::1":
            netlink.tell([netlink.add(hole.listen)])
        listener = socket.socket(family, socket.SOCK_DGRAM if hole.datagrams else socket.SOCK_STREAM)
        listener.bind((hole.listen, hole.listen_port))
        if not hole.datagrams:
            listener.listen(_QUEUE)
    except OSError:
        if family is socket.AF_INET6:
            return None
        raise
    return listener


def _accompany(plan: Plan, child: int, channel: socket.socket) -> int:
    """Be the child's way out until it ends; its exit code."""
    ended = os.pidfd_open(child)
    numbers, descriptors, _, _ = socket.recv_fds(channel, len(plan.holes) or 1, len(plan.holes))
    relay = Relay()
    for number, descriptor in zip(numbers, descriptors, strict=False):
        relay.open(plan.holes[number], socket.socket(fileno=descriptor))
    way_out = _Internet(plan.program, child) if numbers and plan.program else None
    with contextlib.suppress(BrokenPipeError):
        channel.send(_GO)
    relay.until(ended)
    if way_out:
        way_out.end()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else _SIGNALLED - code


class _Internet:
    """The network in a program. Raises `RuntimeError` where it cannot be had: what it says about it."""

    def __init__(self, program: str, child: int) -> None:
        ready, told = os.pipe()
        held, self._held = os.pipe()  # it ends once nobody holds the other end: with us, whatever ends us
        said = os.memfd_create("said")
        for descriptor in (told, held):
            os.set_inheritable(descriptor, True)
        ways = ["--disable-host-loopback", "--disable-dns", "--enable-sandbox", "--enable-seccomp"]
        ways += [f"--mtu={_MTU}", f"--cidr={SUBNET}", f"--ready-fd={told}", f"--exit-fd={held}"]
        self._pid = os.posix_spawn(
            program,
            [program, "--configure", *ways, str(child), _INTERFACE],
            {},
            file_actions=[(os.POSIX_SPAWN_DUP2, said, number) for number in (1, 2)],
            setsigdef=_IGNORED_BY_PYTHON,
        )
        for descriptor in (told, held):
            os.close(descriptor)
        if not os.read(ready, 1):
            self.end()
            raise RuntimeError(_complaint(said) or "slirp4netns ended")

    def end(self) -> None:
        """End it, and wait until it has gone."""
        os.close(self._held)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)


def _complaint(said: int) -> str:
    os.lseek(said, 0, os.SEEK_SET)
    lines = os.read(said, _COMPLAINT_MAX).decode(errors="replace").split("\n")
    return next((line for line in lines if line and not line.startswith(("WARNING", "sent", "received"))), "")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
