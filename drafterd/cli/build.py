"""Commands about builds: `build`, `wait`, `cancel`."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import Code, CommandFailed, Refused, Unreachable
from drafterd.domain.state import State

POLL_EVERY = 0.3
_LONG_POLL = 20.0
"""One request of a wait, seconds: short enough for any proxy between."""
_UNSEEN = 3.0
"""A folder that was only just dropped may take so many seconds to be known."""
_AWAY = 30.0
"""A daemon that answered before may be away so many seconds: it is being restarted."""
_ACTIVE = frozenset({"queued", "running"})

Clean = Annotated[bool, typer.Option("--clean", help="Leave the caches out.")]
Wait = Annotated[bool, typer.Option("--wait", help="Wait for its end; exit code 4 when it fails.")]
For = Annotated[State, typer.Option("--for", help="The state to wait for.")]
Timeout = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Give up after so long, with exit code 124.")]


@asking
def build(client: Client, draft: Draft, clean: Clean = False, wait: Wait = False, as_json: Json = False) -> None:
    """Build a draft again, though its source has not changed."""
    asked = client.ask("POST", draft_path(draft, "builds"), body={"clean": clean})
    output.say(f"build {asked['number']} of {draft}: {asked['status']}")
    if wait:
        asked = _until_ended(client, draft, asked["number"])
    if as_json:
        output.write_json(asked)
    if not wait:
        return
    if asked["status"] != "succeeded":
        raise _failure(draft, asked)
    output.say(f"build {asked['number']} of {draft} succeeded in {output.duration(asked['seconds'])}")


def _until_ended(client: Client, draft: str, number: int) -> dict[str, Any]:
    """The build once it has ended; its steps are told as they come."""
    told, repairs = "", 0
    while True:
        found: dict[str, Any] = _look(client, draft_path(draft, "builds", number))
        repairs = _tell_repairs(found, repairs)
        if found["status"] not in _ACTIVE:
            return found
        if found["step"] and found["step"] != told:
            told = found["step"]
            output.say(f"  {told} ...")
        time.sleep(POLL_EVERY)


def _tell_repairs(build: Mapping[str, Any], told: int) -> int:
    """Say which repairs came after the first `told` ones; how many there are now."""
    for repair in build["repairs"][told:]:
        output.say(f"  {output.repair_line(repair)}")
    return len(build["repairs"])


def _failure(draft: str, build: Mapping[str, Any]) -> CommandFailed:
    problem = build["problem"]
    for line in output.problem_lines(problem)[1:] if problem else ():
        output.say(line)
    said = f": {output.clean(problem['summary'])}" if problem else ""
    return CommandFailed(
        f"build {build['number']} of {draft}: {build['status']}{said}",
        hint=f"drafterd logs {draft} --build {build['number']}",
        exit_code=Code.BUILD_FAILED,
    )


@asking
def wait(
    client: Client, draft: Draft, state: For = State.READY, timeout: Timeout = 600.0, as_json: Json = False
) -> None:
    """Wait until a draft is ready, or in another state; exit code 4 when it fails for good."""
    ends = time.monotonic() + timeout
    found = _first_look(client, draft, ends)
    told = (0, 0)
    while found["state"] != state and not _failed(found):
        told = _tell_new(found, told)
        left = ends - time.monotonic()
        if left <= 0:
            raise _too_late(draft, state, timeout, found)
        piece = min(left, _LONG_POLL)
        query = {"wait": state.value, "timeout": round(piece, 3)}
        found = _look(client, draft_path(draft), query, timeout=piece + _LONG_POLL)
    _tell_new(found, told)
    if as_json:
        output.write_json(found)
    elif found["state"] == state:
        output.write(found["url"])
    if found["state"] != state:
        raise _cannot(draft, state, found)


def _look(client: Client, path: str, query: Mapping[str, object] | None = None, *, timeout: float = _LONG_POLL) -> Any:
    """What the daemon says there, though it may be restarted meanwhile; one that has just started knows no draft."""
    gives_up = None
    while True:
        try:
            return client.get(path, query, timeout=timeout)
        except (Unreachable, Refused) as error:
            if isinstance(error, Refused) and (error.exit_code is not Code.NO_DRAFT or _is_ready(client)):
                raise
            gives_up = gives_up or time.monotonic() + _AWAY
            if time.monotonic() > gives_up:
                raise
        time.sleep(POLL_EVERY)


def _is_ready(client: Client) -> bool:
    """Whether the daemon has looked at every draft."""
    try:
        return bool(client.get("/api/v1/status")["ready"])
    except Unreachable:
        return False


def _tell_new(draft: Mapping[str, Any], told: tuple[int, int]) -> tuple[int, int]:
    """Say what repairs the newest build got since; its number, and how many they are."""
    build = draft["build"]
    if build is None:
        return told
    number, repairs = told
    return build["number"], _tell_repairs(build, repairs if build["number"] == number else 0)


def _failed(draft: Mapping[str, Any]) -> bool:
    return bool(draft["state"] == State.FAILED and draft["work"] == "none")


def _first_look(client: Client, draft: str, ends: float) -> Any:
    """The draft now. One that nobody knows yet is looked for once."""
    unseen = min(ends, time.monotonic() + _UNSEEN)
    path = draft_path(draft)
    asked = False
    while True:
        try:
            return client.get(path)
        except Refused as error:
            if error.exit_code is not Code.NO_DRAFT or time.monotonic() > unseen:
                raise
        if not asked:
            client.ask("POST", "/api/v1/scan")
            asked = True
        time.sleep(POLL_EVERY)


def _too_late(draft: str, state: State, timeout: float, found: Mapping[str, Any]) -> CommandFailed:
    return CommandFailed(
        f"{draft} is not {state} after {output.duration(timeout)}: it is {found['state']}",
        hint=f"drafterd show {draft}",
        exit_code=Code.TIMED_OUT,
    )


def _cannot(draft: str, state: State, found: Mapping[str, Any]) -> CommandFailed:
    problem = found["problem"]
    for line in output.problem_lines(problem)[1:] if problem else ():
        output.say(line)
    summary = output.clean(problem["summary"]) if problem else "it failed"
    return CommandFailed(f"{draft} does not become {state}: {summary}", exit_code=Code.BUILD_FAILED)


@asking
def cancel(client: Client, draft: Draft, as_json: Json = False) -> None:
    """End a draft's build, whether it waits or runs."""
    builds = client.get(draft_path(draft, "builds"))["items"]
    active = [build["number"] for build in builds if build["status"] in _ACTIVE]
    if not active:
        raise CommandFailed(f"{draft} is not being built", hint="drafterd queue", exit_code=Code.WRONG_STATE)
    for number in active:
        ended = client.ask("POST", draft_path(draft, "builds", number, "cancel"))
        if as_json:
            output.write_json(ended, line=True)
        output.say(f"build {number} of {draft}: {ended['status']}")
