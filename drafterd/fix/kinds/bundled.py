"""Other tools that build a folder of files, each known by a package: Create React App, Vue CLI, Gatsby, ..."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import Kind, Problem, Recipe
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.detection import Detection, base_path_note, framework_server, own_server
from drafterd.fix.package import NAME, Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """One of them.

    Attributes:
        out: Where the files lie after the build.
        fallback: What answers for an unknown path: the page of an app with routes of its own.
        prefixed: Whether it is built for its base path, by `environment` or `arguments`.
        routes: Whether its pages go wrong below a path that they do not know.
    """

    name: str
    out: str = "dist"
    fallback: str = ""
    prefixed: bool = False
    routes: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()


TOOLS: Mapping[str, Tool] = {
    "react-scripts": Tool(
        name="Create React App",
        out="build",
        fallback="index.html",
        prefixed=True,
        environment={
            "PUBLIC_URL": "{base}/",
            # With CI every warning would be an error.
            "CI": "false",
            "DISABLE_ESLINT_PLUGIN": "true",
        },
    ),
    "@angular/cli": Tool(name="Angular", fallback="index.html", prefixed=True, arguments=("--base-href={base}/",)),
    "@vue/cli-service": Tool(name="Vue CLI", fallback="index.html", routes=True),
    "gatsby": Tool(name="Gatsby", out="public", routes=True),
    "@docusaurus/core": Tool(name="Docusaurus", out="build", routes=True),
    "@11ty/eleventy": Tool(name="Eleventy", out="_site"),
    "vitepress": Tool(name="VitePress", out=".vitepress/dist", routes=True),
    "hexo": Tool(name="Hexo", out="public"),
    "@rsbuild/core": Tool(name="Rsbuild", fallback="index.html"),
    "parcel": Tool(name="Parcel", fallback="index.html"),
    "webpack": Tool(name="webpack", fallback="index.html"),
    "rollup": Tool(name="Rollup", out="public", fallback="index.html"),
    "esbuild": Tool(name="esbuild", fallback="index.html"),
}
"""By the package that builds; the first that is there."""

_BUNDLERS = ("webpack", "rollup", "esbuild")
"""These make servers too."""
_ROUTERS = ("react-router-dom", "react-router", "vue-router", "@reach/router", "wouter")
_TOLD = ("react-router-dom", "react-router")
"""Of these the build's snapshot takes care under Create React App."""


def bundled(_folder: Folder, package: Package) -> Detection | None:
    """By the package that builds, where no server of the author's own runs."""
    found = next((name for name in TOOLS if name in package.dependencies), "")
    if not found or own_server(package) or (found in _BUNDLERS and framework_server(package)):
        return None
    tool = TOOLS[found]
    script = package.scripts.get("build", "")
    if not script.strip() and found != "react-scripts":
        return None
    arguments = tool.arguments if re.search(r"\bng\s+build\b[^&|;\n]*\Z", script[-2_000:]) else ()
    recipe = Recipe(
        kind=Kind.STATIC,
        why=f"{found!r} in {NAME}",
        framework=tool.name,
        install=True,
        build=True,
        static_root=tool.out,
        prefixed=tool.prefixed and (bool(arguments) or not tool.arguments),
        build_arguments=arguments,
        build_environment=tool.environment,
        fallback=tool.fallback,
    )
    return Detection(recipe=recipe, package=package, problems=tuple(_notes(tool, package)))


def _notes(tool: Tool, package: Package) -> list[Problem]:
    told = _TOLD if tool.prefixed else ()
    router = next((name for name in _ROUTERS if name in package.dependencies and name not in told), "")
    if tool.routes:
        return [base_path_note(f"{tool.name} is told its base path by its author", where=NAME)]
    if router and not tool.arguments:
        return [base_path_note(f"the router {router} must be given its base path by the author", where=NAME)]
    return []
