"""`config show|check|hash|schema`, and how every command reads the configuration."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml

from drafterd.cli import installed, output
from drafterd.cli.asking import ConfigFile, Json
from drafterd.cli.failures import Code, CommandFailed
from drafterd.domain.protection import PASSWORD_MAX, PASSWORD_MIN

if TYPE_CHECKING:  # imported late: pydantic takes a third of a second that other commands need not wait
    from drafterd.config import Config

app = typer.Typer(name="config", help="The configuration: show, check, hash, schema.", no_args_is_help=True)


def loaded(file: Path | None, overrides: Mapping[str, object] | None = None) -> "Config":
    """The configuration. Raises `ConfigError`."""
    from drafterd.config import Config

    return Config.load(file, overrides=overrides)


@app.command("show")
def show_config(config: ConfigFile = None, as_json: Json = False) -> None:
    """Print what counts: defaults, file and environment together; secrets masked."""
    shown = loaded(config).shown()
    if as_json:
        output.write_json(shown)
    else:
        output.write(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True).rstrip())


@app.command("check")
def check_config(config: ConfigFile = None) -> None:
    """Say whether the configuration can be used; exit code 1 and what is wrong if not."""
    found = loaded(installed.settings_file(config))
    environment = installed.environment(found)
    if environment is None:
        output.say("the operator's values are known to root only: run this as root to have them checked")
    _, absent = found.variables(environment) if environment is not None else ({}, ())
    found.protected()
    for name in absent:
        output.say(f"{name} has no value: drafts that need it go without")
    output.say("the configuration is good")


@app.command("hash")
def hash_password() -> None:
    """Read a password from stdin and print what drafts_config.<id>.access.password_hash takes."""
    from drafterd.domain import protection

    output.write(protection.hash_password(read_password(), os.urandom(protection.SALT_BYTES)))


def read_password() -> str:
    """A password from stdin, unseen on a terminal. Raises `CommandFailed` for what can be none."""
    given = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True) if sys.stdin.isatty() else ""
    password = given or sys.stdin.readline().rstrip("\r\n")
    if not PASSWORD_MIN <= len(password) <= PASSWORD_MAX:
        raise CommandFailed(
            f"a password has {PASSWORD_MIN} to {PASSWORD_MAX} characters, this one {len(password)}",
            exit_code=Code.USAGE,
        )
    return password


@app.command("schema")
def print_schema() -> None:
    """Print the JSON schema of the file, for editors."""
    from drafterd.config import Config

    output.write_json(Config.schema())
