"""Leaves out of a build's own scripts what cannot run there, in its snapshot only.

`next lint` is gone since Next.js 16 and nothing that a build needs; `next export` was replaced by a
setting, and refuses a build that stands alone. What only checks the source (types, style) can be left
out too, when it is what a build fails for.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from drafterd import files
from drafterd.fix import package
from drafterd.fix.folder import READ_LIMIT
from drafterd.fix.script_text import with_scripts

_HOOKS = ("prebuild", "build", "postbuild")
_LONGEST = 2_000
"""Characters; no longer line is understood."""
_DEPTH = 5
# Everything that is no plain chain of commands: what it means is not ours to guess.
_NO_CHAIN = re.compile(r"[|;<>()`\n\\]|(?<!&)&(?!&)")
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*+\"", re.DOTALL)
# Without possessive parts: nested ones match wrongly before Python 3.11.5. Nothing here is ambiguous.
_BEFORE = (
    r"(?:(?:cross-env|env)\s+)?(?:[A-Za-z_]\w*=\S*\s+)*"
    r"(?:(?:npx|bunx|pnpm|yarn|bun)\s+(?:(?:exec|dlx|run|x|--bun|--yes|-y|--no-install)\s+)*)?"
    r"(?:\./node_modules/\.bin/)?"
)
_GONE = re.compile(rf"{_BEFORE}next\s+(?:lint|export)(?:\s|\Z)")
_CHECK = re.compile(
    rf"{_BEFORE}(?:eslint|oxlint|stylelint|svelte-check|vue-tsc|(?:tsc(?=.*\s--noEmit\b))|prettier\s+(?:-c|--check)"
    r"|biome\s+(?:check|lint|ci)|vitest|jest|astro\s+check|nuxi?\s+typecheck|react-router\s+typegen)(?:\s|\Z)"
)
_COMPILER = re.compile(rf"{_BEFORE}tsc(?:\s|\Z)")
_BUNDLER = re.compile(r"\b(?:vite|next|astro|nuxt|nuxi|react-router|remix|rsbuild|parcel|rollup|webpack)\b")
_CALL = re.compile(
    r"(?:npm(?:\s+run(?:-script)?)?|pnpm(?:\s+run)?|yarn(?:\s+run)?|bun\s+run)\s+(?:-s\s+|--silent\s+)?([\w:.-]+)\Z"
)
_RUNNER = re.compile(rf"{_BEFORE}(?:run-[sp]|npm-run-all2?)\s")
_WORD = re.compile(r"'[^']*'|\"[^\"]*\"|[^\s'\"]+")


def changed_for_build(scripts: Mapping[str, str], *, checks: bool = True) -> dict[str, str]:
    """The scripts of the build that are to read otherwise; without `checks` what only checks goes too."""
    links = _Links(scripts, checks)
    found = {name: links.left(scripts[name]) for name in _HOOKS if name in scripts}
    return {
        # A hook may do nothing; a build that does nothing is not understood.
        name: line or "true"
        for name, line in found.items()
        if line != scripts[name] and (line or name != "build")
    }


@dataclass(frozen=True, slots=True)
class _Links:
    scripts: Mapping[str, str]
    checks: bool

    def left(self, line: str, after: tuple[str, ...] = (), depth: int = _DEPTH) -> str:
        """The line without the commands that go; "": nothing stays.

        Args:
            after: What runs after it.
        """
        links = _split(line)
        kept = [
            self._runner(link, after, depth)
            for place, link in enumerate(links)
            if not self._goes(link.strip(), (*links[place + 1 :], *after), depth)
        ]
        return line if kept == links else "&&".join(filter(str.strip, kept)).strip()

    def _goes(self, link: str, rest: tuple[str, ...], depth: int) -> bool:
        if _GONE.match(link):
            return True
        if not self.checks and _CHECK.match(link):
            return True
        # The compiler of a bundled app only checks; that of a server makes what is run.
        if not self.checks and _COMPILER.match(link) and any(map(self._bundles, rest)):
            return True
        call = _CALL.match(link)
        inner = self.scripts.get(call[1], "") if call and depth else ""
        return bool(inner.strip()) and not self.left(inner, rest, depth - 1)

    def _bundles(self, link: str) -> bool:
        words = _WORD.findall(link.replace("'", " ").replace('"', " "))
        return any(map(_BUNDLER.search, (link, *(self.scripts.get(word, "") for word in words))))

    def _runner(self, link: str, after: tuple[str, ...], depth: int) -> str:
        """A call of a program that runs several scripts, without those of which nothing stays."""
        if not depth or not _RUNNER.match(link.strip()):
            return link
        words = _WORD.findall(link)
        gone = {
            word
            for word in words
            if self.scripts.get(word, "").strip()
            and not self.left(self.scripts[word], (*(other for other in words if other != word), *after), depth - 1)
        }
        kept = [word for word in words if word not in gone]
        runs = any(word in self.scripts or not word[0].isalnum() for word in kept if not word.startswith("-"))
        return link if not gone else " ".join(kept) if runs else ""


def _split(line: str) -> list[str]:
    """The commands of a chain; the whole line where it is more than that."""
    if len(line) > _LONGEST:
        return [line]
    bare = _QUOTED.sub(lambda found: "_" * len(found[0]), line)
    if _NO_CHAIN.search(bare):
        return [line]
    places = [found.span() for found in re.finditer("&&", bare)]
    starts = [0, *(end for _, end in places)]
    ends = [*(start for start, _ in places), len(line)]
    return [line[start:end] for start, end in zip(starts, ends, strict=True)]


def prepare_scripts(root: Path, *, checks: bool = True) -> None:
    """Leave out of the snapshot's scripts what cannot run. Repeatable."""
    path = root / package.NAME
    try:
        found = package.parse(files.read_regular(path, limit=READ_LIMIT))
    except (OSError, package.BadPackage):
        return
    wanted = changed_for_build(found.scripts, checks=checks)
    if wanted:
        files.write_atomic(path, found.encode(with_scripts(found.text, wanted)), sync=False)
