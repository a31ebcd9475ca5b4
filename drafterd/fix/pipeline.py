"""One pass of all fixes over a folder: detect, propose, show. Nothing is written here but by `apply`."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drafterd.domain.model import Edit, Kind, Problem, Recipe
from drafterd.fix import edits, env_files, scripts
from drafterd.fix.detect import Detection, detect
from drafterd.fix.folder import Change, Folder
from drafterd.fix.masks import Mask
from drafterd.fix.registry import FIXES
from drafterd.fix.settings import DEFAULT_PORT, Context, FixSettings
from drafterd.tree import Tree


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a pass would do to one folder.

    Attributes:
        root: The folder.
        changes: Per file; with secrets, so never shown: `edits` and `unified_diff` are for people.
        recipe: How the fixed draft is built, or None.
        problem: Why it cannot be built, or None.
        problems: What was found and left alone.
        values: The author's variables once the changes are made. Secrets.
    """

    root: Path
    changes: tuple[Change, ...]
    recipe: Recipe | None
    problem: Problem | None
    problems: tuple[Problem, ...]
    values: Mapping[str, str]
    mask: Mask

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Every edit, secrets masked."""
        return tuple(edit for change in self.changes for edit in change.edits)


def propose(
    root: Path,
    *,
    port: int,
    settings: FixSettings,
    draft: str = "",
    tree: Tree | None = None,
    known: Mapping[str, str] | None = None,
) -> Proposal:
    """Look at a folder and say what is to change in it.

    Args:
        root: The folder.
        port: The draft's home port.
        settings: The operator's part.
        draft: Its id, for templates; the folder's name if empty.
        tree: The folder as it was walked, if the caller has it.
        known: Values of the author's env files where they are not in this folder (a snapshot).

    Raises:
        BadDraft: The folder is too large to be read.
        OSError: It cannot be read.
    """
    folder = Folder(root, tree)
    found = detect(folder)
    values = {**(known or {}), **env_files.author_values(folder)}
    mask = Mask({**values, **settings.variables})
    problems = list(found.problems)
    if found.recipe is not None:
        context = _context(
            folder, found, values=values, mask=mask, settings=settings, draft=draft or root.name, port=port
        )
        for fix in FIXES:
            problems += fix(folder, context)
        found = detect(folder)
    problems += [
        Problem(code="not-changed", summary=f"{name} was not changed: {reason}", where=name)
        for name, reason in folder.refused.items()
    ]
    after = {**values, **env_files.author_values(folder)}
    return Proposal(
        root=root,
        changes=folder.changes(),
        recipe=found.recipe,
        problem=found.problem,
        problems=tuple(problems),
        values=after,
        mask=Mask({**settings.variables, **after}),
    )


def _context(
    folder: Folder,
    found: Detection,
    *,
    values: Mapping[str, str],
    mask: Mask,
    settings: FixSettings,
    draft: str,
    port: int,
) -> Context:
    assert found.recipe is not None
    kind = found.recipe.kind
    lines = found.package.scripts.values() if found.package else ()
    ports = frozenset({DEFAULT_PORT, port}).union(*(scripts.ports(line) for line in lines))
    url = f"http://localhost:{port}"
    return Context(
        draft=draft,
        port=port,
        settings=settings,
        kind=kind,
        builds=found.recipe.build,
        start=found.recipe.start,
        package=found.package,
        ports=ports | env_files.own_ports(folder),
        variables={} if kind is Kind.STATIC else settings.render(draft=draft, port=port, url=url, path=""),
        known=values,
        mask=mask,
    )


def apply(proposal: Proposal) -> dict[str, str]:
    """Write a proposal into its folder; returns the files that could not be written, with the reason.

    Raises:
        Superseded: A file changed since it was read.
    """
    return edits.apply(proposal.root, proposal.changes)


def unified_diff(proposal: Proposal) -> str:
    """The proposal as a unified diff for people: secrets are masked, so it is no patch."""
    return "".join(_file_diff(change, proposal.mask) for change in proposal.changes)


def _file_diff(change: Change, mask: Mask) -> str:
    old = _lines(change.file, change.old or b"", mask)
    new = _lines(change.file, change.new, mask)
    before = f"a/{change.file}" if change.old is not None else "/dev/null"
    lines = list(difflib.unified_diff(old, new, before, f"b/{change.file}"))
    if not lines and change.mode is not None:
        return f"mode {change.mode:04o} {change.file}\n"
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(name: str, data: bytes, mask: Mask) -> list[str]:
    text = data.decode("utf-8", errors="replace")
    shown = env_files.masked(text, mask) if name.startswith(".env") else mask(text)
    # One line per newline character only: other separators are the draft's own text.
    return [f"{line}\n" for line in shown.split("\n")[:-1]] + ([last] if (last := shown.split("\n")[-1]) else [])
