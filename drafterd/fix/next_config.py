"""The Next.js configuration: what it says, and the edit that makes a build stand alone.

What depends on the draft's address never stands in the author's folder; it is put into the build's
snapshot, by a wrapper around the author's own file (`next_wrapper.py`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from ast_grep_py import SgNode

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import config_syntax as syntax
from drafterd.fix.folder import Folder
from drafterd.fix.package_json import custom_server
from drafterd.fix.settings import Context

RULE = "next-standalone"
NAMES = ("next.config.js", "next.config.mjs", "next.config.ts")
"""In the order in which Next.js takes them; the first wins."""
UNREAD = ("next.config.mts", "next.config.cjs")
"""Names that look like a configuration and are not read by every version."""
READ = (*NAMES, *UNREAD)
"""In the order in which a build of ours takes them: it wraps them all."""
ORIGINAL = "next.config.draft-original"
"""What a build's snapshot calls the author's file, with its ending."""
MARK = "// Made for this build around the author's configuration: "
"""Begins the second line of a wrapper; the author's file, or nothing, follows."""

_NEW = b"""/** @type {import('next').NextConfig} */
const nextConfig = {
  output: 'standalone',
};

export default nextConfig;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigFacts:
    """What a configuration says, as far as its syntax shows.

    Attributes:
        file: Its name, or "": there is none.
        output: `standalone`, `export`, "?" for something computed, or "".
        base_path: The base path that the author set as a plain string, or "".
        out: Where a static export goes.
        broken: Line and column of a syntax error, or None.
    """

    file: str = ""
    output: str = ""
    base_path: str = ""
    out: str = "out"
    broken: tuple[int, int] | None = None


def config_file(folder: Folder) -> str:
    """The configuration that a build of ours reads, or ""."""
    name = next((name for name in READ if folder.has(name)), "")
    # The folder of a build was copied, wrapper and all.
    wrapped = original_of(folder.text(name) or "") if name else None
    return name if wrapped is None or not folder.has(wrapped) else wrapped


def original_of(text: str) -> str | None:
    """The file that a wrapper of ours wraps, "" for none; None: the text is no wrapper."""
    found = re.match(rf"[^\n]*\n{re.escape(MARK)}((?:{re.escape(ORIGINAL)}\.[cm]?[jt]s)?)\n", text)
    return found[1] if found else None


def language(name: str) -> str:
    """The grammar for a file of JavaScript or TypeScript."""
    return "typescript" if name.endswith(("ts", ".mts", ".cts")) and not name.endswith(".tsx") else "tsx"


def facts(folder: Folder) -> ConfigFacts:
    """What the draft's configuration says."""
    name = config_file(folder)
    text = folder.text(name) if name else None
    if text is None:
        return ConfigFacts(file=name)
    root = syntax.parse(text, language(name))
    if broken := syntax.broken_at(root):
        return ConfigFacts(file=name, broken=broken)
    found = syntax.exported_object(root)
    if found is None:
        return ConfigFacts(file=name, output="?" if re.search(r"\boutput\b", text) else "")
    output = syntax.property_of(found, "output")
    return ConfigFacts(
        file=name,
        output="" if output is None or output.text() == "undefined" else syntax.literal(output) or "?",
        base_path=syntax.literal(syntax.property_of(found, "basePath")) or "",
        out=syntax.literal(syntax.property_of(found, "distDir")) or "out",
    )


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose `output: 'standalone'`; yields what was left alone."""
    if context.kind not in (Kind.NEXT, Kind.NEXT_EXPORT):
        return
    known = facts(folder)
    yield from _odd_files(folder, known)
    if known.broken is not None:
        line, column = known.broken
        yield Problem(
            code="bad-next-config",
            summary=f"{known.file} cannot be parsed",
            where=f"{known.file}:{line}:{column}",
            hint="mend the syntax there",
        )
        return
    if known.output or (context.package is not None and custom_server(folder, context.package)):
        return
    if not known.file:
        folder.put(NAMES[1], _NEW, [_edit(NAMES[1], "", _NEW.decode(), context)])
        return
    _insert(folder, known.file, context)


def _odd_files(folder: Folder, known: ConfigFacts) -> Iterator[Problem]:
    if known.file.startswith(ORIGINAL):
        return
    unread = [name for name in READ if name != known.file and folder.has(name)]
    if known.file in NAMES and unread:
        yield Problem(
            code="unread-next-config",
            summary=f"Next.js reads {known.file} and not {', '.join(unread)}",
            where=unread[0],
            hint="keep one configuration",
        )
    elif known.file in UNREAD:
        yield Problem(
            code="unread-next-config",
            summary=f"not every version of Next.js reads {known.file}; the builds here do",
            where=known.file,
            hint=f"call it {'next.config.ts' if known.file.endswith('ts') else 'next.config.js'}",
        )


def _insert(folder: Folder, name: str, context: Context) -> None:
    text = folder.text(name)
    data = folder.read(name)
    if text is None or data is None:
        return
    root = syntax.parse(text, language(name))
    found = syntax.exported_object(root)
    if found is None:
        return  # the wrapper in the snapshot sets it: it works on every shape
    if syntax.property_of(found, "output") is not None:
        return
    new = _with_output(text, found)
    if syntax.broken_at(syntax.parse(new, language(name))) is not None:
        return
    bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
    folder.put(name, bom + new.encode(), [_edit(name, _around(text, found), "output: 'standalone'", context)])


def _edit(name: str, before: str, after: str, context: Context) -> Edit:
    return Edit(
        file=name,
        rule=RULE,
        before=context.mask(before),
        after=context.mask(after),
        reason="the build leaves a server that runs without node_modules",
    )


def _around(text: str, found: SgNode) -> str:
    start = found.range().start.index
    return text[text.rfind("\n", 0, start) + 1 : start + 1].strip()


def _with_output(text: str, found: SgNode) -> str:
    start, end = found.range().start.index, found.range().end.index
    quote = '"' if text.count('"') > text.count("'") else "'"
    entry = f"output: {quote}standalone{quote}"
    inner = text[start + 1 : end - 1]
    if not inner.strip():
        return f"{text[: start + 1]} {entry} {text[end - 1 :]}"
    lead = re.match(r"[ \t]*(\r?\n)(?:[ \t]*\r?\n)*([ \t]*)", inner)
    if lead:
        return f"{text[: start + 1]}{lead[1]}{lead[2]}{entry},{text[start + 1 :]}"
    space = "" if inner.startswith((" ", "\t")) else " "
    return f"{text[: start + 1]} {entry},{space}{text[start + 1 :]}"
