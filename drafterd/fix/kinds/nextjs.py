"""Next.js: a server that stands alone, the author's own server, or a static export."""

import re

from drafterd.domain.model import Kind, Problem, Recipe
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.detection import Detection, base_path_note
from drafterd.fix.kinds.export_routes import dropped_by_export
from drafterd.fix.kinds.node import start_command
from drafterd.fix.next_config import NAMES, UNREAD, facts
from drafterd.fix.package import NAME, Package
from drafterd.fix.package_json import custom_server

NAME_FOR_PEOPLE = "Next.js"
_TOLD_SINCE = 12
"""The first major version that reads the configuration that wraps the author's."""


def next_app(folder: Folder, package: Package) -> Detection | None:
    """By the dependency `next` or a next.config."""
    config = next((name for name in (*NAMES, *UNREAD) if folder.has(name)), "")
    listed = "next" in package.dependencies
    if not listed and not config:
        return None
    problems = [] if listed else [_missing(config)]
    old = 0 < _major(package) < _TOLD_SINCE
    if old:
        problems.append(base_path_note("this version of Next.js cannot be told its path at build", where=NAME))
    known = facts(folder)
    custom = custom_server(folder, package)
    why = f"'next' in {NAME}" if listed else config
    dropped = dropped_by_export(folder) if known.output == "export" and not custom else ""
    if dropped:
        problems.append(_would_drop(known.file, dropped))
        why = f"{why}; output: 'export' in {known.file} would drop {dropped}"
    if known.output == "export" and not custom and not dropped:
        recipe = Recipe(
            kind=Kind.NEXT_EXPORT,
            why=f"{why}, output: 'export' in {known.file}",
            framework=NAME_FOR_PEOPLE,
            install=True,
            build=True,
            static_root=known.out,
            prefixed=not old,
            own_base_path=known.base_path,
        )
    else:
        recipe = Recipe(
            kind=Kind.NEXT,
            why=f"{why}, own server {custom}" if custom else why,
            framework=NAME_FOR_PEOPLE,
            install=True,
            build=True,
            start=start_command(package) if custom else (),
            prefixed=not old,
            own_base_path=known.base_path,
        )
    return Detection(recipe=recipe, package=package, problems=tuple(problems))


def _major(package: Package) -> int:
    """The major version of Next.js that is asked for; 0: that cannot be told."""
    found = re.search(r"\d{1,4}", package.dependencies.get("next", ""))
    return int(found[0]) if found else 0


def _missing(config: str) -> Problem:
    return Problem(
        code="missing-dependency",
        summary=f"there is a {config}, but 'next' is no dependency",
        where=NAME,
        hint="add next, react and react-dom to the dependencies",
    )


def _would_drop(config: str, dropped: str) -> Problem:
    return Problem(
        code="export-with-routes",
        summary=f"output: 'export' makes files only and would drop {dropped}: the draft is served by a server instead",
        where=config,
        hint="take output: 'export' out, or what needs a server",
    )
