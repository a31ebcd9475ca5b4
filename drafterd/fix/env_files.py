"""The fix of `.env.local` and `.env.example`: a block of ours between two marks, the author's lines untouched."""

import re
from collections.abc import Callable, Iterator, Mapping

from drafterd.domain.model import Edit, Kind, Mend, Problem
from drafterd.fix import dotenv
from drafterd.fix.folder import Folder
from drafterd.fix.masks import Mask, covered, shows
from drafterd.fix.read_names import names_read
from drafterd.fix.settings import OWNED, Context

LOCAL = ".env.local"
EXAMPLE = ".env.example"
PRODUCTION = (".env.production.local", LOCAL, ".env.production", ".env")
"""The files that count for a build and a server, the strongest first."""
DEVELOPMENT = (".env.development.local", ".env.development")

_BEGIN = "# >>> drafterd: kept up to date by drafterd, write your own lines above >>>"
_END = "# <<< drafterd <<<"
_BLOCK = re.compile(
    r"^# >>> drafterd[^\n]*\n(?:(?!# (?:>>>|<<<) drafterd)[^\n]*\n)*# <<< drafterd <<<[^\n]*(?:\n|\Z)", re.MULTILINE
)
_PLACEHOLDER = re.compile(
    r"(?:(?:add|enter|insert|put|paste)?[-_ ]?your[-_ ].*|.*[-_]your[-_].*|.*[-_ ]here|change[-_ ]?(?:me|this)\b.*"
    r"|replace[-_ ]?(?:me|this|with)\b.*|x{3,}|\*{3,}|<[^>]*>|\[[^\]]*\]|\.{3}|…|todo|tbd|placeholder|dummy|example"
    r"|(?:sk|pk|rk|whsec|gsk|ghp|hf|re|key|secret|token)[-_](?:(?:test|live|ant|proj)[-_])?(?:\.{3}|x{3,}|\*{3,}|…|your.*)"
    r"|https?://(?:your|my)[-_].*|https?://(?:x{3,}|<[^>]*>).*"
    r"|[a-z][a-z0-9+]*://(?:user(?:name)?|your[-_]?\w*|<[^>]*>|\[[^\]]*\]|johndoe)"
    r":(?:pass(?:word|wd)?|randompassword|your[-_]?\w*|<[^>]*>|\[[^\]]*\])@.*)\Z",
    re.IGNORECASE | re.DOTALL,
)
_LONGEST_PLACEHOLDER = 200
_MODE = 0o600
_OPEN = 0o077


def is_placeholder(value: str) -> bool:
    """Whether a value only marks where one is to stand."""
    return len(value) <= _LONGEST_PLACEHOLDER and _PLACEHOLDER.match(value.strip()) is not None


def author_text(text: str) -> str:
    """An env file without our block."""
    return _BLOCK.sub("", text)


def read_values(read: Callable[[str], bytes | None], seed: Mapping[str, str]) -> dict[str, str]:
    """The author's variables as a production server would see them; ours and empty ones left out.

    `seed` holds what is known already, for references such as `$PORT`.
    """
    known = dict(seed)
    values: dict[str, str] = {}
    for name in PRODUCTION:
        data = read(name)
        if data is None:
            continue
        found = dotenv.expand(dotenv.parse(author_text(data.decode(errors="replace"))), known)
        for key, value in found.items():
            # A placeholder in a strong file does not hide a value in a weaker one.
            if value and (key not in values or (is_placeholder(values[key]) and not is_placeholder(value))):
                values[key] = value
        known |= {key: value for key, value in found.items() if value and not is_placeholder(value)}
    return {key: value for key, value in values.items() if key not in OWNED}


def author_values(folder: Folder) -> dict[str, str]:
    """The author's variables of the files as they are proposed."""
    return read_values(folder.read, {})


def own_ports(folder: Folder) -> frozenset[int]:
    """The ports that the author's env files name as the draft's own."""
    return named_ports(folder.read)


def named_ports(read: Callable[[str], bytes | None]) -> frozenset[int]:
    """`own_ports` of the files as they are read now."""
    found = set()
    for name in PRODUCTION:
        data = read(name)
        value = dotenv.parse(author_text(data.decode(errors="replace"))).get("PORT", "") if data else ""
        if value.isascii() and value.isdigit():
            found.add(int(value))
    return frozenset(found)


def masked(text: str, mask: Mask) -> str:
    """An env file's text for people: names, and of secret values only the length."""
    for name, start, end in reversed(dotenv.spans(text)):
        raw = text[start:end]
        value = raw.strip().strip("'\"`")
        if not shows(name) and not is_placeholder(value):
            text = f"{text[:start]}{covered(name, value)}{text[end:]}"
    return mask(text)


def with_author_value(text: str, name: str, value: str) -> str | None:
    """The file's text with one more line of the author's; None: the value cannot be written."""
    form = dotenv.quoted(value)
    if form is None:
        return None
    newline = _newline(text)
    own = author_text(text)
    block = text[len(own) :] if text.startswith(own) else ""
    return f"{_ended(own, newline)}{name}={form}{newline}{block}"


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose both files; yields what is missing or in the way."""
    if context.kind is Kind.STATIC:
        return
    values = {**context.known, **author_values(folder)}
    missing = [name for name in context.settings.absent if is_placeholder(values.get(name, "...") or "...")]
    if missing:
        yield Problem(
            code="missing-variable",
            summary=f"there is no value for {', '.join(missing)}",
            where="env",
            hint="the operator sets it in the credentials, or the draft in its .env.local",
            mend=Mend.CONFIG,
        )
    yield from _local(folder, context)
    _example(folder, context, missing)
    yield from _stronger(folder, context)


def _ours(folder: Folder, context: Context) -> dict[str, str]:
    """What our block of `.env.local` sets."""
    taken = set()
    for name in (*PRODUCTION, *DEVELOPMENT):
        data = folder.read(name)
        found = dotenv.parse(author_text(data.decode(errors="replace"))) if data else {}
        taken |= {key for key, value in found.items() if value and not is_placeholder(value)}
    facts = {"PORT": str(context.port), "NEXTAUTH_URL": f"http://localhost:{context.port}"}
    if "AUTH_URL" in taken:
        facts["AUTH_URL"] = facts["NEXTAUTH_URL"]  # by hand the draft is at home, wherever its author had it
    return facts | {key: value for key, value in context.variables.items() if key not in taken}


def _local(folder: Folder, context: Context) -> Iterator[Problem]:
    text = _text(folder, LOCAL)
    if text is None:
        folder.refused[LOCAL] = "it is no text that can be read"
        return
    lines: list[str] = []
    for name, value in _ours(folder, context).items():
        form = dotenv.quoted(value)
        if form is None:
            yield Problem(
                code="unwritable-variable",
                summary=f"the value of {name} cannot be written into an env file",
                where=LOCAL,
                hint="it holds all three kinds of quotes, or control characters: use another value",
                mend=Mend.CONFIG,
            )
        else:
            lines.append(f"{name}={form}")
    new = _with_block(text, lines)
    if not _reads_back(new, lines):
        folder.refused[LOCAL] = "one of its own lines has a quote that is never closed"
        return
    entry = folder.entries.get(LOCAL)
    if new == text and entry is not None and not entry.mode & _OPEN:
        return
    _put(folder, LOCAL, (text, new), context, reason="the draft's variables, for running it by hand", mode=_MODE)


def _reads_back(text: str, lines: list[str]) -> bool:
    wanted = dotenv.parse("\n".join(lines))
    found = dotenv.parse(text)
    return all(found.get(name) == value for name, value in wanted.items())


def _example(folder: Folder, context: Context, missing: list[str]) -> None:
    text = _text(folder, EXAMPLE)
    local = folder.read(LOCAL)
    if text is None:
        folder.refused[EXAMPLE] = "it is no text that can be read"
        return
    own = dotenv.parse(author_text(text))
    in_local = dotenv.parse(local.decode(errors="replace")) if local else {}
    ours = ["PORT", "NEXTAUTH_URL", *context.variables, *context.settings.absent, *missing]
    names = dict.fromkeys([*ours, *in_local, *names_read(folder)])
    lines = [f"{name}=your-{name.lower().replace('_', '-')}" for name in names if name not in own]
    new = _with_block(text, lines)
    if new != text:
        _put(folder, EXAMPLE, (text, new), context, reason="names the variables that the draft gets")


def _put(
    folder: Folder, name: str, texts: tuple[str, str], context: Context, *, reason: str, mode: int | None = None
) -> None:
    old, new = texts
    before, after = masked(old, context.mask), masked(new, context.mask)
    if old == new:
        before, after = "readable by others", "readable by its owner alone"
    else:
        before, after = _block_of(before), _block_of(after)
    edit = Edit(file=name, rule="env-files", before=before, after=after, reason=reason)
    folder.put(name, encoded(folder, name, new), [edit], mode=mode)


def encoded(folder: Folder, name: str, text: str) -> bytes:
    """`text` as the file's bytes: a byte-order mark stays."""
    data = folder.read(name) or b""
    return (b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b"") + text.encode()


def _block_of(text: str) -> str:
    found = _BLOCK.search(text)
    return found[0] if found else ""


def _text(folder: Folder, name: str) -> str | None:
    return "" if name not in folder.entries and not folder.has(name) else folder.text(name)


def _with_block(text: str, lines: list[str]) -> str:
    """The author's lines, then our block: in an env file the last line wins."""
    own = author_text(text)
    if not lines:
        return own
    newline = _newline(text)
    block = newline.join([_BEGIN, *lines, _END, ""])
    return _ended(own, newline) + block


def _ended(own: str, newline: str) -> str:
    return own if not own or own.endswith("\n") else own + newline


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _stronger(folder: Folder, context: Context) -> Iterator[Problem]:
    """Report a file that beats ours for whoever runs the draft by hand."""
    name = PRODUCTION[0]
    data = folder.read(name)
    if data is None:
        return
    found = dotenv.parse(data.decode(errors="replace"))
    ours = {"PORT", "NEXTAUTH_URL", "AUTH_URL", *context.variables}
    beats = sorted(key for key in found.keys() & ours if key in OWNED or is_placeholder(found[key]) or not found[key])
    if beats:
        yield Problem(
            code="env-file-wins",
            summary=f"{name} beats {LOCAL} for {', '.join(beats)} when the draft is run by hand",
            where=name,
            hint=f"take the lines out of {name}",
        )
