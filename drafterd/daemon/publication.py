"""Publishes the files of a static draft: works on the state folder, with or without a daemon beside it."""

from dataclasses import dataclass
from pathlib import Path

from drafterd.build import release as releases
from drafterd.config import Config
from drafterd.domain.errors import NotFound, WrongState
from drafterd.domain.model import Release
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.publishing import bucket, folder
from drafterd.publishing.site import Outcome, PublishFailed, site_of

_BUCKET = "s3://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was published.

    Attributes:
        fallback: The file that answers for unknown paths, or "": whoever serves the files has to be told.
        left_out: Files that are not served and so were not published.
        protected: Whether only some may visit the draft here; what is published is open.
    """

    release: str
    outcome: Outcome
    fallback: str
    left_out: tuple[str, ...]
    protected: bool


def publish(
    draft: str, to: str, config: Config, *, endpoint: str | None = None, as_is: bool = False, dry: bool = False
) -> Published:
    """Copy the serving release of a static draft to a folder or, for `s3://BUCKET/PREFIX`, into a bucket.

    Args:
        endpoint: Of a bucket that is not Amazon's.
        as_is: Also where the draft was built for another path than it will lie at.
        dry: Only say what would be done.

    Raises:
        NotFound: There is no such draft, or it serves nothing yet.
        WrongState: It has a server.
        PublishFailed: The place is not this draft's, or cannot be written.
    """
    name = parse_draft_id(draft)
    release = _serving(name, config)
    if not as_is:
        _check_path(release, to)
    site = site_of(Path(release.path), draft=name, release=release.id)
    if to.startswith(_BUCKET):
        outcome = bucket.publish(site, bucket.place_of(to), endpoint=endpoint, dry=dry)
    else:
        outcome = folder.publish(site, Path(to).absolute(), dry=dry)
    return Published(
        release=release.id,
        outcome=outcome,
        fallback=release.fallback,
        left_out=site.left_out,
        protected=_is_protected(name, config),
    )


def _serving(draft: DraftId, config: Config) -> Release:
    layout = config.layout()
    try:
        current = releases.current(layout, draft)
        release = releases.read(layout, draft, current) if current else None
    except PermissionError as error:
        raise PublishFailed(f"{layout.state} may not be read", hint="run it as the user of the daemon") from error
    if release is None:
        raise NotFound(
            f"{draft} has no release in {layout.state}",
            hint="name the configuration of its daemon with --config, or wait until it is built: drafterd wait",
        )
    if not release.static:
        raise WrongState(
            f"{draft} has a server: its files alone are not the app", hint="only static drafts can be published"
        )
    return release


def _check_path(release: Release, to: str) -> None:
    """Raise `PublishFailed` where the pages would look for their files elsewhere."""
    base = release.base_path
    place = to.rstrip("/") if to.startswith(_BUCKET) else str(Path(to).absolute())
    if not base or place.endswith(base):
        return
    raise PublishFailed(
        f"{release.draft} was built for the path {base}: at another one its pages would not find their files",
        hint=f"publish it to {place}{base}, where it will lie at that path; or have it built for the root of a host"
        f" (drafts_config.{release.draft}.address: host); or say --as-is",
    )


def _is_protected(draft: DraftId, config: Config) -> bool:
    own = config.drafts_config.get(draft)
    return (own is not None and own.access is not None) or (config.layout().protections / f"{draft}.json").exists()
