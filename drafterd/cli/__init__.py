"""The command line: a thin client of the HTTP API, and the way to start the daemon.

Results go to stdout, talk and progress to stderr. Exit codes: `failures.Code`.
"""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from drafterd.cli import act, build, check, config, fix, look, output, protect, publish, up
from drafterd.cli.failures import Code, code_of
from drafterd.cli.install import install, uninstall
from drafterd.cli.logs import logs
from drafterd.cli.rollback import rollback
from drafterd.domain.errors import DrafterdError


class _Commands(TyperGroup):
    """Turns errors into exit codes, in one place for all commands; keeps their order in the help."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except DrafterdError as error:
            output.complain(error)
            raise typer.Exit(code_of(error)) from error
        except KeyboardInterrupt:
            raise typer.Exit(Code.INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our results has seen enough. Nothing may be written at exit either.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(Code.FAILED) from None


app = typer.Typer(
    name="drafterd",
    help="Drop a folder, get a URL: hosts many AI-generated web apps on a server you own.",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(asked: bool) -> None:
    if asked:
        check.version()
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Drop a folder, get a URL: hosts many AI-generated web apps on a server you own."""


_PANELS = (
    ("Start", (up.up, up.run)),
    ("Look", (look.ls, look.show, logs, look.routes, look.queue, look.fixes)),
    ("Build", (build.build, build.wait, build.cancel)),
    ("Act", (act.start, act.stop, act.restart, rollback, act.rm)),
    ("Who may visit", (protect.protect, protect.share)),
    ("Without a daemon", (fix.fix, fix.explain, publish.publish)),
    ("Installation", (check.doctor, check.health, check.version, install, uninstall)),
)

for _panel, _commands in _PANELS:
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(config.app, rich_help_panel="Installation")


def main() -> None:
    """The entry point of `drafterd`."""
    app(prog_name="drafterd")
