"""What the command line can do without a running daemon: preview, apply and take back the fixes."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from drafterd.config import Config
from drafterd.daemon import settings
from drafterd.domain.errors import BadDraft, BadName, ConfigError
from drafterd.domain.model import Edit, Problem, Recipe
from drafterd.domain.names import parse_draft_id
from drafterd.domain.report import Undone
from drafterd.fix import pipeline
from drafterd.fix.undo import BESIDE, Originals


@dataclass(frozen=True, slots=True, kw_only=True)
class FixPreview:
    """What the fixes would change, or have changed.

    Attributes:
        edits: Each change; secrets are masked.
        diff: The same as a unified diff, masked too.
        problem: Why the draft could not be built, or None.
        urls: Where it would be reached, the address it is built for first; none for a name that is no id.
        limits: What it may use, in words, by what is limited.
    """

    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    recipe: Recipe | None
    problem: Problem | None
    diff: str
    urls: tuple[str, ...] = ()
    limits: Mapping[str, str] = field(default_factory=dict)


def fix_folder(directory: Path, config: Config, *, write: bool) -> FixPreview:
    """Run the fixes over a folder; with `write` they are applied.

    Raises:
        BadDraft: It is no folder, or too large to be read.
    """
    _check(directory)
    if write:
        with _originals(directory, config) as originals:
            return _fixed(directory, config, originals)
    return _fixed(directory, config, None)


def undo_folder(directory: Path, config: Config) -> Undone:
    """Put the author's files back as they were before the fixes changed them.

    Raises:
        BadDraft: It is no folder, or too large to be read.
        ConfigError: Its originals cannot be read or written by this user.
    """
    _check(directory)
    with _originals(directory, config) as originals:
        return originals.undo(directory)


def _check(directory: Path) -> None:
    if not directory.is_dir():
        raise BadDraft(f"{directory} is no folder", hint="name the folder of a draft")


@contextlib.contextmanager
def _originals(directory: Path, config: Config) -> Iterator[Originals]:
    """Where the originals of a folder lie: a draft's with the daemon, those of any other folder in it."""
    layout = config.layout()
    place = directory / BESIDE
    if directory.parent == layout.drafts.resolve():
        with contextlib.suppress(BadName):
            place = layout.originals(parse_draft_id(directory.name))
    originals = Originals(place)
    try:
        with originals.held():
            yield originals
    except PermissionError as error:
        raise ConfigError(
            f"{error.filename or place} may not be read or written", hint="run it as the user of the daemon"
        ) from error


def _fixed(directory: Path, config: Config, originals: Originals | None) -> FixPreview:
    proposal = pipeline.propose(
        directory, port=config.ports.first, settings=settings.fix_settings(config), draft=directory.name
    )
    diff = pipeline.unified_diff(proposal)
    if originals is not None:
        originals.wake()
        originals.keep(directory, proposal.changes)
        pipeline.apply(proposal)
        originals.settle(directory)
    return FixPreview(
        edits=proposal.edits,
        problems=proposal.problems,
        recipe=proposal.recipe,
        problem=proposal.problem,
        diff=diff,
        urls=_urls(directory.name, config),
        limits={
            "build": f"{config.build.timeout:g} s",
            "start": f"{config.run.start_timeout:g} s until it answers",
        },
    )


def _urls(name: str, config: Config) -> tuple[str, ...]:
    with contextlib.suppress(BadName):
        return settings.addressing_of(config).urls(parse_draft_id(name))
    return ()
