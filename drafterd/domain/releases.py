"""The releases of a draft that are kept: how each stands, and which may be gone back to."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from drafterd.domain.errors import BadRelease, NotFound, WrongState
from drafterd.domain.model import Problem
from drafterd.domain.names import ReleaseId, release_number
from drafterd.domain.state import serving
from drafterd.domain.view import View


class Standing(StrEnum):
    """What is known of a release."""

    SERVING = "serving"
    """visitors get it"""
    GOOD = "good"
    """nothing speaks against it"""
    BAD = "bad"
    """it was tried and does not work"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One release that is kept.

    Attributes:
        built: When it was made, seconds since the epoch.
        problem: Why it is bad, or None.
    """

    id: ReleaseId
    standing: Standing
    built: float
    problem: Problem | None = None


def kept(view: View) -> tuple[Kept, ...]:
    """Every release that is kept, newest first."""
    now = serving(view)

    def all_of_them() -> Iterator[Kept]:
        for release in sorted(view.releases, key=lambda each: release_number(each.id), reverse=True):
            problem = view.bad.get(release.id)
            good = Standing.SERVING if release.id == now else Standing.GOOD
            yield Kept(
                id=release.id, standing=Standing.BAD if problem else good, built=release.created, problem=problem
            )

    return tuple(all_of_them())


def chosen(view: View, wanted: str | None) -> ReleaseId:
    """The release that a rollback leads to.

    Args:
        wanted: Its name; None for the newest good one before the one that should serve now.

    Raises:
        NotFound: It is not kept.
        BadRelease: It is known not to work.
        WrongState: There is no earlier one.
    """
    there = {each.id: each for each in kept(view)}
    if wanted is None:
        return _earlier(view, there)
    found = next((each for each in there.values() if each.id == wanted), None)
    if found is None:
        raise NotFound(f"{view.draft} has no release of that name", hint=_listed(there))
    if found.problem is not None:
        raise BadRelease(
            f"{found.id} of {view.draft} is known not to work: {found.problem.summary}", hint=_listed(there)
        )
    return found.id


def _earlier(view: View, there: dict[ReleaseId, Kept]) -> ReleaseId:
    limit = release_number(view.current) if view.current else None
    for each in there.values():
        if each.problem is None and (limit is None or release_number(each.id) < limit):
            return each.id
    now = f" before {view.current}" if view.current else ""
    raise WrongState(f"{view.draft} has no good release{now}", hint=_listed(there))


def _listed(there: dict[ReleaseId, Kept]) -> str:
    """The releases that are kept, for people."""
    words = [
        name if each.standing is Standing.GOOD else f"{name} ({each.standing.value})" for name, each in there.items()
    ]
    return f"kept are {', '.join(words)}" if words else "none is kept: nothing of it was built yet"
