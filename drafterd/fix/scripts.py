"""Rewrites the port in one line of package.json's scripts, and understands what a line starts.

Everything that is not the port stays, character by character.
"""

import re

_PORT = r"""(?:"?\$\{PORT(?::?-\d+)?\}"?|"?\$PORT\b"?|"\d+"|'\d+'|\d+)(?=[\s"'`&|;<>)]|$)"""
_ASSIGNED = r"""(?:"[^"]*"|'[^']*'|[^\s"'&|;]*)"""
_CALL = re.compile(
    rf"""
    (?P<cross>(?<![\w./-])(?:cross-env|env)\s+)?
    (?P<set>(?:(?<![\w./-])[A-Za-z_]\w*={_ASSIGNED}\s+)*)
    (?P<runner>(?:(?<![\w./-])(?:npx|bunx|pnpm|yarn|bun)(?:\s+(?:exec|dlx|run|x|--bun|--yes|-y|--no-install))*\s+)?)
    (?P<next>(?<![\w/.@:-])(?:(?:node\s+)?(?:\./)?node_modules/(?:\.bin/next|next/dist/bin/next)|next))
    (?:(?P<command>\s+(?:dev|start)(?=[\s"'`&|;)]|$))|(?=\s*(?:$|["'`&|;)]))|(?=\s+-(?!-version|-help|v\b|h\b)))
    (?P<rest>(?:"\$\{{?PORT[^"]*"|"\d+"|'\d+'|[^&|;<>"'`\n)])*)
    """,
    re.VERBOSE,
)
_COMMAND_BEGINS = re.compile(r"(?:\A|[;&|(\"'`]|(?<!\S)--|(?<![\w./-])(?:dotenv|env-cmd))\s*\Z")
"""What stands before a program; elsewhere a lone `next` is the name of a script or of a package."""
_OPTION = re.compile(rf"(?<!\S)(?:--port|-p)(?:\s*=\s*|\s+|(?=[\d$\"'])){_PORT}")
_OPTION_NAMED = re.compile(r"(?<!\S)(?:--port\b|-p(?=[\s=\d$\"']|$))")
_PORT_SET = re.compile(rf"(?<!\S)PORT={_ASSIGNED}\s+")
_EXPORTED = re.compile(r"\bexport\s+PORT=\d+\s*(?:&&|;)\s*")
_DEV_FLAGS = re.compile(r"\s+--(?:turbo(?:pack)?|experimental-https\S*|webpack)(?=\s|$)")
_HOST = re.compile(r"(?<!\S)(?:-H|--hostname)(?=[\s=]|$)")
_NUMBERS = re.compile(r"(?:\bPORT=|(?<!\S)--port[\s=]|(?<!\S)-p[\s=]?|\$\{PORT:?-)[\"']?(\d{2,5})\b")

_DEV_SERVER = re.compile(
    r"(?<![\w/.@-])(?:vite(?!\s+(?:build|preview))(?=\s|$)|(?:next|astro|nuxt|nuxi|remix|react-router)\s+dev\b"
    r"|react-scripts\s+start\b|vite\s+dev\b|next(?=\s*$|\s+-))"
)
_FILE_SERVER = re.compile(r"(?:npx\s+(?:-y\s+|--yes\s+)?)?(?:serve|http-server|live-server|lite-server)(?=\s|@|$)")
_WORD = re.compile(r"[\w./@:=+,-]+", re.ASCII)
_HARMLESS = re.compile(r"(?:NODE_ENV=[\"']?production[\"']?|PORT=.*)\Z")
_NODE_PORT = (
    (re.compile(r"(?<![\w$])PORT=(?:\$\{PORT:?-\d+\}|\d+)(?=[\s\"'&|;]|$)"), "PORT={}"),
    (re.compile(r"(?<!\S)--port=(?:\$\{PORT:?-\d+\}|\d+)(?=[\s\"'&|;]|$)"), "--port={}"),
    (re.compile(r"(?<!\S)--port\s+(?:\$\{PORT:?-\d+\}|\d+)(?=[\s\"'&|;]|$)"), "--port {}"),
)


_LONGEST = 2_000
"""Characters; nobody writes longer scripts, and no longer one is understood."""


def port_form(port: int) -> str:
    """How a port stands in a script: by hand it is the home port, else what `PORT` says."""
    return f"${{PORT:-{port}}}"


def next_line(line: str, port: int, *, serve: bool = False) -> str | None:
    """The line with its direct calls of `next` on our port; None: there is none that is understood.

    With `serve` a development server becomes `next start`.
    """
    calls = [call for call in _CALL.finditer(line) if _is_call(line, call)] if len(line) <= _LONGEST else []
    if not calls or any(not _understood(call["rest"]) for call in calls):
        return None
    for call in reversed(calls):
        line = line[: call.start()] + _rewritten(call, port, serve=serve) + line[call.end() :]
    return _EXPORTED.sub("", line)


def _is_call(line: str, call: re.Match[str]) -> bool:
    if call["command"] or call["cross"] or call["set"] or call["runner"]:
        return True
    return _COMMAND_BEGINS.search(line[: call.start()]) is not None


def _understood(rest: str) -> bool:
    return len(_OPTION_NAMED.findall(rest)) == len(_OPTION.findall(rest))


def _rewritten(call: re.Match[str], port: int, *, serve: bool) -> str:
    settings = _PORT_SET.sub("", call["set"])
    cross = call["cross"] or ""
    if cross and not settings:
        cross = ""
    command = call["command"] or " dev"
    rest = call["rest"]
    if serve and command.strip() == "dev":
        command, rest = " start", _DEV_FLAGS.sub("", rest)
    option = f"-p {port_form(port)}"
    if _OPTION.search(rest):
        first, *_ = _OPTION.finditer(rest)
        later = re.sub(rf"\s*{_OPTION.pattern}", "", rest[first.end() :])
        rest = f"{rest[: first.start()]}{option}{later}"
    else:
        rest = f" {option}{rest}"
    return f"{cross}{settings}{call['runner']}{call['next']}{command}{rest}"


def node_line(line: str, port: int) -> str:
    """The line of some other server with the ports that it spells on our port."""
    for pattern, form in _NODE_PORT if len(line) <= _LONGEST else ():
        line = pattern.sub(form.format(port_form(port)).replace("\\", r"\\"), line)
    return line


def ports(line: str) -> frozenset[int]:
    """The ports that a line names."""
    return frozenset(int(found) for found in _NUMBERS.findall(line[:_LONGEST]))


def names_host(line: str) -> bool:
    """Whether a call of `next` says on which address to listen."""
    line = line[:_LONGEST]
    return any(_HOST.search(call["rest"]) for call in _CALL.finditer(line) if _is_call(line, call))


def is_dev_server(line: str) -> bool:
    """Whether a line runs a server made for development only."""
    return _DEV_SERVER.search(line[:_LONGEST]) is not None


def is_file_server(line: str) -> bool:
    """Whether a line only serves the folder's files."""
    return _FILE_SERVER.match(line.strip()[:_LONGEST]) is not None


def direct(line: str) -> tuple[str, ...] | None:
    """The argv of a line that is one plain `node` command; None when it needs a shell.

    Settings of `PORT` and `NODE_ENV=production` in front are ours to give, and are left out.
    """
    if len(line) > _LONGEST:
        return None
    words = line.replace("${PORT:-", "PORT-").replace("}", "").split()
    if words and words[0] == "cross-env":
        words = words[1:]
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        if not _HARMLESS.match(words.pop(0)):
            return None
    if len(words) < 2 or words[0] != "node":  # noqa: PLR2004 -- a program and its file
        return None
    if any(not _WORD.fullmatch(word) or "PORT-" in word for word in words):
        return None
    return tuple(words)


def starts_standalone(line: str) -> bool:
    """Whether a line runs the server that a standalone build of Next.js leaves: it follows `PORT` by itself."""
    return re.search(r"(?<![\w.-])node\s+(?:\./)?\.next/standalone/server\.js(?:\s|\Z)", line[:_LONGEST]) is not None


def server_file(line: str) -> str:
    """The file that a line hands to node, tsx or the like; "" when there is none."""
    found = re.search(r"(?<![\w/.-])(?:node|tsx|ts-node|nodemon|bun)\s+(?:-\S+\s+)*(?!-)([\w./-]+)", line[:_LONGEST])
    return found[1].removeprefix("./") if found else ""
