"""Folders that are no project themselves: projects further down, workspaces, other languages, nothing at all."""

import json
from collections.abc import Mapping

from drafterd.domain.model import Problem
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.detection import SERVERS, Detection, unsupported
from drafterd.fix.package import NAME, BadPackage, Package, parse

_DEEPEST = 3
"""Folders between the draft's own and a project that is still named."""
_MOST = 5
_APPS: Mapping[str, str] = {
    "next": "Next.js",
    "nuxt": "Nuxt",
    "@sveltejs/kit": "SvelteKit",
    "astro": "Astro",
    "@react-router/dev": "React Router",
    "@remix-run/dev": "Remix",
    "react-scripts": "Create React App",
    "vite": "Vite",
    **SERVERS,
}
_WORKSPACES = ("pnpm-workspace.yaml", "turbo.json", "lerna.json", "nx.json", "rush.json")
_LANGUAGES: Mapping[str, str] = {
    "requirements.txt": "Python",
    "pyproject.toml": "Python",
    "manage.py": "Python",
    "Pipfile": "Python",
    "app.py": "Python",
    "main.py": "Python",
    "Gemfile": "Ruby",
    "composer.json": "PHP",
    "index.php": "PHP",
    "go.mod": "Go",
    "Cargo.toml": "Rust",
    "pom.xml": "Java",
    "build.gradle": "Java",
    "mix.exs": "Elixir",
    "pubspec.yaml": "Dart",
    "deno.json": "Deno",
    "deno.jsonc": "Deno",
}
_NATIVE: Mapping[str, str] = {"expo": "Expo", "react-native": "React Native", "electron": "Electron"}


def workspace(folder: Folder, package: Package) -> Detection | None:
    """By `workspaces` or the file of a tool for many packages, where the projects lie further down."""
    sign = '"workspaces"' if _has_workspaces(package) else next((name for name in _WORKSPACES if folder.has(name)), "")
    if not sign or any(name in package.dependencies for name in _APPS):
        return None
    found = projects(folder)
    if not found:
        return None
    problem = Problem(
        code="workspace",
        summary="this folder holds several packages, and none of them by itself is the draft",
        where=f"{NAME}: {sign}" if sign.startswith('"') else sign,
        hint=f"drop the one folder that is to be served, with what it takes from the others: {_listed(found)}",
    )
    return Detection(recipe=None, package=package, problem=problem)


def native(_folder: Folder, package: Package) -> Detection | None:
    """By what makes apps that are no web pages."""
    found = next((name for name in _NATIVE if name in package.dependencies), "")
    if not found or any(name in package.dependencies for name in ("next", "vite", "astro", "nuxt")):
        return None
    return unsupported(
        package, f"an app made with {_NATIVE[found]}", where=f"{NAME}: {found}", hint="drop its web version, built"
    )


def other_language(folder: Folder) -> Detection | None:
    """By the files of languages that are not run here."""
    found = next((name for name in _LANGUAGES if folder.has(name)), "")
    if not found:
        return None
    return unsupported(
        None,
        f"a project in {_LANGUAGES[found]}",
        where=found,
        hint="drop a project for node with a package.json, or built files with an index.html",
    )


def unknown(folder: Folder, package: Package | None) -> Detection:
    """Nothing that is known; names where a project seems to lie."""
    found = projects(folder)
    hint = "add a package.json with a build and a start script, or an index.html"
    if len(found) == 1:
        hint = f"the project seems to lie in the folder {_listed(found)}: drop that one"
    elif found:
        hint = f"there are projects in {_listed(found)}: drop the one that is to be served"
    elif sites := sorted({name.rpartition("/")[0] for name in folder.names() if name.endswith("/index.html")}):
        hint = f"there is an index.html in {', '.join(f'{site!a}' for site in sites[:_MOST])}: drop that folder"
    return Detection(
        recipe=None,
        package=package,
        problem=Problem(code="unknown-kind", summary="there is nothing to build or serve here", hint=hint),
    )


def projects(folder: Folder) -> dict[str, str]:
    """Folders with a package.json of an app, by their path, and what they are made with; else any package."""
    places = sorted(
        name.removesuffix(f"/{NAME}")
        for name in folder.names()
        if name.endswith(f"/{NAME}") and name.count("/") <= _DEEPEST
    )
    found = {place: _made_with(folder, place) for place in places}
    return {place: made for place, made in found.items() if made} or found


def _made_with(folder: Folder, place: str) -> str:
    try:
        package = parse(folder.read(f"{place}/{NAME}") or b"")
    except BadPackage:
        return ""
    return next((name for dependency, name in _APPS.items() if dependency in package.dependencies), "")


def _listed(found: Mapping[str, str]) -> str:
    named = [f"{place!a} ({made})" if made else f"{place!a}" for place, made in found.items()]
    return ", ".join(named[:_MOST]) + (", ..." if len(named) > _MOST else "")


def _has_workspaces(package: Package) -> bool:
    found = json.loads(package.text)
    return bool(found.get("workspaces"))
