"""The command `rollback`: an earlier release serves again, until the source changes or the pin is ended."""

import time
from typing import Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import Code, CommandFailed

_POLL_EVERY = 0.1
_SERVES_WITHIN = 70.0
"""A server has a minute to start (`run.start_timeout`)."""
_ASLEEP = frozenset({"paused", "removing"})

Release = Annotated[
    str | None,
    typer.Argument(
        metavar="[RELEASE]",
        help="Which one, as r3 or 3; else the newest good one before the one that serves.",
        show_default=False,
    ),
]
Unpin = Annotated[
    bool, typer.Option("--unpin", help="End an earlier rollback: the release of the source serves again.")
]


@asking
def rollback(
    client: Client, draft: Draft, release: Release = None, unpin: Unpin = False, as_json: Json = False
) -> None:
    """Go back to an earlier release, which serves until the draft's source changes or `--unpin`."""
    if unpin and release is not None:
        raise CommandFailed("--unpin takes no release", hint="name a release, or --unpin", exit_code=Code.USAGE)
    path = draft_path(draft)
    if unpin:
        before = client.get(path)["pinned"]
        found = client.ask("PATCH", path, body={"pinned": None})
        output.say(f"{draft}: {before} is pinned no more" if before else f"{draft}: no release was pinned")
    else:
        found = client.ask("POST", f"{path}/rollback", body={"release": _named(release)})
        found = _until_serving(client, path, found)
        output.say(f"{draft}: {_what_came(found)}")
    if as_json:
        output.write_json(found)


def _named(release: str | None) -> str | None:
    """The number alone will do."""
    return f"r{release}" if release is not None and release.isascii() and release.isdigit() else release


def _until_serving(client: Client, path: str, found: dict[str, Any]) -> dict[str, Any]:
    """The draft once visitors get what was asked for. Raises `CommandFailed` when they will not."""
    wanted = found["pinned"]
    ends = time.monotonic() + _SERVES_WITHIN
    while found["pinned"] == wanted and found["serving"] != wanted and found["state"] not in _ASLEEP:
        state = next((each for each in found["kept"] if each["id"] == wanted), None)
        if state is not None and state["state"] == "bad":
            serving = f"; {found['serving']} serves on" if found["serving"] else ""
            raise CommandFailed(
                f"{wanted} does not work: {output.clean(state['why'])}{serving}",
                hint=f"drafterd rollback {found['id']} --unpin, or name another release",
            )
        if time.monotonic() > ends:
            raise CommandFailed(
                f"{wanted} does not serve yet", hint=f"drafterd show {found['id']}", exit_code=Code.TIMED_OUT
            )
        time.sleep(_POLL_EVERY)
        found = client.get(path)
    return found


def _what_came(found: dict[str, Any]) -> str:
    if found["pinned"] is None:
        return "its source has changed meanwhile: the newest release will serve"
    if found["serving"] == found["pinned"]:
        return f"{found['serving']} serves, until the source changes or drafterd rollback {found['id']} --unpin"
    return f"{found['pinned']} will serve when the draft runs again: it is {found['state']}"
