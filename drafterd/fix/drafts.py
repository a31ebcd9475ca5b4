"""The fixes as the core asks for them: applied to a draft's folder, with a record of what was done."""

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import Superseded
from drafterd.domain.model import Edit, FixRecord, Problem, Recipe, Site
from drafterd.domain.names import DraftId
from drafterd.fix import edits as editing
from drafterd.fix import env_files, environment, next_wrapper, pipeline
from drafterd.fix.folder import Folder, beneath
from drafterd.fix.pipeline import Proposal
from drafterd.fix.record import Records
from drafterd.fix.registry import FIX_VERSION
from drafterd.fix.settings import FixSettings
from drafterd.layout import Layout
from drafterd.tree import Tree, digest, scan

_log = structlog.get_logger(__name__)

_TRIES = 3
_KEPT_EDITS = 500


class FolderFixes:
    """Fixes the folders below `layout.drafts`.

    Attributes:
        version: Which set of fixes this is.
    """

    version: int = FIX_VERSION

    def __init__(self, *, layout: Layout, settings: FixSettings, home_port: Callable[[DraftId], int]) -> None:
        self._layout = layout
        self._settings = settings
        self._home_port = home_port
        self._records = Records()

    def record(self, draft: DraftId) -> FixRecord | None:
        """What the last pass found; None: there was none, or its file cannot be read."""
        return self._records.read(self._layout.fix_record(draft))

    def discard(self, draft: DraftId) -> None:
        """Drop the record."""
        self._records.discard(self._layout.fix_record(draft))

    async def apply(self, draft: DraftId) -> FixRecord:
        """Fix the source now and keep the record.

        Raises:
            Superseded: The source keeps changing meanwhile, or is gone.
            BadDraft: It is too large to be read.
            PortsExhausted: There is no home port for it.
        """
        port = self._home_port(draft)
        return await asyncio.to_thread(self._apply, draft, port)

    def _apply(self, draft: DraftId, port: int) -> FixRecord:
        for _ in range(_TRIES):
            try:
                record = self._pass(draft, port)
            except (Superseded, FileNotFoundError) as error:
                reason = str(error)
                continue
            self._records.write(self._layout.fix_record(draft), record)
            _log.info(
                "fix.finished",
                draft=draft,
                edits=len(record.edits),
                problem=record.problem.code if record.problem else None,
            )
            return record
        raise Superseded(f"the source of {draft} keeps changing while it is being fixed: {reason}")

    def _pass(self, draft: DraftId, port: int) -> FixRecord:
        root = self._layout.source(draft)
        for left in () if root.is_symlink() else files.swept(root):  # half-written by a kill; it may hold secrets
            _log.info("temporary.removed", draft=draft, path=left.name)
        before = scan(root)
        proposal = pipeline.propose(root, port=port, settings=self._settings, draft=draft, tree=before)
        failed: dict[str, str] = {}
        after = before
        if proposal.changes and self._settings.write_back:
            failed = pipeline.apply(proposal)
            after = scan(root)
            _check(root, before, after, proposal, failed)
        folder = Folder(root, after)
        return FixRecord(
            stamp=after.stamp,
            digest=digest(root, after),
            environment_digest=environment.author_digest(folder, proposal.values),
            fix_version=self.version,
            recipe=proposal.recipe,
            edits=self._edits(draft, proposal, failed),
            problems=(*proposal.problems, *_unwritten(failed)),
            problem=proposal.problem,
        )

    def _edits(self, draft: DraftId, proposal: Proposal, failed: Mapping[str, str]) -> tuple[Edit, ...]:
        """The edits of this pass after those of earlier ones."""
        written = self._settings.write_back
        new = [dataclasses.replace(edit, applied=written and edit.file not in failed) for edit in proposal.edits]
        known = self.record(draft)
        old = [edit for edit in known.edits if edit.applied] if known else []
        return tuple(dict.fromkeys([*old, *new]))[-_KEPT_EDITS:]

    def environment(self, draft: DraftId, site: Site) -> Mapping[str, str]:
        """The variables a build or an instance gets: the author's, the operator's, ours.

        Raises:
            OSError: The folder cannot be read.
        """
        found = {} if self._settings.write_back else self._found_in_source(draft)
        return environment.merged(draft, site, self._settings, self._layout.source(draft), found)

    def _found_in_source(self, draft: DraftId) -> Mapping[str, str]:
        """Values that stand in the source only, because no fix may write them down."""
        root = self._layout.source(draft)
        try:
            return pipeline.propose(root, port=self._home_port(draft), settings=self._settings, draft=draft).values
        except FileNotFoundError:
            return {}

    def prepare(self, draft: DraftId, root: Path, *, recipe: Recipe, base_path: str) -> None:
        """Make a build's snapshot at `root` fit to be built for `base_path`. Repeatable."""
        if not self._settings.write_back:
            known = environment.author_values(self._layout.source(draft))
            fix_snapshot(root, draft=draft, port=self._home_port(draft), settings=self._settings, known=known)
        next_wrapper.prepare_snapshot(root, recipe=recipe, base_path=base_path)


def fix_snapshot(root: Path, *, draft: str, port: int, settings: FixSettings, known: Mapping[str, str]) -> None:
    """Apply the fixes to a snapshot, but for env files, which no snapshot holds."""
    proposal = pipeline.propose(root, port=port, settings=settings, draft=draft, known=known)
    kept = tuple(change for change in proposal.changes if change.file != env_files.LOCAL)
    editing.apply(root, kept)


def _check(root: Path, before: Tree, after: Tree, proposal: Proposal, failed: Mapping[str, str]) -> None:
    """Raise `Superseded` if anything but our own changes happened between the two walks."""
    ours = {change.file: change.new for change in proposal.changes if change.file not in failed}
    for name in before.entries.keys() | after.entries.keys():
        if name not in ours and before.entries.get(name) != after.entries.get(name):
            raise Superseded(f"{name!a} changed while the draft was being fixed")
    for name, new in ours.items():
        with beneath(root, name) as path:
            if not editing.matches(path, new):
                raise Superseded(f"{name!a} changed while the draft was being fixed")


def _unwritten(failed: Mapping[str, str]) -> tuple[Problem, ...]:
    return tuple(
        Problem(code="not-changed", summary=f"{name} was not changed: {reason}", where=name)
        for name, reason in failed.items()
    )
