"""What commands that ask the daemon share: the options that name it, and `--json`."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer

from drafterd.cli.client import Client

P = ParamSpec("P")

Draft = Annotated[str, typer.Argument(metavar="ID", help="The draft: its folder's name.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, in the API's shapes.")]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", envvar="DRAFTERD_CONFIG", metavar="FILE", help="The configuration.", show_default=False),
]
_PANEL = "Which daemon (default: the one of ./.drafterd, else the system's)"
_Url = Annotated[
    str | None,
    typer.Option(envvar="DRAFTERD_URL", metavar="URL", help="http://... or unix:///...", rich_help_panel=_PANEL),
]
_Socket = Annotated[Path | None, typer.Option(metavar="PATH", help="Its unix socket.", rich_help_panel=_PANEL)]
_TokenFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The token that goes with --url.", rich_help_panel=_PANEL)
]


def asking(command: Callable[Concatenate[Client, P], None]) -> Callable[..., None]:
    """Give a command the options that name the daemon; it gets the client for it as its first argument."""

    @functools.wraps(command)
    def wrapped(*args: Any, **options: Any) -> None:
        client = Client.open(options.pop("url"), options.pop("socket"), options.pop("token_file"))
        command(client, *args, **options)

    own = list(inspect.signature(command).parameters.values())[1:]
    extra = {"url": _Url, "socket": _Socket, "token_file": _TokenFile}
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = [inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in extra.items()]
    # Typer reads both.
    wrapped.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]  # functions may carry one
    wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in (*own, *added)}
    return wrapped
