"""Recognises what a draft is, and says how it is built and started.

The first row that matches decides; each names the sign it went by.
"""

import re
from dataclasses import dataclass, field

from drafterd.domain.model import Kind, Problem, Recipe
from drafterd.fix import new_package, scripts
from drafterd.fix.folder import Folder
from drafterd.fix.next_config import NAMES, UNREAD, facts
from drafterd.fix.package import NAME, BadPackage, Package, parse
from drafterd.fix.package_json import custom_server

_SERVERS = ("express", "fastify", "hono", "@hono/node-server", "koa", "@hapi/hapi", "polka", "restify", "micro")
_NOT_SERVED = {
    "nuxt": "Nuxt",
    "@sveltejs/kit": "SvelteKit",
    "astro": "Astro",
    "@react-router/dev": "React Router",
    "@remix-run/dev": "Remix",
    "react-scripts": "Create React App",
    "vite": "Vite",
}
_ENTRIES = ("server.js", "server.mjs", "server.cjs", "index.js", "index.mjs", "app.js", "main.js")
_PAGE = re.compile(r"(?:src/)?(?:app/(?:.*/)?(?:page|route)|pages/.+)\.(?:tsx?|jsx?)\Z")
_THROUGH_NPM = ("npm", "run", "start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """What a folder is.

    Attributes:
        recipe: None when `problem` keeps it from being built.
        package: Its package.json, if it could be read.
    """

    recipe: Recipe | None
    problem: Problem | None = None
    package: Package | None = None
    problems: tuple[Problem, ...] = field(default=())


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
    for look in (_next, _unserved, _node, _static):
        found = look(folder, package)
        if found is not None:
            return found
    return _unknown(folder, package)


def _bad_package(summary: str, where: str) -> Detection:
    return Detection(
        recipe=None,
        problem=Problem(
            code="bad-package-json", summary=summary, where=where, hint="npm cannot read it either: mend it there"
        ),
    )


def _next(folder: Folder, package: Package) -> Detection | None:
    config = next((name for name in (*NAMES, *UNREAD) if folder.has(name)), "")
    if "next" not in package.dependencies and not config:
        return None
    problems: tuple[Problem, ...] = ()
    if "next" not in package.dependencies:
        problems = (
            Problem(
                code="missing-dependency",
                summary=f"there is a {config}, but 'next' is no dependency",
                where=NAME,
                hint="add next, react and react-dom to the dependencies",
            ),
        )
    known = facts(folder)
    custom = custom_server(folder, package)
    why = f"'next' in {NAME}" if "next" in package.dependencies else config
    if known.output == "export" and not custom:
        recipe = Recipe(
            kind=Kind.NEXT_EXPORT,
            why=f"{why}, output: 'export' in {known.file}",
            install=True,
            build=True,
            static_root=known.out,
            prefixed=True,
            own_base_path=known.base_path,
        )
    else:
        recipe = Recipe(
            kind=Kind.NEXT,
            why=f"{why}, own server {custom}" if custom else why,
            install=True,
            build=True,
            start=_start(package) if custom else (),
            prefixed=True,
            own_base_path=known.base_path,
        )
    return Detection(recipe=recipe, package=package, problems=problems)


def _start(package: Package) -> tuple[str, ...]:
    """The start script as one command where it is one; else npm runs it, hooks and all."""
    if "prestart" in package.scripts or "poststart" in package.scripts:
        return _THROUGH_NPM
    return scripts.direct(package.scripts.get("start", "")) or _THROUGH_NPM


def _runs_server(package: Package) -> bool:
    start = package.scripts.get("start", "")
    return bool(start.strip()) and not scripts.is_dev_server(start) and not scripts.is_file_server(start)


def _unserved(_folder: Folder, package: Package) -> Detection | None:
    found = next((name for name in _NOT_SERVED if name in package.dependencies), None)
    if found is None:
        return None
    own_server = any(name in package.dependencies for name in _SERVERS) and _runs_server(package)
    if found == "vite" and own_server:
        return None
    return Detection(
        recipe=None,
        package=package,
        problem=Problem(
            code="unsupported-kind",
            summary=f"this is a {_NOT_SERVED[found]} app, which drafterd cannot serve yet",
            where=f"{NAME}: {found}",
            hint="build it and drop the static output, or give it a start script that runs a node server",
        ),
    )


def _node(folder: Folder, package: Package) -> Detection | None:
    framework = next((name for name in _SERVERS if name in package.dependencies), "")
    builds = bool(package.scripts.get("build", "").strip())
    if _runs_server(package):
        start, why = _start(package), "the script 'start'"
    else:
        main = _entry(folder, package, framework=framework, builds=builds)
        if not main:
            return None
        start, why = ("node", main), f"{main}"
    if framework:
        why = f"{framework} and {why}"
    recipe = Recipe(kind=Kind.NODE, why=why, install=bool(package.dependencies), build=builds, start=start)
    return Detection(recipe=recipe, package=package)


def _entry(folder: Folder, package: Package, *, framework: str, builds: bool) -> str:
    """The file that is the server of a draft without a start script, or ""."""
    main = package.main.removeprefix("./")
    safe = bool(re.fullmatch(r"[\w@][\w./@-]*", main)) and ".." not in main.split("/")
    if safe and (folder.has(main) or (builds and framework)):
        return main
    if folder.has("server.js"):
        return "server.js"  # what `npm start` runs when nothing else is said
    return next((name for name in _ENTRIES if framework and folder.has(name)), "")


def _static(folder: Folder, package: Package | None) -> Detection | None:
    if not folder.has("index.html") or (package is not None and package.scripts.get("build", "").strip()):
        return None
    why = "index.html and no package.json" if package is None else "index.html, and package.json builds nothing"
    return Detection(recipe=Recipe(kind=Kind.STATIC, why=why), package=package)


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
    return _static(folder, None) or _unknown(folder, None)


def _unknown(folder: Folder, package: Package | None) -> Detection:
    inner = sorted(
        {name.split("/")[0] for name in folder.names() if name.count("/") == 1 and name.endswith(f"/{NAME}")}
    )
    hint = "add a package.json with a build and a start script, or an index.html"
    if inner:
        hint = f"the project seems to lie in the folder {inner[0]!a}: drop that one"
    return Detection(
        recipe=None,
        package=package,
        problem=Problem(code="unknown-kind", summary="there is nothing to build or serve here", hint=hint),
    )
