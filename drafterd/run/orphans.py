"""Ends what a dead supervisord left behind: it cannot adopt its old children, and they hold their ports.

Found by the mark that the launcher sets in their environment.
"""

from pathlib import Path

import structlog

from drafterd.run import processes

_log = structlog.get_logger(__name__)

_GRACE = 3.0
_LEFTOVER_GRACE = 0.5


def end_orphans(state: Path, *, supervisord: int | None, grace: float = _GRACE) -> frozenset[int]:
    """End marked processes of this state folder that do not descend from the living supervisord.

    Blocks: call it in a thread.

    Args:
        state: The state folder, as the mark names it.
        supervisord: The pid of the living supervisord, or None: every marked process is an orphan.
        grace: Seconds between TERM and KILL.

    Returns:
        The processes that could not be ended.
    """

    def orphans() -> frozenset[int]:
        ours = processes.marked(lambda mark: mark.state == str(state))
        kept = processes.tree(supervisord, processes.table()) if ours and supervisord is not None else frozenset()
        return ours - kept

    first = orphans()
    if not first:
        return frozenset()
    left = processes.end(orphans, grace=grace, within=grace + 5.0)
    _log.info("orphans.ended", count=len(first - left), left=len(left))
    return left


def end_leftovers(state: Path, instance: str) -> frozenset[int]:
    """End what still carries an instance's mark after its program was stopped. Blocks: call it in a thread."""

    def leftovers() -> frozenset[int]:
        return processes.marked(lambda mark: mark.instance == instance and mark.state == str(state))

    return processes.end(leftovers, grace=_LEFTOVER_GRACE)
