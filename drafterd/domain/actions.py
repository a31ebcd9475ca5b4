"""The vocabulary between the planner and the world: what it may ask to be done.

Every action can be repeated: doing it twice is the same as doing it once.
"""

from dataclasses import dataclass

from drafterd.domain.model import Problem
from drafterd.domain.names import InstanceId, ReleaseId
from drafterd.domain.routing import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """Apply the fixes to the settled source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue:
    """Build the source with this key; an older wish of the draft is superseded."""

    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """End what is queued or building: nobody needs it any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Start an instance of a release; `alone`: no other one of the draft may start until it is proved."""

    release: ReleaseId
    alone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """End an instance and free its port."""

    instance: InstanceId


@dataclass(frozen=True, slots=True, kw_only=True)
class Condemn:
    """Remember that a release does not work: it is never tried again."""

    release: ReleaseId
    problem: Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Promote:
    """Make a proved release the current one: the commit point of a deploy."""

    release: ReleaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """Keep which release must serve, and for which content of the source; None ends the pin."""

    release: ReleaseId | None
    content: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Send the draft's visitors to a target, or (None) to the daemon's pages."""

    target: Target | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prune:
    """Delete a release that nothing needs."""

    release: ReleaseId


@dataclass(frozen=True, slots=True, kw_only=True)
class Revive:
    """Forget that removal was asked: the source has changed since."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Have the draft removed, as if the operator had asked for it: its time to live is over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discard:
    """Delete everything that was made of a draft; its folder, if any, is not touched."""


Action = Fix | Enqueue | Cancel | Start | Stop | Condemn | Promote | Pin | Route | Prune | Revive | Expire | Discard
