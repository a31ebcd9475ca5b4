"""Reads and writes dotenv text exactly as Next.js's own loader does.

Apart from python-dotenv, because that one differs for `$`, backslashes and mixed quotes, and what is
read here is handed to the draft in place of its files. The tests compare with `@next/env` itself.
"""

import re
from collections.abc import Mapping

_SPACE = r"[\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]"
_TRIMMED = "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_BLANK = _SPACE.replace(r"\n", "").replace(r"\r", "").replace(r"\u2028\u2029", "")
_END = r"(?=[\n\r\u2028\u2029]|\Z)"
# The loader's own pattern; possessive where that changes nothing, so that no file makes it slow.
_LINE = re.compile(
    rf"(?:(?<=[\n\r\u2028\u2029])|\A){_BLANK}*+(?:export{_SPACE}+)?([A-Za-z0-9_.-]+)(?:{_SPACE}*+=|:{_SPACE}+?)"
    rf"({_SPACE}*'(?:\\'|[^'])*'|{_SPACE}*\"(?:\\\"|[^\"])*\"|{_SPACE}*`(?:\\`|[^`])*`|[^#\r\n]+)?"
    rf"{_SPACE}*(?:#[^\n\r\u2028\u2029]*)?{_END}"
)
_QUOTED = re.compile(r"(?:(?<=[\n\r\u2028\u2029])|\A)(['\"`])([\s\S]*)\1(?=[\n\r\u2028\u2029]|\Z)")
_REFERENCE = re.compile(r"(?<!\\)\$\{?([A-Za-z0-9_]+)(?::-([^}\\]*))?\}?")
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=?&-]+\Z")
_EXPANSIONS = 1_000
_LONGEST = 64_000
"""Characters; longer files set nothing, and no value may grow beyond it."""


def parse(text: str) -> dict[str, str]:
    """Names and raw values; of a name that stands twice the last counts."""
    if len(text) > _LONGEST:
        return {}
    return {found[1]: _value(found[2] or "") for found in _LINE.finditer(re.sub(r"\r\n?", "\n", text))}


def _value(raw: str) -> str:
    value = raw.strip(_TRIMMED)
    quote = value[:1]
    value = _QUOTED.sub(lambda found: found[2], value)
    if quote == '"':
        value = value.replace("\\n", "\n").replace("\\r", "\r")
    return value


def spans(text: str) -> list[tuple[str, int, int]]:
    """Each name with the place of its raw value in `text`."""
    return [(found[1], *found.span(2)) for found in _LINE.finditer(text[:_LONGEST]) if found[2]]


def expand(parsed: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """The values with `$NAME` replaced, by `environment` first; its own names are left out.

    References in a circle make the whole file count for nothing, as they do for the loader.
    """
    values = dict(parsed)
    for name in parsed:
        if name not in environment:
            value = _interpolated(values[name], environment, values)
            if value is None:
                return {}
            values[name] = value.replace("\\$", "$")
    return {name: value for name, value in values.items() if name not in environment}


def _interpolated(text: str, environment: Mapping[str, str], parsed: Mapping[str, str]) -> str | None:
    """`text` without references; None when there is no end of them."""
    for _ in range(_EXPANSIONS):
        start = _last_dollar(text)
        found = _REFERENCE.search(text[start:]) if start >= 0 else None
        if found is None:
            return text
        name = found[1]
        value = environment.get(name) or found[2] or parsed.get(name, "")
        # The loader replaces the first place where this very text stands, escaped or not.
        text = text.replace(found[0], value, 1)
        if len(text) > _LONGEST:
            break
    return None


def _last_dollar(text: str) -> int:
    start = text.rfind("$")
    while start > 0 and text[start - 1] == "\\":
        start = text.rfind("$", 0, start)
    return start


def quoted(value: str) -> str | None:
    """`value` as it must stand after `NAME=`; None: there is no way to write it."""
    if _PLAIN.match(value):
        return value
    escaped = value.replace("$", "\\$")
    free = [quote for quote in "'\"`" if quote not in value]
    return next((form for quote in free if _survives(form := f"{quote}{escaped}{quote}", value)), None)


def _survives(form: str, value: str) -> bool:
    """Whether the loader reads `value` back, whatever follows in the file."""
    text = f"DRAFT_A={form}\nDRAFT_B='# x'\nDRAFT_C=\"# x\"\nDRAFT_D=`# x`\n"
    read = expand(parse(text), {})
    return read == {"DRAFT_A": value, "DRAFT_B": "# x", "DRAFT_C": "# x", "DRAFT_D": "# x"}
