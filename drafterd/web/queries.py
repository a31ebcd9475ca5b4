"""What programs may ask with: queries and bodies, strict, unknown fields refused."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drafterd.domain.state import State

WAIT_MAX = 600.0
"""Longest long poll, seconds."""
LINES_MAX = 10_000
"""Most lines of a log's tail."""
RELEASE_MAX = 20
"""Longest name of a release; they are much shorter."""

Sort = Literal["id", "-id", "state", "-state", "port", "-port", "settled", "-settled"]


class Query(BaseModel):
    """A query without fields; all others extend it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class ProbeQuery(Query):
    """`?verbose` lists the checks."""

    verbose: Literal["", "1", "true"] | None = None


class DraftsQuery(Query):
    """Which drafts, in which order, how many.

    Attributes:
        q: Part of the id, in any case.
        cursor: `next` of the page before.
    """

    state: State | None = None
    q: str = Field(default="", max_length=100)
    sort: Sort = "id"
    limit: int = Field(default=100, ge=1, le=1000)
    cursor: str = Field(default="", max_length=400)


class DraftQuery(Query):
    """`wait`: answer when the draft is in that state, has failed for good, or time is over."""

    wait: State | None = None
    timeout: float = Field(default=60.0, ge=0, le=WAIT_MAX, allow_inf_nan=False)


class DeleteQuery(Query):
    """`purge=source`: the draft's own folder too."""

    purge: Literal["source"] | None = None


class LogQuery(Query):
    """`tail`: only so many lines from the end."""

    tail: int | None = Field(default=None, ge=1, le=LINES_MAX)


class BuildLogQuery(LogQuery):
    """Which lines of a build's log, and how.

    Attributes:
        errors: Those around the first error of a failed build; of another one, those that tell of errors.
        format: `json`: an object for each line, with its time and its step.
    """

    errors: Literal["", "1", "true"] | None = None
    format: Literal["text", "json"] = "text"


class Body(BaseModel):
    """A body without fields; all others extend it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BuildBody(Body):
    """`clean`: leave the caches out."""

    clean: bool = False


class RollbackBody(Body):
    """`release`: which one; without it the newest good one before the one that serves."""

    release: str | None = Field(default=None, max_length=RELEASE_MAX)


class DraftPatch(Body):
    """`pinned`: the release that is to serve until the source changes; null ends that."""

    pinned: str | None = Field(default=None, max_length=RELEASE_MAX)
