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
from drafterd.domain.model import Kind, Recipe

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
        "framework": recipe.framework if recipe else "",
        "written": written,
        "urls": list(found.urls),
        "limits": dict(found.limits),
        "recipe": asdict(recipe) if recipe else None,
        "edits": [asdict(edit) for edit in found.edits],
        "problems": [asdict(problem) for problem in found.problems],
        "problem": asdict(found.problem) if found.problem else None,
    }


def _tell_recipe(found: "FixPreview") -> None:
    recipe = found.recipe
    if recipe is None:
        return
    rows = (
        ("kind", f"{recipe.kind.value}: {recipe.why}"),
        ("made with", recipe.framework),
        ("install", f"the dependencies of package.json, by {recipe.manager}" if recipe.install else "nothing"),
        ("build", " ".join(("npm run build", *_arguments(recipe))) if recipe.build else "nothing"),
        ("serve", _served(recipe)),
        *(("address", url) for url in found.urls[:1]),
        *(("also at", f"{url}, which leads there") for url in found.urls[1:]),
        *(("path", _below(recipe)) for _ in found.urls[:1]),
        *((f"{what} in", limit) for what, limit in found.limits.items() if _counts(what, recipe)),
    )
    for name, value in rows:
        output.write(f"{name:<9} {output.clean(value)}")


def _arguments(recipe: Recipe) -> tuple[str, ...]:
    return ("--", *recipe.build_arguments) if recipe.build_arguments else ()


def _served(recipe: Recipe) -> str:
    """How people are answered, in words."""
    command = " ".join(recipe.start)
    unknown = f"; {recipe.fallback} answers for unknown paths" if recipe.fallback else ""
    files = f"the files of {recipe.static_root or 'the folder'}, without a process{unknown}"
    if recipe.kind is Kind.NEXT and not command:
        return "node server.js, as Next.js builds it to stand alone"
    if command and recipe.static_root:
        return f"{command}; if the build leaves none, {files}"
    return command or files


def _below(recipe: Recipe) -> str:
    """What becomes of the prefix of the path address, in words."""
    if recipe.own_base_path:
        return f"its own {recipe.own_base_path} is kept"
    if recipe.prefixed:
        return "built for the prefix of its address"
    if recipe.start:
        return "the proxy takes the prefix of its address off"
    return "files know no prefix; what they ask for without it is led home"


def _counts(what: str, recipe: Recipe) -> bool:
    return recipe.build or recipe.install if what == "build" else bool(recipe.start) or recipe.kind is Kind.NEXT


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
