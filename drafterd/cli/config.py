"""`config show|check|schema`, and how every command reads the configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer
import yaml

from drafterd.cli import output
from drafterd.cli.asking import ConfigFile, Json

if TYPE_CHECKING:  # imported late: pydantic takes a third of a second that other commands need not wait
    from drafterd.config import Config

app = typer.Typer(name="config", help="The configuration: show, check, schema.", no_args_is_help=True)


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
    _, absent = loaded(config).variables()
    for name in absent:
        output.say(f"{name} has no value: drafts that need it go without")
    output.say("the configuration is good")


@app.command("schema")
def print_schema() -> None:
    """Print the JSON schema of the file, for editors."""
    from drafterd.config import Config

    output.write_json(Config.schema())
