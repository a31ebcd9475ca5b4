"""What the command line can do without a running daemon: preview and apply the fixes."""

from dataclasses import dataclass
from pathlib import Path

from drafterd.config import Config
from drafterd.daemon import settings
from drafterd.domain.errors import BadDraft
from drafterd.domain.model import Edit, Problem, Recipe
from drafterd.fix import pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class FixPreview:
    """What the fixes would change, or have changed.

    Attributes:
        edits: Each change; secrets are masked.
        diff: The same as a unified diff, masked too.
        problem: Why the draft could not be built, or None.
    """

    edits: tuple[Edit, ...]
    problems: tuple[Problem, ...]
    recipe: Recipe | None
    problem: Problem | None
    diff: str


def fix_folder(directory: Path, config: Config, *, write: bool) -> FixPreview:
    """Run the fixes over a folder; with `write` they are applied.

    Raises:
        BadDraft: It is no folder, or too large to be read.
    """
    if not directory.is_dir():
        raise BadDraft(f"{directory} is no folder", hint="name the folder of a draft")
    proposal = pipeline.propose(
        directory, port=config.ports.first, settings=settings.fix_settings(config), draft=directory.name
    )
    diff = pipeline.unified_diff(proposal)
    if write:
        pipeline.apply(proposal)
    return FixPreview(
        edits=proposal.edits,
        problems=proposal.problems,
        recipe=proposal.recipe,
        problem=proposal.problem,
        diff=diff,
    )
