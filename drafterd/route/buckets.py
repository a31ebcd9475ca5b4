"""Drafts by the beginnings of their names, so that a proxy need not try the rules of all of them.

Traefik tries its rules one after the other: of 1000 drafts' rules that is most of a request's time. A draft's
rule is looked at only where the rule of its bucket holds. Pure.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby, takewhile

from drafterd.domain.names import DraftId

BUCKET_MAX = 64
"""Drafts that stand side by side; more are parted by their next character."""


def buckets(drafts: Iterable[DraftId], most: int = BUCKET_MAX) -> Mapping[str, tuple[DraftId, ...]]:
    """Drafts by the beginning that all of a bucket share and nobody outside of it has.

    Drafts that are in none stand alone. No bucket's beginning is a whole name of a draft outside of it, or the
    beginning of another bucket's.
    """
    return dict(_parted(sorted(set(drafts)), most))


def _parted(drafts: list[DraftId], most: int) -> Iterator[tuple[str, tuple[DraftId, ...]]]:
    if len(drafts) <= most:
        return
    # Between the first and the last one in order there is none that shares less.
    shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(drafts[0], drafts[-1], strict=False)))
    longer = (draft for draft in drafts if len(draft) > shared)
    for beginning, group in groupby(longer, key=lambda draft: draft[: shared + 1]):
        members = list(group)
        if len(members) > most:
            yield from _parted(members, most)
        elif len(members) > 1:
            yield beginning, tuple(members)
