"""Ends what a dead supervisord left behind: it cannot adopt its old children, and they hold their ports.

Found by the mark that the launcher sets in their environment.
"""

from collections.abc import Collection
from pathlib import Path

import structlog

from drafterd.run import processes
from drafterd.run.spec import KnownSpec
from drafterd.sandbox.groups import members
from drafterd.sandbox.residents import of_users

_log = structlog.get_logger(__name__)

_GRACE = 3.0
_LEFTOVER_GRACE = 0.5


def end_orphans(
    state: Path, *, supervisord: int | None, users: Collection[int] = (), grace: float = _GRACE
) -> frozenset[int]:
    """End marked processes of this state folder that do not descend from the living supervisord.

    Blocks: call it in a thread.

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
        kept = processes.tree(supervisord, processes.table()) if ours and supervisord is not None else frozenset()
        return ours - kept

    first = orphans()
    if not first:
        return frozenset()
    left = processes.end(orphans, grace=grace, within=grace + 5.0)
    _log.info("orphans.ended", count=len(first - left), left=len(left))
    return left


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


def _of(users: Collection[int]) -> frozenset[int]:
    return frozenset(of_users(users.__contains__)) if users else frozenset()
