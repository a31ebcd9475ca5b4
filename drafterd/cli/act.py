"""Commands that change a draft: `start`, `stop`, `restart`, `rm`."""

import sys
from typing import Annotated

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.failures import CommandFailed
from drafterd.domain.state import State

Purge = Annotated[bool, typer.Option("--purge", help="Delete the draft's own folder too.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


_STOP_WITHIN = 15.0


def _ask(client: Client, draft: str, verb: str, *, as_json: bool, until: State | None = None) -> None:
    """Ask for a change; with `until`, stay until it is made, but not for ever."""
    path = draft_path(draft)
    found = client.ask("POST", f"{path}/{verb}")
    if until is not None and found["state"] != until:
        found = client.get(path, {"wait": until.value, "timeout": _STOP_WITHIN}, timeout=2 * _STOP_WITHIN)
    if as_json:
        output.write_json(found)
    elif found["state"] == until:
        output.say(f"{draft} is {until}")
    else:
        output.say(f"{draft}: {verb} was asked for")


@asking
def start(client: Client, draft: Draft, as_json: Json = False) -> None:
    """Let a draft run that was stopped."""
    _ask(client, draft, "start", as_json=as_json)


@asking
def stop(client: Client, draft: Draft, as_json: Json = False) -> None:
    """Stop a draft and keep it stopped until `start`."""
    _ask(client, draft, "stop", as_json=as_json, until=State.PAUSED)


@asking
def restart(client: Client, draft: Draft, as_json: Json = False) -> None:
    """Replace a draft's running process by a new one."""
    _ask(client, draft, "restart", as_json=as_json)


@asking
def rm(client: Client, draft: Draft, purge: Purge = False, yes: Yes = False) -> None:
    """Take a draft down and delete what was made of it; its own folder stays unless --purge."""
    path = draft_path(draft)
    if purge and not yes and sys.stdin.isatty() and sys.stderr.isatty():
        client.get(path)  # no question about a draft that is not there
        if not typer.confirm(f"Delete the folder of {draft} with all that is in it?", err=True):
            raise CommandFailed(f"{draft} was left as it is")
    client.ask("DELETE", path, query={"purge": "source"} if purge else None)
    output.say(f"{draft} is being removed" + (", its folder too" if purge else "; its folder stays"))
