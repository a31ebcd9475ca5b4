"""`fix` and `explain`: the fixes on one folder, without a daemon."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import ConfigFile, Json
from drafterd.cli.config import loaded
from drafterd.cli.failures import Code, CommandFailed
from drafterd.cli.look import edit_lines, tell_undone

if TYPE_CHECKING:  # imported late: the daemon's modules take a second that other commands need not wait
    from drafterd.daemon import FixPreview

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", exists=True, file_okay=False, help="The folder of a draft.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print the changes as a diff (secrets masked), change nothing.")]
Undo = Annotated[bool, typer.Option("--undo", help="Take back what the fixes changed: every file to the byte.")]
Check = Annotated[bool, typer.Option("--check", help="Change nothing; exit code 1 when something would change.")]


def _preview(directory: Path, config: Path | None, *, write: bool) -> "FixPreview":
    from drafterd import daemon

    # The folder's own name is the draft's, also for `.`.
    return daemon.fix_folder(directory.resolve(), loaded(config), write=write)


def fix(
    directory: Folder,
    *,
    dry_run: DryRun = False,
    diff: Diff = False,
    check: Check = False,
    undo: Undo = False,
    config: ConfigFile = None,
    as_json: Json = False,
) -> None:
    """Make a folder fit to be built and served; says what it changed and what it found."""
    if undo:
        _undo(directory, config, alone=not (dry_run or diff or check), as_json=as_json)
        return
    write = not (dry_run or diff or check)
    found = _preview(directory, config, write=write)
    if as_json:
        output.write_json(_as_json(found, written=write))
    elif diff:
        for line in found.diff.splitlines():
            output.write(_kept_spaces(line))
    else:
        _tell_edits(found)
    if not as_json:
        _tell_problems(found)
    if check and found.edits:
        raise CommandFailed(f"{len(found.edits)} changes are due", hint="run it without --check to make them")
    if found.problem is not None:
        raise CommandFailed(found.problem.summary, hint=found.problem.hint)
    if not as_json and not found.edits:
        output.say("nothing to change")


def _undo(directory: Path, config: Path | None, *, alone: bool, as_json: bool) -> None:
    from drafterd import daemon

    if not alone:
        raise CommandFailed("--undo goes with no other option", hint="give it alone", exit_code=Code.USAGE)
    done = daemon.undo_folder(directory.resolve(), loaded(config))
    tell_undone({"restored": list(done.restored), "left": dict(done.left)}, as_json=as_json)


def explain(directory: Folder, config: ConfigFile = None, as_json: Json = False) -> None:
    """Say what would be fixed, built and served of a folder, without doing it."""
    found = _preview(directory, config, write=False)
    if as_json:
        output.write_json(_as_json(found, written=False))
    else:
        _tell_recipe(found)
        _tell_edits(found)
        _tell_problems(found)
    if found.problem is not None:
        raise CommandFailed(found.problem.summary, hint=found.problem.hint)


def _as_json(found: "FixPreview", *, written: bool) -> dict[str, Any]:
    """In the shape of the API's `fixes`, with how it would be built."""
    recipe = found.recipe
    return {
        "kind": recipe.kind.value if recipe else None,
        "why": recipe.why if recipe else "",
        "written": written,
        "recipe": asdict(recipe) if recipe else None,
        "edits": [asdict(edit) for edit in found.edits],
        "problems": [asdict(problem) for problem in found.problems],
        "problem": asdict(found.problem) if found.problem else None,
    }


def _tell_recipe(found: "FixPreview") -> None:
    recipe = found.recipe
    if recipe is None:
        return
    start = " ".join(recipe.start) or ("files" if recipe.static_root else "as the build decides")
    rows = (
        ("kind", f"{recipe.kind.value}: {recipe.why}"),
        ("install", "the dependencies of package.json" if recipe.install else "nothing"),
        ("build", "npm run build" if recipe.build else "nothing"),
        ("serve", start),
    )
    for name, value in rows:
        output.write(f"{name:<8} {output.clean(value)}")


def _tell_edits(found: "FixPreview") -> None:
    for edit in found.edits:
        for line in edit_lines(asdict(edit)):
            output.write(line)


def _tell_problems(found: "FixPreview") -> None:
    for problem in found.problems:
        for line in output.problem_lines(asdict(problem)):
            output.say(line)


def _kept_spaces(line: str) -> str:
    """A line of a diff: its first character is a sign, and its indentation counts."""
    return line[:1] + output.clean(line[1:])
