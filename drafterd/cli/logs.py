"""`logs`: what a draft's server prints, and what its builds printed."""

import json
import time
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from http.client import HTTPResponse
from typing import Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import Code, CommandFailed, Refused, Unreachable
from drafterd.domain.log_lines import TELLS_OF_ERROR, plain

FOLLOW_EVERY = 0.5
_FIRST_BYTES = 16_384
_MAX_LINE = 65_536
_STREAM_TIMEOUT = 60.0
_AGAIN_EVERY = 0.5
_NOT_YET = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE})
_AGAIN_WITHIN = 60.0
"""Seconds that a daemon may be away while its build's log is followed."""

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C or the build ends.")]
OfBuild = Annotated[bool, typer.Option("--build", help="The log of a build: of build N, else of the newest.")]
Number = Annotated[int | None, typer.Argument(metavar="[N]", min=1, help="With --build: which.", show_default=False)]
Errors = Annotated[
    bool,
    typer.Option(
        "--errors", help="Of a failed build the first error and the 20 lines around it; else lines that tell of errors."
    ),
]
Times = Annotated[bool, typer.Option("--times/--no-times", help="With or without the time of each line of a build.")]


@asking
def logs(
    client: Client,
    draft: Draft,
    number: Number = None,
    *,
    of_build: OfBuild = False,
    follow: Follow = False,
    errors: Errors = False,
    times: Times = True,
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
    if build is None:
        _write_program(draft, _program_lines(client, draft, follow=follow), errors=errors, as_json=as_json)
        return
    around = errors and not follow and _say_problem(client, draft, build)
    lines = _followed_build(client, draft, build) if follow else _build_lines(client, draft, build, errors=errors)
    if errors and follow:
        lines = (line for line in lines if TELLS_OF_ERROR.search(plain(line["text"])))
    _write_build(draft, build, lines, times=times, marked=around, as_json=as_json)


def _write_program(draft: str, lines: Iterable[str], *, errors: bool, as_json: bool) -> None:
    for line in lines:
        if errors and not TELLS_OF_ERROR.search(plain(line)):
            continue
        if as_json:
            output.write_json({"draft": draft, "build": None, "line": output.clean(line)}, line=True)
        else:
            output.write(output.coloured(line))


def _write_build(
    draft: str, build: int, lines: Iterable[dict[str, Any]], *, times: bool, marked: bool, as_json: bool
) -> None:
    for line in lines:
        if as_json:
            said = {key: output.clean(line[key]) for key in ("time", "step", "kind")}
            text = output.clean(line["text"])
            output.write_json({"draft": draft, "build": build, "line": text, **said, "error": line["error"]}, line=True)
            continue
        lead = ("> " if line["error"] else "  ") if marked else ""
        stamp = f"{output.dimmed(output.clean(line['time']))} " if times and line["time"] else ""
        output.write(f"{lead}{stamp}{_told(line)}")


def _told(line: dict[str, Any]) -> str:
    """A line as it is printed: ours stand out."""
    if line["kind"] == "step":
        return output.bold(f"== {output.clean(line['text'])}")
    return (
        output.dimmed(f"-- {output.clean(line['text'])}") if line["kind"] == "note" else output.coloured(line["text"])
    )


def _say_problem(client: Client, draft: str, build: int) -> bool:
    """What the first error of a failed build is, with its file and line; False: it has not failed."""
    problem = client.get(draft_path(draft, "builds", build))["problem"]
    if problem:
        where = f" ({output.clean(problem['where'])})" if problem["where"] else ""
        output.say(f"{output.clean(problem['summary'])}{where}")
    return problem is not None


def _newest(draft: dict[str, Any], *, asked: bool) -> int:
    build = draft["build"]
    if build is None:
        what = "build" if asked else "running process and no build"
        raise CommandFailed(f"{draft['id']} has no {what} yet", hint=f"it is {draft['state']}")
    if not asked:
        output.say(f"{draft['id']} has no running process; this is the log of build {build['number']}:")
    return int(build["number"])


def _build_lines(client: Client, draft: str, number: int, *, errors: bool) -> Iterator[dict[str, Any]]:
    path = f"{draft_path(draft, 'builds', number, 'log')}?format=json{'&errors=1' if errors else ''}"
    with _no_log_is_no_missing_draft(), client.stream("GET", path) as answer:
        yield from map(json.loads, _lines(answer))


def _followed_build(client: Client, draft: str, number: int) -> Iterator[dict[str, Any]]:
    """The lines as they come, to the build's end; a stream that is cut off is taken up where it ended."""
    path = f"{draft_path(draft, 'builds', number, 'log')}?format=json"
    known, lost = "", 0.0
    while not lost or time.monotonic() < lost + _AGAIN_WITHIN:
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": known} if known else {})}
        try:
            with client.stream("GET", path, headers=headers, timeout=_STREAM_TIMEOUT) as answer:
                for event, data, place in _events(answer):
                    known, lost = place or known, 0.0
                    if event == "end":
                        output.say(f"build {number} of {draft}: {data}")
                        return
                    yield json.loads(data)
        except (Unreachable, Refused) as error:
            # A daemon that has only just been started does not know its drafts yet.
            if not known or (isinstance(error, Refused) and error.status not in _NOT_YET):
                raise
        lost = lost or time.monotonic()
        time.sleep(_AGAIN_EVERY)
    raise CommandFailed(f"the daemon went away while build {number} of {draft} was followed")


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


def _events(answer: HTTPResponse) -> Iterator[tuple[str, str, str]]:
    """The server-sent events of an answer: kind, data and id."""
    kind, data, place = "", "", ""
    for line in _lines(answer):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "id":
            place = value
        elif name == "data":
            data = f"{data}\n{value}" if data else value
        elif not line:
            if data or kind:
                yield kind, data, place
            kind, data, place = "", "", ""


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
