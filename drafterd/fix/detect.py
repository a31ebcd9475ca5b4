"""Recognises what a draft is, and says how it is built and started.

The first look that finds something decides; each names the sign it went by.
"""

import re
from dataclasses import replace

from drafterd.domain.model import Problem
from drafterd.fix import managers, new_package
from drafterd.fix.folder import Folder
from drafterd.fix.kinds import elsewhere
from drafterd.fix.kinds.bundled import bundled
from drafterd.fix.kinds.detection import Detection, Look
from drafterd.fix.kinds.frameworks import astro, nitro, nuxt, react_router, remix, sveltekit
from drafterd.fix.kinds.nextjs import next_app
from drafterd.fix.kinds.node import node_server
from drafterd.fix.kinds.static import static_files
from drafterd.fix.kinds.vite import vite_app
from drafterd.fix.next_config import NAMES, UNREAD
from drafterd.fix.package import NAME, BadPackage, Package, parse

__all__ = ["Detection", "detect"]

_LOOKS: tuple[Look, ...] = (
    next_app,
    nuxt,
    sveltekit,
    astro,
    nitro,
    react_router,
    remix,
    elsewhere.native,
    vite_app,
    elsewhere.workspace,
    bundled,
    node_server,
    static_files,
)
_PAGE = re.compile(r"(?:src/)?(?:app/(?:.*/)?(?:page|route)|pages/.+)\.(?:tsx?|jsx?)\Z")


def detect(folder: Folder) -> Detection:
    """Look at the files and decide."""
    if not folder.entries:
        return Detection(
            recipe=None,
            problem=Problem(code="empty-folder", summary="the folder is empty", hint="put the project's files in it"),
        )
    if NAME in folder.entries or folder.has(NAME):
        return _with_package(folder)
    return _without_package(folder)


def _with_package(folder: Folder) -> Detection:
    data = folder.read(NAME)
    if data is None:
        return _bad_package("package.json is no plain file that can be read", NAME)
    try:
        package = parse(data)
    except BadPackage as error:
        return _bad_package(f"package.json cannot be read: {error.reason}", f"{NAME}:{error.line}:{error.column}")
    for look in _LOOKS:
        found = look(folder, package)
        if found is not None:
            return _managed(folder, package, found)
    return elsewhere.unknown(folder, package)


def _managed(folder: Folder, package: Package, found: Detection) -> Detection:
    """The same with the package manager that is to install it."""
    if found.recipe is None or not found.recipe.install:
        return found
    choice = managers.of(folder, package)
    recipe = replace(found.recipe, manager=choice.manager)
    return replace(found, recipe=recipe, problems=(*found.problems, *choice.problems))


def _bad_package(summary: str, where: str) -> Detection:
    return Detection(
        recipe=None,
        problem=Problem(
            code="bad-package-json", summary=summary, where=where, hint="npm cannot read it either: mend it there"
        ),
    )


def _without_package(folder: Folder) -> Detection:
    config = next((name for name in (*NAMES, *UNREAD) if folder.has(name)), "")
    page = next((name for name in folder.names() if _PAGE.match(name)), "")
    if config or page:
        return Detection(
            recipe=None,
            problem=Problem(
                code="missing-package-json",
                summary="this looks like a Next.js app without its package.json",
                where=config or page,
                hint="add a package.json with the dependencies next, react and react-dom",
                proposals=(new_package.proposal(folder),),
            ),
        )
    if not folder.has("index.html") and (other := elsewhere.other_language(folder)) is not None:
        return other
    return static_files(folder, None) or elsewhere.unknown(folder, None)
