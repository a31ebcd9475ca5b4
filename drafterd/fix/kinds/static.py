"""A folder of files that are served as they lie."""

from drafterd.domain.model import Kind, Recipe
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.detection import Detection
from drafterd.fix.package import NAME, Package

PLACES = ("public", "dist", "build", "out", "site", "www", "docs", "html", "static", "src")
"""Folders in which a site without an index.html of its own may lie."""


def static_files(folder: Folder, package: Package | None) -> Detection | None:
    """By index.html, at the top or in the one folder that is known to hold sites."""
    if package is not None and package.scripts.get("build", "").strip():
        return None
    inner = [place for place in PLACES if folder.has(f"{place}/index.html")]
    if not folder.has("index.html") and len(inner) != 1:
        return None
    root = "" if folder.has("index.html") else inner[0]
    file = f"{root}/index.html" if root else "index.html"
    why = f"{file} and no {NAME}" if package is None else f"{file}, and {NAME} builds nothing"
    return Detection(
        recipe=Recipe(kind=Kind.STATIC, why=why, framework="static files", static_root=root), package=package
    )
