"""`up`, everything in one process tree, and `run`, the daemon alone."""

import asyncio
import logging
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from drafterd import resources
from drafterd.cli import output
from drafterd.cli.asking import ConfigFile
from drafterd.cli.config import loaded
from drafterd.cli.failures import CommandFailed, code_of
from drafterd.domain.errors import Busy, DrafterdError
from drafterd.files import TEMPORARY, remove_tree

if TYPE_CHECKING:  # imported late: the daemon's modules take a second that other commands need not wait
    from drafterd.config import Config
    from drafterd.reconcile.control import Control

SAMPLE = "hello"

Drafts = Annotated[Path | None, typer.Option(metavar="DIR", help="The watched folder. [default: .drafts]")]
State = Annotated[Path | None, typer.Option(metavar="DIR", help="The state folder. [default: .drafterd]")]
Listen = Annotated[
    str | None, typer.Option(metavar="HOST:PORT", help="Where visitors come in. [default: 127.0.0.1:8080]")
]
Api = Annotated[str | None, typer.Option(metavar="HOST:PORT", help="API and dashboard. [default: 127.0.0.1:8740]")]
Proxy = Annotated[str | None, typer.Option(metavar="KIND", help="traefik or nginx. [default: traefik]")]
Sample = Annotated[bool, typer.Option("--sample", help="Put the sample draft `hello` into the drafts folder.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print the daemon's log as well.")]


def up(
    *,
    drafts: Drafts = None,
    state: State = None,
    listen: Listen = None,
    api: Api = None,
    proxy: Proxy = None,
    config: ConfigFile = None,
    sample: Sample = False,
    verbose: Verbose = False,
) -> None:
    """Bring up everything in the foreground: supervisord, the proxy, the daemon. Ctrl-C stops all."""
    options = {"drafts": drafts, "state": state, "proxy.listen": listen, "api.listen": api, "proxy.kind": proxy}
    given: Mapping[str, object] = {key: value for key, value in options.items() if value is not None}
    settings = loaded(config, given)
    _preflight(settings)
    if sample:
        put_sample(settings.layout().drafts)
    _end_like_ctrl_c()
    output.say(f"Drop a folder into {settings.layout().drafts}; Ctrl-C stops everything.")
    _serve(settings, managed=True, level=logging.INFO if verbose else logging.WARNING)
    output.say("Stopped.")


def _end_like_ctrl_c() -> None:
    """Let TERM, and a terminal that is closed, stop everything from the first moment; `nohup` still counts.

    Once the daemon runs it takes the signals itself; while it starts, only an interruption unwinds.
    """
    terminals = [number for number in (sys.stdout.fileno(), sys.stderr.fileno()) if os.isatty(number)]

    def end(number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            # What is said from now on cannot be seen, and must not fail.
            nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
            for terminal in terminals:
                os.dup2(nowhere, terminal)
        os.kill(os.getpid(), signal.SIGINT)

    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, end)


def run(config: ConfigFile = None) -> None:
    """Run the daemon alone, for systemd: supervisord and the proxy are started by others."""
    import structlog

    from drafterd import logs

    logs.configure(terminal=sys.stderr.isatty(), level=logging.INFO)
    try:
        _serve(loaded(config), managed=False, level=logging.INFO)
    except DrafterdError as error:
        if sys.stderr.isatty():
            raise
        # For the journal, as everything else that the daemon says.
        log = structlog.get_logger(__name__)
        log.critical("daemon.failed", code=error.code, reason=error.summary, hint=error.hint)
        raise typer.Exit(code_of(error)) from error


def _preflight(config: "Config") -> None:
    """Say at once what is lacking and how to mend it."""
    from drafterd import doctor

    if doctor.daemon_lives(config):
        raise Busy(
            f"another drafterd works on {config.layout().state}",
            hint="stop it first, or give this one a folder of its own with --state and --drafts",
        )
    findings = doctor.preflight(doctor.Case(config=config))
    for finding in findings:
        output.say(f"{finding.name}: {finding.detail}\n  → {finding.mend}")
    if findings:
        raise CommandFailed("drafterd cannot start", hint="`drafterd doctor` looks at everything")


def put_sample(drafts: Path) -> None:
    """Copy the sample draft into the drafts folder, whole or not at all, unless it is there."""
    target = drafts / SAMPLE
    if target.exists():
        return
    drafts.mkdir(parents=True, exist_ok=True)
    copy = drafts / f"{TEMPORARY}{SAMPLE}"
    remove_tree(copy)
    shutil.copytree(
        resources.folder("etc") / "sample", copy, ignore=shutil.ignore_patterns("node_modules", ".next", ".env.local")
    )
    copy.rename(target)


def _serve(config: "Config", *, managed: bool, level: int) -> None:
    from drafterd import daemon, logs
    from drafterd.cli import live

    logs.configure(terminal=sys.stderr.isatty(), level=level)

    async def started(control: "Control", dashboard: str) -> None:
        await live.show(control, dashboard, listen=str(config.proxy.listen))

    failures: list[DrafterdError] = []
    try:
        asyncio.run(daemon.serve(config, managed=managed, started=started if managed else None))
    except* DrafterdError as group:
        failures = list(_leaves(group))
    for failure in failures[:1]:  # what the daemon's tasks raise comes in a group
        raise failure


def _leaves(group: BaseExceptionGroup[DrafterdError]) -> Iterator[DrafterdError]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
