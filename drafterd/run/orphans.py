"""Ends what a dead supervisord left behind: it cannot adopt its old children, and they hold their ports.

Found by the mark that the launcher sets in their environment.
"""

import asyncio
import contextlib
import os
from collections.abc import Collection
from pathlib import Path

import psutil
import structlog

from drafterd.domain.errors import RuntimeUnavailable
from drafterd.layout import Layout
from drafterd.run import processes
from drafterd.run.programs import Programs
from drafterd.run.spec import KnownSpec, specs_on_disk
from drafterd.sandbox.groups import members
from drafterd.sandbox.residents import of_users

_log = structlog.get_logger(__name__)

_GRACE = 3.0
_LEFTOVER_GRACE = 0.5
EVERY = 24 * 3600.0
_AGAIN = 2.0
"""Seconds until a supervisord that does not answer is asked again."""


def end_orphans(
    state: Path, *, supervisord: int | None, users: Collection[int] = (), grace: float = _GRACE
) -> frozenset[int]:
    """End marked processes of this state folder that are older than the living supervisord and not its own.

    What is younger and has left its tree is a part of an instance, and ends with that. Blocks: call it in a thread.

    Args:
        state: The state folder, as the mark names it.
        supervisord: The pid of the living supervisord, or None: every marked process is an orphan.
        users: Who runs nothing but instances of this state.
        grace: Seconds between TERM and KILL.

    Returns:
        The processes that could not be ended.
    """

    def orphans() -> frozenset[int]:
        ours = processes.marked(lambda mark: mark.state == str(state)) | _of(users)
        return ours if supervisord is None else _before(supervisord, ours)

    first = orphans()
    if not first:
        return frozenset()
    left = processes.end(orphans, grace=grace, within=grace + 5.0)
    _log.info("orphans.ended", count=len(first - left), left=len(left))
    return left


async def keep_ended(layout: Layout, *, every: float = EVERY) -> None:
    """End what earlier supervisords left, once this one answers and now and then, whoever runs it; until cancelled.

    What runs as another user, which may not be looked into or ended by us, is told instead.
    """
    programs = Programs(layout.supervisor_socket)
    while True:
        try:
            supervisord = await programs.supervisor_pid()
        except RuntimeUnavailable:
            await asyncio.sleep(_AGAIN)
            continue
        users = {spec.user for spec in specs_on_disk(layout).values() if spec.user is not None}
        left = await asyncio.to_thread(end_orphans, layout.state, supervisord=supervisord, users=users)
        left |= await asyncio.to_thread(_out_of_reach, supervisord)
        if left:
            hint = "they hold ports and memory: look at them with ps, and end them as root"
            _log.warning("orphans.left", pids=sorted(left), hint=hint)
        await asyncio.sleep(every)


def end_leftovers(state: Path, instance: str, spec: KnownSpec | None = None) -> frozenset[int]:
    """End what still carries an instance's mark after its program was stopped. Blocks: call it in a thread.

    Args:
        spec: Tells of a user and of control groups that hold nothing but this instance: what hides its environment
            is found by these, and so is all of it by a daemon that may not look into others' environments.
    """
    users = () if spec is None or spec.user is None else (spec.user,)
    groups = spec.groups if spec else ()

    def leftovers() -> frozenset[int]:
        marked = processes.marked(lambda mark: mark.instance == instance and mark.state == str(state))
        return marked | _of(users) | members(groups)

    return processes.end(leftovers, grace=_LEFTOVER_GRACE)


def _out_of_reach(supervisord: int) -> frozenset[int]:
    """What may have been left by an earlier one, of a user whose processes we may not look into."""
    try:
        user = psutil.Process(supervisord).uids().real
    except psutil.Error:
        return frozenset()
    if os.geteuid() in (0, user) or user == 0:
        return frozenset()
    return _before(supervisord, frozenset(of_users(user.__eq__)))


def _before(supervisord: int, found: frozenset[int]) -> frozenset[int]:
    """Those that were there before it, and are none of its own."""
    if not found:
        return found
    own = processes.tree(supervisord, processes.table())
    began = _began(supervisord)
    return frozenset(pid for pid in found - own if (at := _began(pid)) is not None and began is not None and at < began)


def _began(pid: int) -> float | None:
    with contextlib.suppress(psutil.Error):
        return psutil.Process(pid).create_time()
    return None


def _of(users: Collection[int]) -> frozenset[int]:
    return frozenset(of_users(users.__contains__)) if users else frozenset()
