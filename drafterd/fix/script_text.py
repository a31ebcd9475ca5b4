"""Sets scripts in the text of a package.json: only their values change, all other bytes stay."""

import json
import re
from collections.abc import Mapping

from ast_grep_py import SgNode

from drafterd.fix.package import member, members, top


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
