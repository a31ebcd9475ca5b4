"""Commands that say who may visit a draft: `protect`, `share`."""

import secrets
import time
from typing import Annotated, Any

import typer

from drafterd.cli import output
from drafterd.cli.asking import Draft, Json, asking
from drafterd.cli.client import Client, draft_path
from drafterd.cli.config import read_password
from drafterd.cli.failures import Code, CommandFailed

_PASSWORD_BYTES = 12
_ENFORCED_WITHIN = 10.0
_LOOK_EVERY = 0.1

Off = Annotated[bool, typer.Option("--off", help="Let everybody visit it again; its password and links are forgotten.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the password from stdin instead of making one.")]
LinksOnly = Annotated[bool, typer.Option("--links-only", help="No password: only the links of `share` let in.")]
For = Annotated[str, typer.Option("--for", metavar="TIME", help="How long the link lets in: 90m, 12h, 7d.")]
Revoke = Annotated[
    bool, typer.Option("--revoke", help="End all links, and all visits that they or the password began.")
]


@asking
def protect(
    client: Client,
    draft: Draft,
    *,
    off: Off = False,
    stdin: Stdin = False,
    links_only: LinksOnly = False,
    as_json: Json = False,
) -> None:
    """Let only those visit a draft who know its password, which is printed once. Also before it is there."""
    if off + stdin + links_only > 1:
        raise CommandFailed("--off, --stdin and --links-only exclude each other", exit_code=Code.USAGE)
    made = "" if off or stdin or links_only else secrets.token_urlsafe(_PASSWORD_BYTES)
    wish: dict[str, object] = {"protected": not off}
    if not off:
        wish["password"] = None if links_only else made or read_password()
    found = client.ask("PATCH", draft_path(draft, "access"), body=wish)
    found = _enforced(client, draft, found)
    if as_json:
        output.write_json({**found, **({"password_made": made} if made else {})})
        return
    if made:
        output.write(made)
    output.say(_told(draft, found, off=off, links_only=links_only))


def _enforced(client: Client, draft: str, found: Any) -> Any:
    """What was asked for is kept; a moment later the proxy has it too."""
    ends = time.monotonic() + _ENFORCED_WITHIN
    while not found["enforced"] and time.monotonic() < ends:
        time.sleep(_LOOK_EVERY)
        found = client.get(draft_path(draft, "access"))
    return found


def _told(draft: str, found: Any, *, off: bool, links_only: bool) -> str:
    late = "" if found["enforced"] else "; the proxy has not taken it yet, which it is told again and again"
    if off:
        return f"{draft} is open to everybody{late}"
    way = f"by links only: drafterd share {draft}" if links_only else "by its password"
    return f"{draft} is protected, and entered {way}{late}"


@asking
def share(client: Client, draft: Draft, lifetime: For = "7d", revoke: Revoke = False, as_json: Json = False) -> None:
    """Print a link that lets into a protected draft for a time, without its password."""
    path = draft_path(draft, "shares")
    if revoke:
        client.ask("DELETE", path)
        output.say(f"all links of {draft} have ended")
        return
    found = client.ask("POST", path, body={"seconds": _seconds(lifetime)})
    if as_json:
        output.write_json(found)
        return
    output.write(found["url"])
    output.say(f"lets in until {found['ends']}; drafterd share {draft} --revoke ends it before")


def _seconds(text: str) -> int:
    from pydantic_core import PydanticCustomError

    from drafterd.config.values import parse_duration  # late, both: other commands need not wait for pydantic

    try:
        return int(parse_duration(text))
    except PydanticCustomError as error:
        raise CommandFailed(f"--for: found {text!a}, {error.message()} is allowed", exit_code=Code.USAGE) from None
