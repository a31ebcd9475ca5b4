"""What a source imports, and which of it is not there."""

import re
from collections.abc import Iterator
from functools import cache

from ast_grep_py import SgRoot

from drafterd.build.repairs.situation import TEMPLATES, Situation

_MISSING = (
    re.compile(r"Module not found: (?:Error: )?(?:Package path \S+|Can't resolve) '(?P<name>[^']+)'"),
    re.compile(r"Can't resolve '(?P<name>[^']+)' in '"),
    re.compile(r"TS2307: Cannot find module '(?P<name>[^']+)'"),
    re.compile(r"Cannot find module '(?P<name>[^']+)'"),
    re.compile(r"Cannot find package '(?P<name>[^']+)'"),
    re.compile(r'(?:Rollup|Rolldown) failed to resolve import "(?P<name>[^"]+)"'),
    re.compile(r'Could not resolve "(?P<name>[^"]+)"'),
    re.compile(r"\[UNRESOLVED_IMPORT\] Could not resolve '(?P<name>[^']+)'"),
    re.compile(r'Failed to resolve import "(?P<name>[^"]+)"'),
    re.compile(r'Unable to resolve `@import "(?P<name>[^"]+)"`'),
    # What a bundler wants beside itself.
    re.compile(r'Preprocessor dependency "(?P<name>[^"]+)" not found'),
    re.compile(r"you first need to install `(?P<name>[^`]+)`"),
    re.compile(r"\b(?P<name>terser) not found\. Since Vite"),
)
NO_COMMAND = re.compile(
    r"^(?:\S*sh: (?:line )?(?:\d+: )?(?P<command>[\w.-]+): (?:command )?not found|.*\bcommand not found: (?P<other>[\w.-]+))\s*$"
)
"""A shell says that it knows no such command."""
_COMMANDS = {
    "tsc": "typescript",
    "run-p": "npm-run-all",
    "run-s": "npm-run-all",
    "svelte-kit": "@sveltejs/kit",
    "dotenv": "dotenv-cli",
    "tailwindcss": "@tailwindcss/cli",
}
"""Packages whose commands have other names."""
UNNAMED = tuple(re.compile(re.sub(r"\?P<\w+>", "?:", sign.pattern)) for sign in (*_MISSING, NO_COMMAND))
"""Signs of anything that cannot be found."""

_SPECIFIER = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*\Z")
_BUILTIN = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "stream",
        "string_decoder",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)
_KINDS = ("import_statement", "export_statement", "call_expression")
_TEST = re.compile(
    r"(?:^|/)(?:__tests__|__mocks__|tests?|e2e|cypress|\.storybook)/|\.(?:test|spec|stories)\.[cm]?[jt]sx?$"
)
_SCRIPT = re.compile(r"<script[^>]*>(.*?)</script>|\A---\n(.*?)\n---", re.DOTALL)


def missing(situation: Situation) -> tuple[str, ...]:
    """The packages that the output says it cannot find."""
    found = (package_of(name) for name in (*named(situation), *commands(situation)))
    return tuple(dict.fromkeys(name for name in found if name and not is_alias(situation, name)))


def commands(situation: Situation) -> Iterator[str]:
    """The packages of the commands that the output says it cannot find."""
    for line in situation.lines:
        if match := NO_COMMAND.match(line):
            name = match["command"] or match["other"]
            yield _COMMANDS.get(name, name)


def missing_files(situation: Situation) -> tuple[str, ...]:
    """The files of the draft's own that the output says it cannot find."""
    return tuple(
        dict.fromkeys(
            name
            for name in named(situation)
            if name.startswith((".", "/", "~", "#", "@/")) or is_alias(situation, package_of(name) or name)
        )
    )


def named(situation: Situation) -> Iterator[str]:
    """What the output says it cannot find, as it was imported."""
    for line in situation.lines:
        for sign in _MISSING:
            if (match := sign.search(line)) and "@vercel/turbopack" not in match["name"]:
                yield match["name"]
                break


def unlisted(situation: Situation) -> tuple[str, ...]:
    """Every package that the source imports and that is neither listed nor installed."""
    listed = situation.dependencies()
    names: dict[str, None] = {}
    for file, text in situation.sources():
        if _TEST.search(file):
            continue
        for imported in specifiers(file, text):
            name = package_of(imported)
            if name and name not in listed and not is_alias(situation, name) and not situation.installed(name):
                names[name] = None
    return tuple(names)


def package_of(imported: str) -> str | None:
    """The package that an import names; None: a file, a builtin, an address."""
    if imported.startswith((".", "/", "#", "~/", "@/")) or ":" in imported:
        return None
    parts = imported.split("/")
    name = "/".join(parts[:2]) if imported.startswith("@") else parts[0]
    if not _SPECIFIER.match(name) or name in _BUILTIN or name in ("server-only", "client-only"):
        return None
    return name


def is_alias(situation: Situation, name: str) -> bool:
    """Whether an import of this name leads into the draft's own source."""
    aliases, base = _paths(situation)
    if any(name == alias or alias.startswith(f"{name}/") or name.startswith(f"{alias}/") for alias in aliases):
        return True
    return base is not None and any(
        entry.startswith((f"{base}{name}/", f"{base}{name}.")) for entry in situation.entries
    )


def _paths(situation: Situation) -> tuple[tuple[str, ...], str | None]:
    """The aliases of tsconfig.json or jsconfig.json, and the folder that bare imports may begin in."""
    for file in ("tsconfig.json", "jsconfig.json", "tsconfig.app.json"):
        options = _options(situation.read(file) or "")
        if options is not None:
            return options
    return (), None


@cache
def _options(text: str) -> tuple[tuple[str, ...], str | None] | None:
    """Aliases and base of a configuration's text; None: it says nothing of them. Comments are allowed there."""
    root = SgRoot(text, "json").root()
    paths = root.find(kind="pair", regex=r'^"paths"\s*:')
    base = root.find(kind="pair", regex=r'^"baseUrl"\s*:')
    if paths is None and base is None:
        return None
    aliases: tuple[str, ...] = ()
    if paths is not None and (value := paths.field("value")) is not None:
        keys = (pair.field("key") for pair in value.children() if pair.kind() == "pair")
        aliases = tuple(key.text().strip('"').rstrip("*").rstrip("/") for key in keys if key is not None)
    folder = None
    if base is not None and (where := base.field("value")) is not None:
        said = where.text().strip('"').removeprefix("./").strip("/")
        folder = "" if said in ("", ".") else f"{said}/"
    return tuple(alias for alias in aliases if alias), folder


def specifiers(file: str, text: str) -> Iterator[str]:
    """What one file imports, types left out: they are erased."""
    if file.endswith(TEMPLATES):
        for match in _SCRIPT.finditer(text):
            yield from specifiers("part.ts", match[1] or match[2] or "")
        return
    root = SgRoot(text, "typescript" if file.endswith((".ts", ".mts", ".cts")) else "tsx").root()
    for node in root.find_all(any=[{"kind": kind} for kind in _KINDS]):
        if node.kind() == "call_expression":
            function, arguments = node.field("function"), node.field("arguments")
            if function is None or function.text() not in ("require", "import") or arguments is None:
                continue
            source = next((child for child in arguments.children() if child.kind() == "string"), None)
        else:
            if re.match(r"(?:import|export)\s+type\b", node.text()):
                continue
            source = node.field("source")
        if source is not None:
            yield source.text()[1:-1]
