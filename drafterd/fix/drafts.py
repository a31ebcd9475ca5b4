"""The fixes as the core asks for them: applied to a draft's folder, with a record of what was done."""

import asyncio
import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.errors import Superseded, WrongState
from drafterd.domain.model import Edit, FixRecord, Problem, Recipe, Site
from drafterd.domain.names import DraftId
from drafterd.domain.outputs import made_folders
from drafterd.domain.report import Undone
from drafterd.fix import edits as editing
from drafterd.fix import env_files, env_literals, environment, listen_ports, next_wrapper, pipeline
from drafterd.fix.build_script import prepare_scripts
from drafterd.fix.folder import Folder, beneath
from drafterd.fix.kinds import snapshot as kinds_snapshot
from drafterd.fix.pipeline import Proposal
from drafterd.fix.record import Records
from drafterd.fix.registry import FIX_VERSION
from drafterd.fix.settings import FixSettings
from drafterd.fix.undo import Originals, hash_of
from drafterd.layout import Layout
from drafterd.tree import Tree, digest, is_environment, scan

_log = structlog.get_logger(__name__)

_TRIES = 3
_KEPT_EDITS = 500
_SOURCE_RULES = (env_literals.RULE, listen_ports.RULE)
"""The fixes that change the author's program itself."""


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
        """Drop the record; of a source that is gone the originals too."""
        self._records.discard(self._layout.fix_record(draft))
        if not self._layout.source(draft).exists():
            self._originals(draft).discard()

    def _originals(self, draft: DraftId) -> Originals:
        return Originals(self._layout.originals(draft))

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
                with self._originals(draft).held():
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
        originals = self._originals(draft)
        writes = self._settings.write_back and not originals.resting(root)
        before = scan(root)
        proposal = pipeline.propose(root, port=port, settings=self._settings, draft=draft, tree=before)
        failed: dict[str, str] = {}
        after = before
        if proposal.changes and writes:
            originals.keep(root, proposal.changes)
            failed = pipeline.apply(proposal)
            after = scan(root)
            _check(root, before, after, proposal, failed)
        if writes:
            originals.settle(root)
        folder = Folder(root, after)
        return FixRecord(
            stamp=after.stamp,
            digest=digest(root, after.without(made_folders(proposal.recipe))),
            environment_digest=environment.author_digest(folder, proposal.values),
            fix_version=self.version,
            recipe=proposal.recipe,
            edits=self._edits(draft, proposal, failed, written=writes),
            problems=(*proposal.problems, *_unwritten(failed)),
            problem=proposal.problem,
        )

    def _edits(
        self, draft: DraftId, proposal: Proposal, failed: Mapping[str, str], *, written: bool
    ) -> tuple[Edit, ...]:
        """The edits of this pass after those of earlier ones."""
        new = [dataclasses.replace(edit, applied=written and edit.file not in failed) for edit in proposal.edits]
        known = self.record(draft)
        old = [edit for edit in known.edits if edit.applied] if known else []
        if self._settings.write_back and not written:  # taken back, but for what changed since
            changed = self._originals(draft).changed
            old = [edit for edit in old if edit.file in changed]
        return tuple(dict.fromkeys([*old, *new]))[-_KEPT_EDITS:]

    async def undo(self, draft: DraftId) -> Undone:
        """Put the author's files back to the byte, where they still are as the fixes left them.

        Until somebody else changes the source, the fixes go into the builds only.

        Raises:
            WrongState: The folder or the originals cannot be written.
            BadDraft: The folder cannot be walked.
            Superseded: The source changes meanwhile.
        """
        try:
            return await asyncio.to_thread(self._undo, draft)
        except OSError as error:
            raise WrongState(f"the fixes cannot be taken back: {error.strerror}", hint="see who owns it") from error

    def _undo(self, draft: DraftId) -> Undone:
        originals = self._originals(draft)
        with originals.held():
            done = originals.undo(self._layout.source(draft))
            record = self.record(draft)
            if record is not None and done.restored:
                kept = tuple(edit for edit in record.edits if edit.file in done.left)
                self._records.write(self._layout.fix_record(draft), dataclasses.replace(record, edits=kept))
        _log.info("fix.undone", draft=draft, restored=len(done.restored), left=len(done.left))
        return done

    def _writes_back(self, draft: DraftId) -> bool:
        """Whether the fixes stand in the source; else each build's snapshot gets them."""
        return self._settings.write_back and not self._originals(draft).undone

    def environment(self, draft: DraftId, site: Site) -> Mapping[str, str]:
        """The variables a build or an instance gets: the author's, the operator's, ours.

        Raises:
            OSError: The folder cannot be read.
        """
        found = {} if self._writes_back(draft) else self._found_in_source(draft)
        return environment.merged(draft, site, self._settings, self._layout.source(draft), found)

    def _found_in_source(self, draft: DraftId) -> Mapping[str, str]:
        """Values that stand in the source only, because no fix may write them down."""
        root = self._layout.source(draft)
        try:
            return pipeline.propose(root, port=self._home_port(draft), settings=self._settings, draft=draft).values
        except FileNotFoundError:
            return {}

    def prepare(
        self,
        draft: DraftId,
        root: Path,
        *,
        recipe: Recipe,
        base_path: str,
        source_edits: bool = True,
        checks: bool = True,
    ) -> None:
        """Make a build's snapshot at `root` fit to be built for `base_path`. Repeatable.

        Without `source_edits` the author's source files are in it as they were before the fixes put
        variables into them: for a build that failed and might not have without. Without `checks` the
        build's script leaves out what only checks the source (types, style).
        """
        if not self._writes_back(draft):
            known = environment.author_values(self._layout.source(draft))
            port = self._home_port(draft)
            fix_snapshot(root, draft=draft, port=port, settings=self._settings, known=known, source_edits=source_edits)
        elif not source_edits:
            self._lay_back(draft, root)
        if recipe.build:
            prepare_scripts(root, checks=checks)
        next_wrapper.prepare_snapshot(root, recipe=recipe, base_path=base_path)
        kinds_snapshot.prepare_snapshot(root, recipe=recipe)

    def _lay_back(self, draft: DraftId, root: Path) -> None:
        """The author's own source into a snapshot, where it holds what the fixes made of it."""
        originals = self._originals(draft)
        for name, ours, data in itertools.chain.from_iterable(map(originals.earlier, _SOURCE_RULES)):
            if is_environment(name):
                continue
            present = environment.read_beneath(root, name)
            if present is not None and hash_of(present) in ours:
                with beneath(root, name) as path:
                    files.write_atomic(path, data, mode=path.lstat().st_mode & 0o777, sync=False)


def fix_snapshot(
    root: Path, *, draft: str, port: int, settings: FixSettings, known: Mapping[str, str], source_edits: bool = True
) -> None:
    """Apply the fixes to a snapshot, but for env files, which no snapshot holds."""
    proposal = pipeline.propose(root, port=port, settings=settings, draft=draft, known=known)
    kept = [change for change in proposal.changes if change.file != env_files.LOCAL]
    if not source_edits:
        kept = [change for change in kept if not any(edit.rule in _SOURCE_RULES for edit in change.edits)]
    editing.apply(root, tuple(kept))


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
