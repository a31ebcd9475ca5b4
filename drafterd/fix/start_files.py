"""Which source files a draft's start command runs: through scripts, runners and compilers."""

import posixpath
import re
from collections.abc import Iterator

from drafterd.fix.folder import Folder
from drafterd.fix.package import Package
from drafterd.fix.server_files import SOURCE

_LONGEST = 2_000
_DEPTH = 3
_WORD = re.compile(r"[\w./@-]+")
_SCRIPT = re.compile(r"(?<![\w/.-])(?:npm(?:\s+run)?|yarn(?:\s+run)?|pnpm(?:\s+run)?|bun\s+run)\s+([\w:.-]+)")
_FOLDER = re.compile(r"(?<![\w/.-])cd\s+([\w./-]+)\s*&&")
_RUN = re.compile(r"(?<![\w/.-])(?:node|tsx|ts-node|nodemon|bun)\s")
_OUTPUT = re.compile(r"(?:\./)?(?:dist|build|out|lib|\.output|\.build)/(.+)\.[cm]?js\Z")
_COMPILER = re.compile(r"(?<![\w/.-])(?:esbuild|tsup|ncc|swc|tsc|babel|bun\s+build|rollup|tsdown)(?=\s)")
_ENDINGS = ("", ".js", ".ts", ".mjs", ".cjs", ".mts", "/index.js", "/index.ts", "/index.mjs")
_SOURCES = ("", "src/", "server/")


def start_files(folder: Folder, package: Package, start: tuple[str, ...], *, builds: bool) -> set[str]:
    """The source files that the command runs; of what a build makes, those it is made from.

    Args:
        start: The command; `npm run start` stands for the script.
        builds: Whether the build script runs before.
    """
    through_npm = start[1:2] == ("run",)
    lines = [*_lines(package, "start", _DEPTH)] if through_npm else [" ".join(start)]
    build = [*_lines(package, "build", _DEPTH)] if builds else []
    found: set[str] = set()
    for line in lines:
        if not through_npm or _runs_file(line):
            found |= {file for word in _words(line) for file in _sources(folder, word, package, build)}
    return found


def _lines(package: Package, name: str, depth: int) -> Iterator[str]:
    """A script and those that it runs."""
    line = package.scripts.get(name, "")[:_LONGEST]
    if not line or not depth:
        return
    yield line
    for other in _SCRIPT.findall(line):
        yield from _lines(package, other, depth - 1)


def _runs_file(line: str) -> bool:
    return _RUN.search(line) is not None or "pm2" in line


def _words(line: str) -> Iterator[str]:
    """The words of a line that may be files, also as seen from a folder that it goes to."""
    places = ["", *(f"{place.rstrip('/')}/" for place in _FOLDER.findall(line))]
    for word in _WORD.findall(line):
        yield from (posixpath.normpath(f"{place}{word}") for place in places)


def _sources(folder: Folder, word: str, package: Package, build: list[str]) -> Iterator[str]:
    made = _OUTPUT.match(word)
    if made and build:
        yield from _made_from(folder, made[1], build)
        return
    if word == ".":
        word = posixpath.normpath(package.main or "index.js")
    file = next((name for ending in _ENDINGS if SOURCE.search(name := word + ending) and folder.has(name)), "")
    if file:
        yield file


def _made_from(folder: Folder, stem: str, build: list[str]) -> Iterator[str]:
    """What a compiler or bundler makes `dist/<stem>.js` of: what its command names, else by the same name."""
    steps = [step for line in build for step in re.split(r"&&|;|\|", line) if _COMPILER.search(step)]
    named = [word for step in steps for word in _words(step) if SOURCE.search(word) and folder.has(word)]
    named = [word for word in named if ".config." not in word]
    places = [f"{place}{stem}{ending}" for place in _SOURCES for ending in (".ts", ".mts", ".js", ".mjs")]
    by_name = next((name for name in places if folder.has(name)), "")
    yield from named or ([by_name] if by_name else [])
