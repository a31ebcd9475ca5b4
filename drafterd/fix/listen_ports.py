"""The fix of servers that listen on a port of their own: they follow `PORT`, and by hand stay on theirs.

Only in what the start command runs and that imports, and only where one port is asked for: of several
servers nobody but the author knows which one answers visitors.
"""

import re
from collections.abc import Iterator, Mapping

from drafterd.domain.model import Edit, Kind, Problem
from drafterd.fix import config_syntax as syntax
from drafterd.fix import env_files, listeners
from drafterd.fix.folder import Folder
from drafterd.fix.imports import Imports
from drafterd.fix.listeners import Listener, Servers
from drafterd.fix.next_config import language
from drafterd.fix.server_files import SOURCE, sides
from drafterd.fix.settings import Context
from drafterd.fix.start_files import start_files

RULE = "listen-port"
_SIZE = 1_000_000
_LONG_LINE = 5_000
_MOST_FILES = 200
_BOM = b"\xef\xbb\xbf"
_WRITTEN = re.compile(r"\.\s{0,20}listen\s{0,20}\(\s{0,20}\d")

_Found = tuple[str, Listener]


def fix(folder: Folder, context: Context) -> Iterator[Problem]:
    """Propose the change; yields what was left alone."""
    if context.kind not in (Kind.NODE, Kind.NEXT) or context.package is None:
        return
    entries = start_files(folder, context.package, context.start, builds=context.builds)
    if not entries:
        return
    texts = _texts(folder)
    packages = context.package.dependencies.keys()
    found = Imports(folder, texts, packages).reached(entries, stop=())
    reached = sorted(found & texts.keys(), key=lambda name: (name not in entries, name))[:_MOST_FILES]
    if any(_reads_port(name, texts[name]) for name in reached):
        return  # it knows of PORT: that is how it should be
    looked = {name: _Look(folder, name, texts[name]) for name in reached if listeners.SIGNS.search(texts[name])}
    listening = [(name, each) for name, look in looked.items() for each in look.servers.listeners]
    if not listening:
        yield from (problem for look in looked.values() for problem in look.problems())
        return
    chosen = _visitors(listening)
    known = [each for each in chosen if each[1].is_known]
    if known:  # what is not understood may well follow PORT, by ways that are not seen here
        reason = _objection(chosen, looked, folder)
        client = sides(folder, context.kind, entries, packages).client if not reason else frozenset()
        if any(name in client for name, _ in chosen):
            reason = "it may run in browsers too"
        yield from _told(known, reason) if reason else _put(folder, context, known, looked)


class _Look:
    """What one file starts, or why that cannot be told."""

    def __init__(self, folder: Folder, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.servers = Servers()
        self.unread = folder.refusal(name) or ""
        self.where = name
        if len(text) > _SIZE or max(map(len, text.split("\n"))) > _LONG_LINE:
            self.unread = "it is too large, or minified"
            return
        try:
            self.servers = listeners.servers(name, text)
        except listeners.Unparsable as error:
            self.unread, self.where = "it cannot be parsed", f"{name}:{error.line}:{error.column}"

    def problems(self) -> Iterator[Problem]:
        """A server's file that nobody can look into."""
        if self.unread and _WRITTEN.search(self.text[:_SIZE]):
            yield _problem(self.where, f"{self.name} was left alone: {self.unread}")


def _texts(folder: Folder) -> Mapping[str, str]:
    names = [name for name in folder.names() if SOURCE.search(name)]
    folder.load(names)
    return {name: text for name in names if (text := folder.text(name)) is not None}


def _reads_port(name: str, text: str) -> bool:
    """Whether a file knows of `PORT`; one that nobody can look into may."""
    if "PORT" not in text:
        return False
    root = syntax.parse(text, language(name)) if len(text) <= _SIZE else None
    return root is None or listeners.reads_port(root)


def _visitors(found: list[_Found]) -> list[_Found]:
    """Those that answer browsers; beside them a port for web sockets only does not count."""
    return [each for each in found if not each[1].is_socket] or found


def _objection(chosen: list[_Found], looked: Mapping[str, _Look], folder: Folder) -> str:
    """Why nothing is to be changed; "": nothing is in the way."""
    if len({each.port for _, each in chosen}) > 1 or not all(each.is_known for _, each in chosen):
        return "several servers listen, and only one can answer visitors"
    if any(looked[name].servers.shadowed for name, _ in chosen):
        return "it means something else by 'process'"
    if any(each.is_named for _, each in chosen) and env_files.own_ports(folder):
        return "the draft's own env files set PORT to something else"
    return next((reason for name, _ in chosen if (reason := folder.refusal(name))), "")


def _put(folder: Folder, context: Context, known: list[_Found], looked: Mapping[str, _Look]) -> Iterator[Problem]:
    for name in sorted({name for name, _ in known}):
        look, mine = looked[name], [each for file, each in known if file == name]
        new = listeners.spliced(look.text, (splice for each in mine for splice in each.splices))
        try:
            holds = listeners.servers(name, new).follows
        except listeners.Unparsable:
            holds = False
        if not holds:
            yield from _told(known, "the change would not hold")
            return
        data = folder.read(name) or b""
        bom = _BOM if data.startswith(_BOM) else b""
        folder.put(name, bom + new.encode(), [_edit(name, look.text, new, context)])


def _edit(name: str, old: str, new: str, context: Context) -> Edit:
    """The lines that differ; they differ within themselves only."""
    pairs = zip(old.split("\n"), new.split("\n"), strict=True)
    changed = [(number, *pair) for number, pair in enumerate(pairs, start=1) if pair[0] != pair[1]]
    return Edit(
        file=name,
        rule=RULE,
        before=context.mask(" … ".join(before.strip() for _, before, _ in changed)),
        after=context.mask(" … ".join(after.strip() for *_, after in changed)),
        reason=f"line {changed[0][0]}: the draft listens on the port it is given",
    )


def _told(found: list[_Found], reason: str) -> Iterator[Problem]:
    name, first = found[0]
    ports = ", ".join(map(str, sorted({each.port for _, each in found if each.port is not None})))
    what = f"port {ports}" if ports else "the port of a server"
    yield _problem(f"{name}:{first.line}", f"{what} was left as it is: {reason}")


def _problem(where: str, summary: str) -> Problem:
    hint = "let the server that answers visitors listen on process.env.PORT"
    return Problem(code="listen-port", summary=summary, where=where, hint=hint)
