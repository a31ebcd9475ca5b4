"""The fix of package.json: dev, build and start exist and follow the draft's port.

Only the values of scripts change, by their place in the text: all other bytes stay.
"""

import json
import re
from collections.abc import Iterator, Mapping

from ast_grep_py import SgNode

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import scripts
from drafterd.fix.folder import Folder
from drafterd.fix.package import NAME, Package, member, members, top
from drafterd.fix.settings import Context

RULE = "package-scripts"


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose the scripts; yields what was left alone."""
    package = context.package
    if package is None or context.kind is Kind.STATIC:
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
    if context.kind is Kind.NODE:
        for name in ("dev", "start"):
            line = package.scripts.get(name, "")
            fixed = scripts.node_line(line, context.port)
            if fixed != line:
                yield name, (fixed, "the draft listens on the port it is given")
        return
    names = ("dev", "build") if context.kind is Kind.NEXT_EXPORT else ("dev", "build", "start")
    for name in names:
        line = package.scripts.get(name, "")
        new = _next_script(name, line, context.port, custom=custom)
        if new is not None and new != line:
            yield name, (new, _reason(name, line))


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
        if line.strip() and scripts.next_line(line, context.port) is None:
            yield Problem(
                code="script-kept",
                summary=f"the script {name!r} starts something of its own and was kept",
                where=NAME,
                hint="it must listen on the port in the variable PORT",
            )


def with_scripts(text: str, wanted: Mapping[str, str]) -> str:
    """The JSON text with these scripts set; new ones at the end, in the style of the file."""
    for name, line in wanted.items():
        text = _with_script(text, name, line)
    return text


def _with_script(text: str, name: str, line: str) -> str:
    outer = top(text)
    if outer is None:
        return text
    pair = member(outer, "scripts")
    scripts_node = pair.field("value") if pair else None
    if scripts_node is None:
        start = outer.range().start.index + 1
        return text[:start] + _first(text, name, line) + text[start:]
    old = member(scripts_node, name)
    value = old.field("value") if old else None
    if value is not None:
        span = value.range()
        return text[: span.start.index] + _quoted(line) + text[span.end.index :]
    return _appended(text, scripts_node.range().start.index, [*members(scripts_node)], name, line)


def _appended(text: str, start: int, pairs: list[SgNode], name: str, line: str) -> str:
    if not pairs:
        end = text.index("}", start)
        newline, indent, unit = _style(text)
        if newline:
            entry = f"{newline}{indent}{unit}{_quoted(name)}: {_quoted(line)}{newline}{indent}"
        else:
            entry = f"{_quoted(name)}:{_quoted(line)}"
        return f"{text[: start + 1]}{entry}{text[end:]}"
    first, last = pairs[0].range().start.index, pairs[-1].range().end.index
    gap = text[start + 1 : first]
    key, value = pairs[0].field("key"), pairs[0].field("value")
    colon = text[key.range().end.index : value.range().start.index] if key and value else ": "
    between = text[pairs[0].range().end.index + 1 : pairs[1].range().start.index] if len(pairs) > 1 else gap
    separator = gap if "\n" in gap else between
    return f"{text[:last]},{separator}{_quoted(name)}{colon}{_quoted(line)}{text[last:]}"


def _first(text: str, name: str, line: str) -> str:
    """A whole `scripts` object, to stand first in the outermost one."""
    newline, indent, unit = _style(text)
    more = bool([*members(top(text))])
    if not newline and more:
        return f'"scripts":{{{_quoted(name)}:{_quoted(line)}}},'
    newline, indent = newline or "\n", indent or "  "
    unit = unit or indent
    inner = f"{newline}{indent}{unit}{_quoted(name)}: {_quoted(line)}{newline}{indent}"
    return f'{newline}{indent}"scripts": {{{inner}}}' + ("," if more else newline)


def _style(text: str) -> tuple[str, str, str]:
    """Newline, indentation of the first level and its unit; three empty ones for a one-line file."""
    found = re.search(r"\{(\r?\n)[\r\n]*([ \t]+)\"", text)
    return (found[1], found[2], found[2]) if found else ("", "", "")


def _quoted(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)
