"""What running instances use: one pass over /proc, grouped by process group.

supervisord makes each program the leader of a group, so the group's number is the program's pid.
"""

from collections import Counter
from collections.abc import Mapping

from drafterd.run import processes


def usage() -> Mapping[int, int]:
    """Resident bytes by process group. Blocks for some milliseconds: call it in a thread."""
    total: Counter[int] = Counter()
    for entry in processes.table().values():
        total[entry.group] += entry.rss
    return total
