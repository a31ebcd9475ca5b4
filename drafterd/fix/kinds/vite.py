"""Vite: a page that is built and served as files; unknown paths are the app's own routes."""

import re

from drafterd.domain.model import Kind, Problem, Recipe
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.configuration import Configuration, below, configuration
from drafterd.fix.kinds.detection import Detection, base_path_note, own_server
from drafterd.fix.package import NAME, Package

STEM = "vite.config"
_LONGEST = 2_000
_OUT = re.compile(r"\bvite\s+build\b[^&|;\n]*?\s--outDir[\s=]+([\w./-]+)")
_CONFIG = re.compile(r"\bvite\s+build\b[^&|;\n]*?\s(?:--config|-c)[\s=]+(?:\./)?([\w-][\w.-]*)(?=\s|\Z)")
_ROUTERS = ("preact-router", "@reach/router", "svelte-routing", "navigo", "universal-router", "page")
"""Routers that must be told the base path by the author; of the others the build's wrapper takes care."""


def vite_app(folder: Folder, package: Package) -> Detection | None:
    """By the dependency `vite` or its configuration, where no server of the author's own runs."""
    config = configuration(folder, STEM)
    if ("vite" not in package.dependencies and not config.file) or own_server(package):
        return None
    root = below(config.literal("root"))
    recipe = Recipe(
        kind=Kind.STATIC,
        why=f"'vite' in {NAME}" if "vite" in package.dependencies else config.file,
        framework="Vite",
        install=True,
        build=True,
        static_root=_out(package, config, root),
        prefixed=True,
        fallback="index.html",
    )
    return Detection(recipe=recipe, package=package, problems=tuple(_notes(package)))


def config_in_script(package: Package) -> str:
    """The configuration that the scripts name, or ""."""
    found = (_CONFIG.search(line[:_LONGEST]) for line in package.scripts.values())
    return next((match[1] for match in found if match), "")


def _out(package: Package, config: Configuration, root: str) -> str:
    """Where the files lie after the build; a plain folder is meant from Vite's own root."""
    said = _OUT.search(package.scripts.get("build", "")[:_LONGEST])
    out = said[1] if said else config.literal("build", "outDir") or "dist"
    node = config.value("build", "outDir")
    absolute = not said and node is not None and node.kind() == "call_expression"
    return below(out if absolute or not root else f"{root}/{out}") or "dist"


def _notes(package: Package) -> list[Problem]:
    router = next((name for name in _ROUTERS if name in package.dependencies), "")
    if not router:
        return []
    return [base_path_note(f"the router {router} must be given import.meta.env.BASE_URL as its base", where=NAME)]
