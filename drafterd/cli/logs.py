"""`logs`: what a draft's server prints, and what its builds printed."""

import re
import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import Code, CommandFailed, Refused

FOLLOW_EVERY = 0.5
_FIRST_BYTES = 16_384
_ERROR = re.compile(
    r"\b(error|err!|failed|failure|fatal|exception|unhandled|cannot find|not found)\b|[\u2a2f\u2717\u2716]",
    re.IGNORECASE,
)
_MAX_LINE = 65_536
_AROUND = 10
"""Lines before and after an error."""

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C or the build ends.")]
OfBuild = Annotated[bool, typer.Option("--build", help="The log of a build: of build N, else of the newest.")]
Number = Annotated[int | None, typer.Argument(metavar="[N]", min=1, help="With --build: which.", show_default=False)]
Errors = Annotated[
    bool,
    typer.Option(
        "--errors", help="Of a failed build the first error and the 20 lines around it; else lines that tell of errors."
    ),
]


@asking
def logs(
    client: Client,
    draft: Draft,
    number: Number = None,
    *,
    of_build: OfBuild = False,
    follow: Follow = False,
    errors: Errors = False,
    as_json: Json = False,
) -> None:
    """Print what a draft's server says, or with --build [N] what a build said."""
    if number is not None and not of_build:
        raise CommandFailed(
            "a number goes with --build", hint=f"drafterd logs {draft} --build {number}", exit_code=Code.USAGE
        )
    found = client.get(draft_path(draft))
    build = number if of_build else None
    if build is None and (of_build or found["instance"] is None):
        build = _newest(found, asked=of_build)
    lines = _build_lines(client, draft, build, follow=follow) if build else _program_lines(client, draft, follow=follow)
    plain: Iterator[str] = map(output.clean, lines)
    if errors:
        problem = client.get(draft_path(draft, "builds", build))["problem"] if build and not follow else None
        plain = _around(problem, list(plain)) if problem else filter(_ERROR.search, plain)
    for line in plain:
        if as_json:
            output.write_json({"draft": draft, "build": build, "line": line}, line=True)
        else:
            output.write(line)


def _around(problem: Mapping[str, Any], lines: list[str]) -> Iterator[str]:
    """The first error of a failed build, with what was printed before and after it."""
    where = f" ({output.clean(problem['where'])})" if problem["where"] else ""
    output.say(f"{output.clean(problem['summary'])}{where}")
    summary = output.clean(problem["summary"]).strip()
    found = next((number for number, line in enumerate(lines) if summary in line), None)
    if found is None:
        yield from filter(_ERROR.search, lines)
        return
    for number in range(max(0, found - _AROUND), min(len(lines), found + _AROUND + 1)):
        yield f"{'>' if number == found else ' '} {lines[number]}"


def _newest(draft: dict[str, Any], *, asked: bool) -> int:
    build = draft["build"]
    if build is None:
        what = "build" if asked else "running process and no build"
        raise CommandFailed(f"{draft['id']} has no {what} yet", hint=f"it is {draft['state']}")
    if not asked:
        output.say(f"{draft['id']} has no running process; this is the log of build {build['number']}:")
    return int(build["number"])


def _build_lines(client: Client, draft: str, number: int, *, follow: bool) -> Iterator[str]:
    path = draft_path(draft, "builds", number, "log")
    if not follow:
        with _no_log_is_no_missing_draft(), client.stream("GET", path) as answer:
            yield from _lines(answer)
        return
    with client.stream("GET", path, headers={"Accept": "text/event-stream"}, timeout=60.0) as answer:
        for event, line in _events(answer):
            if event == "end":
                output.say(f"build {number} of {draft}: {line}")
                return
            yield line


def _program_lines(client: Client, draft: str, *, follow: bool) -> Iterator[str]:
    path = draft_path(draft, "log")
    if follow:
        yield from _followed(client, path)
        return
    with _no_log_is_no_missing_draft(), client.stream("GET", path) as answer:
        yield from _lines(answer)


class _no_log_is_no_missing_draft:  # noqa: N801 - reads as the `with` statement it is
    """The draft is there, as the first request has shown: a 404 now means that its log is not."""

    def __enter__(self) -> None:
        """Nothing to begin with."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Say so with another exit code."""
        if isinstance(error, Refused) and error.status == HTTPStatus.NOT_FOUND:
            raise CommandFailed(error.summary, hint=error.hint) from error


def _lines(answer: HTTPResponse) -> Iterator[str]:
    while raw := answer.readline(_MAX_LINE):
        yield raw.decode(errors="replace").rstrip("\r\n")


def _events(answer: HTTPResponse) -> Iterator[tuple[str, str]]:
    """The server-sent events of an answer: kind and data."""
    kind, data = "", ""
    for line in _lines(answer):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data = f"{data}\n{value}" if data else value
        elif not line:
            if data or kind:
                yield kind, data
            kind, data = "", ""


def _followed(client: Client, path: str) -> Iterator[str]:
    """The end of a growing file, then what is added to it; a file that was rotated begins anew."""
    offset, rest = _size(client, path), b""
    start = max(0, offset - _FIRST_BYTES)
    first, offset = start > 0, start
    while True:
        piece, offset = _from(client, path, offset)
        *whole, rest = (rest + piece).split(b"\n")
        for raw in whole[1:] if first and whole else whole:
            yield raw.decode(errors="replace").rstrip("\r")
        first = first and not whole
        if len(rest) > _MAX_LINE:
            rest = b""
        if not piece:
            time.sleep(FOLLOW_EVERY)


def _size(client: Client, path: str) -> int:
    with client.stream("HEAD", path, allowed=frozenset({HTTPStatus.NOT_FOUND})) as answer:
        return int(answer.headers.get("Content-Length", 0)) if answer.status == HTTPStatus.OK else 0


def _from(client: Client, path: str, offset: int) -> tuple[bytes, int]:
    """What lies behind `offset`, and where it ends now."""
    unready = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE})
    with client.stream("GET", path, headers={"Range": f"bytes={offset}-"}, allowed=unready) as answer:
        data = answer.read()
        if answer.status == HTTPStatus.NOT_FOUND:
            return b"", 0
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return b"", offset if _size(client, path) >= offset else 0
        return data, offset + len(data)
