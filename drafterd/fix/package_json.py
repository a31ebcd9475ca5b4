"""The fix of package.json: dev, build and start exist and follow the draft's port.

Only the values of scripts change, by their place in the text: all other bytes stay.
"""

from collections.abc import Iterator, Mapping

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import scripts
from drafterd.fix.build_script import changed_for_build
from drafterd.fix.folder import Folder
from drafterd.fix.package import NAME, Package
from drafterd.fix.script_text import with_scripts
from drafterd.fix.settings import Context

RULE = "package-scripts"

_TOOLS: Mapping[str, Mapping[str, str]] = {
    "nuxt": {"dev": "nuxt dev", "build": "nuxt build"},
    "@sveltejs/kit": {"dev": "vite dev", "build": "vite build"},
    "astro": {"dev": "astro dev", "build": "astro build"},
    "@react-router/dev": {"dev": "react-router dev", "build": "react-router build"},
    "@remix-run/dev": {"dev": "remix vite:dev", "build": "remix vite:build"},
    "react-scripts": {"build": "react-scripts build"},
    "vite": {"dev": "vite", "build": "vite build"},
}
"""By dependency, the first that is there: the scripts that a draft made with it cannot be built or tried without."""


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose the scripts; yields what was left alone."""
    package = context.package
    if package is None or (context.kind is Kind.STATIC and not context.builds):
        return
    wanted = dict(_wanted(package, context, custom=custom_server(folder, package)))
    text = with_scripts(package.text, {name: line for name, (line, _) in wanted.items()})
    edits = [
        Edit(
            file=NAME,
            rule=RULE,
            before=context.mask(package.scripts.get(name, "")),
            after=context.mask(f"{name}: {line}" if name not in package.scripts else line),
            reason=reason,
        )
        for name, (line, reason) in wanted.items()
    ]
    if package.repaired:
        edits.insert(
            0,
            Edit(
                file=NAME,
                rule="package-comments",
                before="comments or trailing commas",
                after="",
                reason="npm refuses a package.json with comments or trailing commas",
            ),
        )
    if edits:
        folder.put(NAME, package.encode(text), edits)
    yield from _left_alone(package, context)


def custom_server(folder: Folder, package: Package) -> str:
    """The author's own server file that `start` runs, or ""."""
    file = scripts.server_file(package.scripts.get("start", ""))
    if not file or file.startswith((".next/", "node_modules/")):
        return ""
    return file if folder.has(file) else ""


def _wanted(package: Package, context: Context, *, custom: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Each script that is to change: its new line and the reason."""
    if context.kind not in (Kind.NEXT, Kind.NEXT_EXPORT):
        yield from _of_other_kinds(package, context)
        return
    names = ("dev", "build") if context.kind is Kind.NEXT_EXPORT else ("dev", "build", "start")
    for name in names:
        line = package.scripts.get(name, "")
        new = _next_script(name, line, context.port, custom=custom)
        if new is not None and new != line:
            yield name, (new, _reason(name, line))


def _of_other_kinds(package: Package, context: Context) -> Iterator[tuple[str, tuple[str, str]]]:
    """What is built needs the script for it; whatever listens follows the port. `start` stays the author's."""
    tool = next((found for name, found in _TOOLS.items() if name in package.dependencies), None)
    for name, line in (tool or {}).items() if context.builds or context.kind is not Kind.NODE else ():
        if not package.scripts.get(name, "").strip():
            yield name, (line, f"there is no script {name!r}")
    for name in ("dev", "start") if context.kind is Kind.NODE else ():
        line = package.scripts.get(name, "")
        fixed = scripts.node_line(line, context.port)
        if fixed != line:
            yield name, (fixed, "the draft listens on the port it is given")


def _next_script(name: str, line: str, port: int, *, custom: str) -> str | None:
    if not line.strip():
        return "next build" if name == "build" else f"next {name} -p {scripts.port_form(port)}"
    if name == "build":
        return None
    if name == "start" and custom:
        return scripts.node_line(line, port)
    return scripts.next_line(line, port, serve=name == "start")


def _reason(name: str, line: str) -> str:
    if not line.strip():
        return f"there is no script {name!r}"
    if name == "start" and scripts.is_dev_server(line):
        return "a development server is not for visitors"
    return "the draft listens on the port it is given"


def _left_alone(package: Package, context: Context) -> Iterator[Problem]:
    if changed := changed_for_build(package.scripts):
        yield Problem(
            code="build-link-dropped",
            summary=f"builds leave 'next lint' and 'next export' out of the script {', '.join(map(repr, changed))}",
            where=NAME,
            hint="Next.js 16 has no 'next lint', and a build needs neither",
        )
    if context.kind is not Kind.NEXT:
        return
    start = package.scripts.get("start", "")
    if scripts.names_host(start):
        yield Problem(
            code="script-host",
            summary="the script 'start' names the address to listen on",
            where=NAME,
            hint="leave -H out: drafterd says where to listen",
        )
    for name in ("dev", "start"):
        line = package.scripts.get(name, "")
        own = line.strip() and not scripts.starts_standalone(line)
        if own and scripts.next_line(line, context.port) is None:
            yield Problem(
                code="script-kept",
                summary=f"the script {name!r} starts something of its own and was kept",
                where=NAME,
                hint="it must listen on the port in the variable PORT",
            )
