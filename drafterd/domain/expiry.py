"""When a draft's time to live is over: a preview that nobody changes any more makes room. Pure."""

from drafterd.domain.model import Goal
from drafterd.domain.view import View


def expires_at(view: View, ttl: float) -> float | None:
    """When it is over, seconds since the epoch; None: never, or it has not been built yet.

    It counts from its last build, which its last change has asked for. A paused draft keeps.

    Args:
        ttl: How long the draft lives, seconds; 0: for ever.
    """
    ends = [build.finished for build in view.builds if build.finished is not None]
    began = max([*ends, *(release.created for release in view.releases)], default=None)
    if not ttl or began is None or view.intent.goal is not Goal.RUN:
        return None
    return began + ttl
