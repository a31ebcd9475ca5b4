"""The fix of hard-coded values: they become `process.env.NAME` in code that provably runs on the server.

A secret that is taken out of the source is kept as the author's own value in `.env.local`.
"""

import re
import stat
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import dotenv, env_files, literals
from drafterd.fix.folder import READ_LIMIT, Folder
from drafterd.fix.literal_values import Values, is_own_address, known_values
from drafterd.fix.literals import Literal, Match
from drafterd.fix.masks import covered
from drafterd.fix.server_files import SHIPPED, SOURCE, Sides, is_server_place, sides
from drafterd.fix.settings import Context

RULE = "env-literals"
_SIZE = 1_000_000
_LONG_LINE = 5_000
_MOST_PROBLEMS = 50
_URGENCY = ("client-secret", "hard-coded-secret", "literals-kept")
_STARTERS = ("start", "dev")
_NODE = re.compile(r"(?<![\w/.-])(?:node|tsx|ts-node|nodemon|bun)\s")
_WORD = re.compile(r"[\w./@-]+")
_MADE = re.compile(r"(?:dist|build|out|lib)/(.+)\.[cm]?js\Z")
_OTHER_VALUE = "the variable has another value"
_BOM = b"\xef\xbb\xbf"


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose the replacements; yields what was left alone."""
    values = Values(known_values(context.known, context.variables))
    problems: list[Problem] = []
    touched: list[str] = []
    folder.load(name for name in folder.names() if SOURCE.search(name) or SHIPPED.match(name))
    for name in folder.names():
        if not SOURCE.search(name) and not SHIPPED.match(name):
            continue
        data = folder.read(name)
        if data is not None and _is_text(name) and (values.may_be_in(data) or any(values.secrets(data))):
            touched.append(name)
    if touched:
        packages = context.package.dependencies.keys() if context.package else set()
        where = sides(folder, context.kind, _entries(context), packages)
        pass_ = _Pass(folder, context, values)
        for name in sorted(touched):
            problems += pass_.take(name) if name in where.server else _told(name, folder, where, values)
        pass_.put()
    if context.kind is not Kind.STATIC:
        problems += _unreadable(folder)
    yield from sorted(problems, key=lambda problem: _URGENCY.index(problem.code))[:_MOST_PROBLEMS]


def _is_text(name: str) -> bool:
    """Whether a file's name can be shown: names are bytes, and need not be text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entries(context: Context) -> Iterator[str]:
    """What the scripts start; of what a compiler makes, where its source may be."""
    package = context.package
    if package is None:
        return
    lines = [package.scripts.get(name, "") for name in _STARTERS]
    words = [package.main, "server.js", *(word for line in lines if _NODE.search(line) for word in _WORD.findall(line))]
    for word in words:
        name = word.removeprefix("./")
        yield name
        if made := _MADE.match(name):
            yield from (f"{start}{made[1]}{ending}" for start in ("", "src/") for ending in (".ts", ".mts", ".js"))


def _told(name: str, folder: Folder, where: Sides, values: Values) -> Iterator[Problem]:
    """A secret in a file that is not ours to change."""
    data = folder.read(name) or b""
    first = min(values.secrets(data), default=None)
    if first is None:
        return
    place = f"{name}:{_line(data, first)}"
    if name in where.client or SHIPPED.match(name):
        yield Problem(
            code="client-secret",
            summary=f"{name} ships a secret to every browser",
            where=place,
            hint="use it in a route handler, and let the page ask that one; then replace the secret",
        )
    else:
        yield _secret(name, place, "it is not certain to run on the server only")


def _line(data: bytes, place: int) -> int:
    return data.count(b"\n", 0, place) + 1


def _secret(name: str, place: str, reason: str) -> Problem:
    return Problem(
        code="hard-coded-secret",
        summary=f"{name} holds a secret and was left alone: {reason}",
        where=place,
        hint="read it from process.env in code that runs on the server",
    )


def _unreadable(folder: Folder) -> Iterator[Problem]:
    """Server code that nobody can look into."""
    for name, entry in folder.entries.items():
        if not is_server_place(name):
            continue
        if not _is_text(name):
            yield _unread(ascii(name), "its name is no text")
        elif entry.link is not None or not stat.S_ISREG(entry.mode):
            yield _unread(name, folder.refusal(name) or "it cannot be read")
        elif (data := folder.read(name)) is None:
            yield _unread(name, "it is too large" if entry.size > READ_LIMIT else "it cannot be read")
        elif data and folder.text(name) is None:
            yield _unread(name, "it is no text in UTF-8")


_CACHE: OrderedDict[tuple[str, str], Sequence[Literal]] = OrderedDict()
_CACHED = 4_000
_LOCK = threading.Lock()


def _looked_at(name: str, text: str, values: Values) -> Sequence[Literal]:
    """The literals of a file; of a text that was looked at before, as they were found then."""
    key = (name.rpartition(".")[2], values.key(text))
    with _LOCK:
        found = _CACHE.get(key)
        if found is not None:
            _CACHE.move_to_end(key)
            return found
    found = tuple(literals.literals(name, text, values.find, values.expression))
    if len(found) <= _MOST_PROBLEMS:
        with _LOCK:
            _CACHE[key] = found
            while len(_CACHE) > _CACHED:
                _CACHE.popitem(last=False)
    return found


class _Undone(Exception):
    """A file is left as it is; the message is empty, `where` and `reason` are for people."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__()
        self.where = where
        self.reason = reason


class _Pass:
    """The server files of one draft, with the values that have to find a new home."""

    def __init__(self, folder: Folder, context: Context, values: Values) -> None:
        self._folder = folder
        self._context = context
        self._values = values
        self._carried: dict[str, str] = {}
        self._changed: list[tuple[str, bytes, list[Edit]]] = []
        self._keeps = _can_keep(folder)

    def take(self, name: str) -> Iterator[Problem]:
        """Rewrite one file, or say why not."""
        text = self._folder.text(name)
        data = self._folder.read(name)
        if text is None or data is None:
            yield from self._left(name, "it is no text in UTF-8")
        elif len(data) > _SIZE or max(map(len, text.split("\n"))) > _LONG_LINE:
            yield from self._left(name, "it is too large, or minified")
        elif reason := self._folder.refusal(name):
            yield from self._left(name, reason)
        else:
            before = dict(self._carried)
            try:
                yield from self._rewrite(name, text, data)
            except _Undone as error:
                self._carried = before
                yield from self._left(error.where, error.reason)
            for place in list(self._values.unnamed(data))[:1]:
                yield _secret(name, f"{name}:{_line(data, place)}", "no variable is known for it")

    def _rewrite(self, name: str, text: str, data: bytes) -> Iterator[Problem]:
        try:
            found = self._literals(name, text)
        except literals.Unparsable as error:
            raise _Undone(f"{name}:{error.line}:{error.column}", "it cannot be parsed") from error
        except literals.TooMany as error:
            raise _Undone(name, "it holds too many of them") from error
        chosen, kept = self._chosen(found)
        if chosen:
            new = literals.replaced(text, chosen)
            try:
                again, _ = self._chosen(self._literals(name, new))
            except literals.Unparsable as error:
                raise _Undone(name, "the change would not hold") from error
            if again:
                raise _Undone(name, "the change would not hold")
            bom = _BOM if data.startswith(_BOM) else b""
            self._changed.append((name, bom + new.encode(), [self._edit(name, each) for each in chosen]))
        yield from (_kept(name, *each) for each in kept)

    def _literals(self, name: str, text: str) -> Sequence[Literal]:
        return _looked_at(name, text, self._values)

    def _chosen(self, found: Iterable[Literal]) -> tuple[list[Literal], list[tuple[Literal, str]]]:
        """Those that are to be replaced, and those that are not, with the reason."""
        chosen: list[Literal] = []
        kept: list[tuple[Literal, str]] = []
        for each in found:
            reason = each.obstacle or self._objections(each.matches)
            if reason == _OTHER_VALUE and each.is_default:
                reason = ""  # the variable has its value: the default is never used
            if not reason:
                chosen.append(each)
            elif not each.is_silent:
                kept.append((each, reason))
        return chosen, kept

    def _left(self, where: str, reason: str) -> Iterator[Problem]:
        name = where.partition(":")[0]
        yield _unread(where, reason)
        data = self._folder.read(name) or b""
        if (first := min(self._values.secrets(data), default=None)) is not None:
            yield _secret(name, f"{name}:{_line(data, first)}", reason)

    def _objections(self, matches: Sequence[Match]) -> str:
        """Why a literal's values may not become their variables; "" when they may, and then they are kept."""
        carried = dict(self._carried)
        for match in matches:
            if reason := self._objection(match, carried):
                return reason
        self._carried = carried
        return ""

    def _objection(self, match: Match, carried: dict[str, str]) -> str:
        if match.name == "NEXTAUTH_URL":
            return "" if is_own_address(match.value, self._context.ports) else "it is another local service"
        author = self._context.known.get(match.name, "")
        author = "" if env_files.is_placeholder(author) else author
        now = author or carried.get(match.name, "")
        operator = self._context.variables.get(match.name, "")
        if now:
            return "" if now == match.value else _OTHER_VALUE
        if operator == match.value:
            return ""
        if match.name == "DATABASE_URL" and operator and _scheme(operator) != _scheme(match.value):
            return "it is another kind of database"
        if not self._keeps or dotenv.quoted(match.value) is None:
            return "its value could not be kept in .env.local"
        carried[match.name] = match.value
        return ""

    def _edit(self, name: str, hit: Literal) -> Edit:
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


def _kept(name: str, literal: Literal, reason: str) -> Problem:
    match = next((each for each in literal.matches if each.secret), literal.matches[0])
    return Problem(
        code="hard-coded-secret" if match.secret else "literals-kept",
        summary=f"a value of {match.name} was left alone: {reason}",
        where=f"{name}:{literal.line}",
        hint="read it from process.env",
    )
