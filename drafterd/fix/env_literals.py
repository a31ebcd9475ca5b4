"""The fix of hard-coded values: they become `process.env.NAME` in code that provably runs on the server.

A secret that is taken out of the source is kept as the author's own value in `.env.local`.
"""

import re
from collections.abc import Iterator, Mapping

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import config_syntax as syntax
from drafterd.fix import dotenv, env_files, literals, scripts
from drafterd.fix.folder import Folder
from drafterd.fix.literals import Kept, Match
from drafterd.fix.masks import covered, shows
from drafterd.fix.next_config import language
from drafterd.fix.server_files import SOURCE, Sides, sides
from drafterd.fix.settings import OWNED, Context

RULE = "env-literals"
_SIZE = 1_000_000
_LONG_LINE = 5_000
_MOST_PROBLEMS = 50
_SHORTEST = 8

_DATABASE = r"(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?)://[^\s,'\"`]+"
_WHOLE = (
    ("GOOGLE_CLIENT_ID", re.compile(r"\d{6,}-[a-z0-9]{8,}\.apps\.googleusercontent\.com\Z"), False),
    ("DATABASE_URL", re.compile(rf"{_DATABASE}\Z"), True),
)
_ANYWHERE = (
    ("GROQ_API_KEY", re.compile(r"(?<![\w-])gsk_[A-Za-z0-9]{20,}(?![\w-])"), True),
    ("GOOGLE_CLIENT_SECRET", re.compile(r"(?<![\w-])GOCSPX-[\w-]{20,}(?![\w-])"), True),
)
_GROQ = re.compile(r"https://api\.groq\.com/openai/v1(?=[/?#]|\Z)")
_LOCAL = re.compile(r"https?://(?:localhost|127\.0\.0\.1):(\d{1,5})(?=[/?#]|\Z)")
_SECRET = re.compile(
    rb"(?<![\w-])(?:gsk_[A-Za-z0-9]{20,}|GOCSPX-[\w-]{20,})|(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?)://[^\s:'\"`$]{1,200}+:[^\s@'\"`$]{1,200}+@"
)
_SIGN = re.compile(
    rb"gsk_|GOCSPX-|apps\.googleusercontent\.com|(?:postgres|mysql|mongodb)[a-z+]*://|api\.groq\.com|://(?:localhost|127\.0\.0\.1):"
)


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose the replacements; yields what was left alone."""
    if context.kind is Kind.STATIC:
        return
    known = _known(context)
    signs = [value.encode() for value in known]
    touched = [name for name in folder.names() if SOURCE.search(name) and _has_sign(folder.read(name), signs)]
    if not touched:
        return
    where = sides(folder, context.kind, _entry(context))
    pass_ = _Pass(folder, context, known)
    problems: list[Problem] = []
    for name in sorted(touched):
        problems += pass_.take(name) if name in where.server else _told(name, folder, where, known)
    pass_.put()
    yield from problems[:_MOST_PROBLEMS]


def _has_sign(data: bytes | None, signs: list[bytes]) -> bool:
    return data is not None and (_SIGN.search(data) is not None or any(sign in data for sign in signs))


def _entry(context: Context) -> str:
    package = context.package
    if package is None:
        return ""
    return scripts.server_file(package.scripts.get("start", "")) or package.main.removeprefix("./") or "server.js"


def _known(context: Context) -> dict[str, str]:
    """Values that are somebody's, by their text; plain words are everybody's."""
    found: dict[str, str] = {}
    for name, value in [*context.known.items(), *context.variables.items()]:
        special = len(value) >= _SHORTEST and (re.search(r"\d", value) or "://" in value)
        if (
            special
            and name not in OWNED
            and not name.startswith("NEXT_PUBLIC_")
            and not env_files.is_placeholder(value)
        ):
            found[value] = name
    return found


def _told(name: str, folder: Folder, where: Sides, known: Mapping[str, str]) -> Iterator[Problem]:
    """A secret in a file that is not ours to change."""
    data = folder.read(name) or b""
    places = [found.start() for found in _SECRET.finditer(data)]
    places += [data.find(value.encode()) for value, key in known.items() if not shows(key) and value.encode() in data]
    if not places:
        return
    line = data.count(b"\n", 0, min(places)) + 1
    if name in where.client:
        yield Problem(
            code="client-secret",
            summary=f"{name} ships a secret to every browser",
            where=f"{name}:{line}",
            hint="use it in a route handler, and let the page ask that one; then replace the secret",
        )
    else:
        yield Problem(
            code="hard-coded-secret",
            summary=f"{name} holds a secret and was left alone: it is not certain to run on the server only",
            where=f"{name}:{line}",
            hint="read it from process.env in code that runs on the server",
        )


class _Pass:
    """The server files of one draft, with the values that have to find a new home."""

    def __init__(self, folder: Folder, context: Context, known: Mapping[str, str]) -> None:
        self._folder = folder
        self._context = context
        self._by_value = known
        self._carried: dict[str, str] = {}
        self._changed: list[tuple[str, bytes, list[Edit]]] = []
        self._keeps = _can_keep(folder)

    def take(self, name: str) -> Iterator[Problem]:
        """Rewrite one file, or say why not."""
        text = self._folder.text(name)
        data = self._folder.read(name)
        if text is None or data is None or len(data) > _SIZE or max(map(len, text.split("\n"))) > _LONG_LINE:
            yield _unread(name, "it is too large, or minified")
            return
        carried = dict(self._carried)
        found = literals.rewrite(name, text, self._find, self._objection)
        if found is None:
            line, column = syntax.broken_at(syntax.parse(text, language(name))) or (1, 1)
            yield _unread(f"{name}:{line}:{column}", "it cannot be parsed")
            return
        new, hits, kept = found
        if hits:
            again = literals.rewrite(name, new, self._find, self._objection)
            if again is None or again[0] != new:
                self._carried = carried
                yield _unread(name, "the change would not hold")
                return
            bom = b"\xef\xbb\xbf" if data.startswith(b"\xef\xbb\xbf") else b""
            self._changed.append((name, bom + new.encode(), [self._edit(name, hit) for hit in hits]))
        yield from (_kept(name, item) for item in kept)

    def _find(self, content: str) -> list[Match]:
        if content in self._by_value:
            key = self._by_value[content]
            return [Match(name=key, start=0, end=len(content), value=content, secret=not shows(key))]
        for key, pattern, secret in _WHOLE:
            if pattern.match(content):
                return [Match(name=key, start=0, end=len(content), value=content, secret=secret)]
        found = [
            Match(name=key, start=hit.start(), end=hit.end(), value=hit[0], secret=secret)
            for key, pattern, secret in _ANYWHERE
            for hit in pattern.finditer(content)
        ]
        for key, pattern in (("GROQ_BASE_URL", _GROQ), ("NEXTAUTH_URL", _LOCAL)):
            if hit := pattern.match(content):
                found.append(Match(name=key, start=0, end=hit.end(), value=hit[0], secret=False))
        return sorted(found, key=lambda match: match.start)

    def _objection(self, match: Match) -> str:
        """Why a value may not become its variable; "" when it may, and then it is kept."""
        if match.name == "NEXTAUTH_URL":
            port = _LOCAL.match(match.value)
            own = port is not None and int(port[1]) in self._context.ports
            return "" if own else "it is another local service"
        author = self._context.known.get(match.name, "")
        author = "" if env_files.is_placeholder(author) else author
        now = author or self._carried.get(match.name, "")
        operator = self._context.variables.get(match.name, "")
        if now:
            return "" if now == match.value else literals.OTHER_VALUE
        if operator == match.value:
            return ""
        if match.name == "DATABASE_URL" and operator and _scheme(operator) != _scheme(match.value):
            return "it is another kind of database"
        if not self._keeps or dotenv.quoted(match.value) is None:
            return "its value could not be kept in .env.local"
        self._carried[match.name] = match.value
        return ""

    def _edit(self, name: str, hit: literals.Hit) -> Edit:
        before = hit.before
        for match in hit.matches:
            before = before.replace(match.value, covered(match.name, match.value) if match.secret else match.value)
        return Edit(
            file=name,
            rule=RULE,
            before=self._context.mask(before),
            after=self._context.mask(hit.after),
            reason=f"line {hit.line}: the value comes from the environment",
        )

    def put(self) -> None:
        """Propose what was found: the values first."""
        text = self._folder.text(env_files.LOCAL) or ""
        edits = []
        for name, value in self._carried.items():
            text = env_files.with_author_value(text, name, value) or text
            edits.append(
                Edit(
                    file=env_files.LOCAL,
                    rule=RULE,
                    before="",
                    after=f"{name}={covered(name, value)}",
                    reason="the value stood in the source",
                )
            )
        if edits and not self._folder.put(
            env_files.LOCAL, env_files.encoded(self._folder, env_files.LOCAL, text), edits, mode=0o600
        ):
            return
        for name, data, made in self._changed:
            self._folder.put(name, data, made)


def _can_keep(folder: Folder) -> bool:
    entry = folder.entries.get(env_files.LOCAL)
    return entry is None or (
        folder.text(env_files.LOCAL) is not None and entry.link is None and bool(entry.mode & 0o222)
    )


def _scheme(url: str) -> str:
    return url.partition("://")[0].replace("postgresql", "postgres")


def _unread(where: str, reason: str) -> Problem:
    return Problem(
        code="literals-kept",
        summary=f"values in {where.partition(':')[0]} were left alone: {reason}",
        where=where,
        hint="read values from process.env there",
    )


def _kept(name: str, item: Kept) -> Problem:
    return Problem(
        code="hard-coded-secret" if item.secret else "literals-kept",
        summary=f"a value of {item.name} was left alone: {item.reason}",
        where=f"{name}:{item.line}",
        hint="read it from process.env",
    )
