"""The line of a step's output that says what is wrong, and the place in the source it names."""

import re
from collections.abc import Iterator, Sequence

_SUMMARY = 300
_NEARBY = 5

_PLACE = re.compile(
    r"(?P<file>(?:\.{0,2}/)?[\w@.()\[\]/+-]*[\w)\]]\.(?:[cm]?[jt]sx?|json|s?css|less|mdx?|vue|svelte|astro|html))"
    r"(?:\((?P<l1>\d+),(?P<c1>\d+)\)|:(?P<l2>\d+)(?::(?P<c2>\d+))?)"
)
_NPM_ERROR = re.compile(r"^npm (?:error|ERR!) ?")
_NPM_NOISE = re.compile(r"^(?:code|errno|syscall|path|command|Lifecycle script|A complete log|$)")

_CROSS = "[\u2a2f\u2716\u00d7\u2717\u2718]"

_ERRORS = (
    re.compile(r"JavaScript heap out of memory|\bERR_WORKER_OUT_OF_MEMORY\b"),
    re.compile(r"^\W{0,10}ERR_PNPM_(?!RECURSIVE|LIFECYCLE)\w"),
    re.compile(r"\bYN00(?!00|0[17])\d\d: "),
    re.compile(r"\berror TS\d+:"),
    re.compile(r"^\s*Type error: "),
    re.compile(r"Module not found: "),
    re.compile(r"\[[A-Z]+_[A-Z_]+\] \S"),
    re.compile(r"\b(?:Syntax|Reference|Type|Range)Error\b"),
    re.compile(rf"^\s*(?:{_CROSS} )?(?:Uncaught )?\[?[\w.]*Error\]?(?: \[\w+\])?: (?!.*build failed with)"),
)
"""Signs that name the fault itself, the telling ones first."""

_VAGUE = (
    re.compile(rf"^\s*{_CROSS} (?!Build failed in )\S"),
    re.compile(r"\bError occurred prerendering page\b|\bFailed to (?:collect|compile|fetch)\b"),
    re.compile(r"\berror\b(?!.*build failed with)", re.IGNORECASE),
    re.compile(r"\bnot found\b|\bfailed\b", re.IGNORECASE),
)
"""Signs of any failure, when nothing better is there."""


def first_error(lines: Sequence[str], step: str = "build") -> tuple[str, str]:
    """The first line that says what is wrong, and the file and line it is about; or empty strings."""
    if step == "install" and (said := _npm_error(lines)):
        return said, ""
    own = [line for line in lines if not _NPM_ERROR.match(line) and not line.startswith("> ")]
    found = next(_candidates(own), None)
    if found is None:
        return _npm_error(lines), ""
    return own[found].strip()[:_SUMMARY], _place(own, found)


def _candidates(lines: Sequence[str]) -> Iterator[int]:
    """Where the fault may be told, the likeliest first."""
    for sign in _ERRORS:
        yield from (index for index, line in enumerate(lines) if sign.search(line))
    # Bundlers print the place alone on a line and what is wrong there on the next.
    for index in range(len(lines) - 1):
        if _PLACE.fullmatch(lines[index].strip()) and lines[index + 1].strip():
            yield index + 1
    for sign in _VAGUE:
        yield from (index for index, line in enumerate(lines) if sign.search(line))


def _npm_error(lines: Sequence[str]) -> str:
    """What npm says, in one line: its code and the first sentence that is none of its fields."""
    said = [_NPM_ERROR.sub("", line) for line in lines if _NPM_ERROR.match(line)]
    code = next((line.removeprefix("code ") for line in said if line.startswith("code ")), "")
    telling = [line for line in said if not _NPM_NOISE.match(line)]
    if code.isdigit():  # a script of a package failed: what it said is what is wrong
        code = ""
        telling.sort(key=lambda line: not any(sign.search(line) for sign in _ERRORS))
    sentence = next(iter(telling), "").removeprefix(code).strip()
    return ": ".join(part for part in (code, sentence) if part)[:_SUMMARY]


def _place(lines: Sequence[str], index: int) -> str:
    """The nearest `file:line:column`: in the line itself, else just before it, else just after."""
    before = range(index, max(-1, index - _NEARBY), -1)
    after = range(index + 1, min(len(lines), index + 1 + _NEARBY))
    for near in (*before, *after):
        for match in _PLACE.finditer(lines[near]):
            if "node_modules" not in match["file"] and "node:" not in lines[near]:
                line, column = match["l1"] or match["l2"], match["c1"] or match["c2"]
                return f"{_bare(match['file'])}:{line}" + (f":{column}" if column else "")
    return ""


def _bare(file: str) -> str:
    """A file without the parenthesis of a stack line before it; those of route groups stay."""
    unopened = file.count("(") - file.count(")")
    return (file[unopened:] if file.startswith("(" * unopened) else file).removeprefix("./")
