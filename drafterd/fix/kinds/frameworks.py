"""Frameworks whose build leaves either a server or files: Astro, SvelteKit, Nuxt, React Router and their kin.

Which of the two it is can depend on much in their configuration, so the build's output decides:
`start` if it left that file, else the files of `static_root`.
"""

import re

from drafterd.domain.model import Kind, Problem, Recipe
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.configuration import below, configuration
from drafterd.fix.kinds.detection import Detection, base_path_note, own_server, unsupported
from drafterd.fix.package import NAME, Package

PREVIEW = "draft-preview.mjs"
"""Our own start of Vite's server for what was built, put into the build's snapshot."""

_ASTRO = ("mjs", "js", "ts", "mts", "cjs", "cts")
_FORWARDED = {"PROTOCOL_HEADER": "x-forwarded-proto", "HOST_HEADER": "x-forwarded-host"}


def astro(folder: Folder, package: Package) -> Detection | None:
    """By the dependency `astro`."""
    if "astro" not in package.dependencies:
        return None
    config = configuration(folder, "astro.config", _ASTRO)
    out = below(config.literal("outDir")) or "dist"
    adapter = "@astrojs/node" in package.dependencies and config.says("adapter")
    needs_server = config.literal("output") in ("server", "hybrid")
    problems: list[Problem] = []
    if re.search(r"""\bmode\s*:\s*['"]middleware['"]""", config.text) and not own_server(package):
        return unsupported(
            package,
            "an Astro site in the mode 'middleware'",
            where=config.file,
            hint="set mode: 'standalone' of @astrojs/node, or give the script 'start' the server that uses it",
        )
    if needs_server and not adapter and not own_server(package):
        problems.append(
            Problem(
                code="adapter",
                summary="this Astro site asks for a server, and its adapter makes none that runs on node",
                where=config.file,
                hint="use the adapter @astrojs/node with mode: 'standalone'",
                proposals=("Run `npx astro add node`.",),
            )
        )
    recipe = Recipe(
        kind=Kind.NODE if adapter or needs_server else Kind.STATIC,
        why=f"'astro' in {NAME}" + (f", adapter @astrojs/node in {config.file}" if adapter else ""),
        framework="Astro",
        install=True,
        build=True,
        start=("node", f"{out}/server/entry.mjs") if adapter or needs_server else (),
        static_root=out,
        prefixed=True,
    )
    return Detection(recipe=recipe, package=package, problems=tuple(problems))


def sveltekit(folder: Folder, package: Package) -> Detection | None:
    """By the dependency `@sveltejs/kit`. What it builds finds its own base path, so the proxy may strip it."""
    if "@sveltejs/kit" not in package.dependencies:
        return None
    config = configuration(folder, "svelte.config", ("js", "ts", "mjs"))
    text = f"{config.text}{configuration(folder, 'vite.config').text}"
    adapter = next((name for name in _adapters(text) if name in package.dependencies), "adapter-auto")
    out = below(_argument(text, "out")) or "build"
    pages = below(_argument(text, "pages")) or "build"
    start = ("node", f"{out}/index.js") if adapter.endswith("adapter-node") else ("node", PREVIEW)
    files = adapter.endswith("adapter-static")
    fallback = _argument(text, "fallback") if files else ""
    problems: list[Problem] = []
    if not files and start[1] == PREVIEW:
        problems.append(
            Problem(
                code="adapter",
                summary=f"{adapter} makes no server that runs here: Vite's own server for previews is used",
                where=config.file or NAME,
                hint="use the adapter @sveltejs/adapter-node",
                proposals=("Add @sveltejs/adapter-node and name it in svelte.config.js.",),
            )
        )
    recipe = Recipe(
        kind=Kind.STATIC if files else Kind.NODE,
        why=f"'@sveltejs/kit' in {NAME}, {adapter}",
        framework="SvelteKit",
        install=True,
        build=True,
        start=() if files else start,
        static_root=pages if files else "",
        # Pages find their place by themselves, but for the one that stands for all.
        prefixed=bool(fallback) and config.file.endswith("js"),
        run_environment={} if files else _FORWARDED,
        fallback=fallback,
    )
    return Detection(recipe=recipe, package=package, problems=tuple(problems))


def _adapters(text: str) -> list[str]:
    return re.findall(r"""['"](@sveltejs/adapter-[a-z-]+|svelte-adapter-[a-z-]+)['"]""", text)


def _argument(text: str, name: str) -> str:
    found = re.search(rf"""\b{name}\s*:\s*['"]([^'"\n]+)['"]""", text)
    return found[1] if found else ""


def nuxt(_folder: Folder, package: Package) -> Detection | None:
    """By the dependency `nuxt`."""
    name = next((name for name in ("nuxt", "nuxt3", "nuxt-nightly") if name in package.dependencies), "")
    if not name:
        return None
    where = {"NUXT_APP_BASE_URL": "{base}/"}
    recipe = Recipe(
        kind=Kind.NODE,
        why=f"{name!r} in {NAME}",
        framework="Nuxt",
        install=True,
        build=True,
        start=("node", ".output/server/index.mjs"),
        static_root=".output/public",
        prefixed=True,
        build_environment={**where, "NITRO_PRESET": _preset(package), "NUXT_TELEMETRY_DISABLED": "1"},
        run_environment=where,
    )
    return Detection(recipe=recipe, package=package)


def _preset(package: Package) -> str:
    return "static" if re.search(r"\b(?:nuxt|nuxi)\s+generate\b", package.scripts.get("build", "")) else "node-server"


def react_router(folder: Folder, package: Package) -> Detection | None:
    """By the development package of React Router's framework mode."""
    if "@react-router/dev" not in package.dependencies or own_server(package):
        return None
    config = configuration(folder, "react-router.config")
    ssr = config.value("ssr")
    files = ssr is not None and ssr.text() == "false"
    out = below(config.literal("buildDirectory")) or "build"
    program = "node_modules/@react-router/serve/bin.js"
    recipe = Recipe(
        kind=Kind.STATIC if files else Kind.NODE,
        why=f"'@react-router/dev' in {NAME}" + (f", ssr: false in {config.file}" if files else ""),
        framework="React Router",
        install=True,
        build=True,
        start=() if files else ("node", program, f"{out}/server/index.js"),
        static_root=f"{out}/client",
        prefixed=True,
        fallback="index.html" if files else "",
    )
    if not files and "@react-router/serve" not in package.dependencies:
        return _no_server(package, "React Router", "@react-router/serve")
    return Detection(recipe=recipe, package=package)


def remix(_folder: Folder, package: Package) -> Detection | None:
    """By Remix's development package: version 2, before it became React Router."""
    if "@remix-run/dev" not in package.dependencies or own_server(package):
        return None
    if "@remix-run/serve" not in package.dependencies:
        return _no_server(package, "Remix", "@remix-run/serve")
    recipe = Recipe(
        kind=Kind.NODE,
        why=f"'@remix-run/dev' in {NAME}",
        framework="Remix",
        install=True,
        build=True,
        start=("node", "node_modules/@remix-run/serve/dist/cli.js", "build/server/index.js"),
    )
    note = base_path_note("Remix is told its base path by `basename` in vite.config", where="vite.config")
    return Detection(recipe=recipe, package=package, problems=(note,))


def _no_server(package: Package, framework: str, wanted: str) -> Detection:
    return unsupported(
        package,
        f"a {framework} app for somebody else's servers",
        where=NAME,
        hint=f"add {wanted} to the dependencies, or a script 'start' that runs a server of your own on node",
    )


def nitro(_folder: Folder, package: Package) -> Detection | None:
    """By the packages of frameworks on Nitro: SolidStart, TanStack Start, Analog."""
    kin = {
        "@solidjs/start": "SolidStart",
        "@tanstack/react-start": "TanStack Start",
        "@tanstack/start": "TanStack Start",
        "@analogjs/platform": "Analog",
        "vinxi": "Vinxi",
    }
    name = next((name for name in kin if name in package.dependencies), "")
    if not name:
        return None
    recipe = Recipe(
        kind=Kind.NODE,
        why=f"{name!r} in {NAME}",
        framework=kin[name],
        install=True,
        build=True,
        start=("node", ".output/server/index.mjs"),
        static_root=".output/public",
        build_environment={"NITRO_PRESET": "node-server", "SERVER_PRESET": "node-server"},
    )
    note = base_path_note(f"{kin[name]} is told its base path by its author", where=NAME)
    return Detection(recipe=recipe, package=package, problems=(note,))
