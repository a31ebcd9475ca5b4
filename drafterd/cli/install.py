"""`install` and `uninstall`: drafterd on a server."""

import difflib
import socket
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from drafterd.cli import output
from drafterd.cli.failures import Code, CommandFailed

if TYPE_CHECKING:  # imported late, like all that other commands need not wait for
    from drafterd.install.finding import Finding
    from drafterd.install.perform import Installation
    from drafterd.install.removal import Removal

_ROOT = Path("/")
_Word = TypeVar("_Word", bound=StrEnum)

Systemd = Annotated[bool, typer.Option("--systemd", help="As services of systemd: the one way there is.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Look at everything, say what would be done, change nothing.")]
Diff = Annotated[bool, typer.Option("--diff", help="Print what would be written as a diff, change nothing.")]
ProxyWord = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="WHICH",
        help="traefik (of the extra), system-traefik or system-nginx. [default: as last time, else traefik]",
    ),
]
SupervisorWord = Annotated[
    str | None,
    typer.Option(
        "--supervisor",
        metavar="WHICH",
        help="managed (one of its own) or existing. [default: as last time, else managed]",
    ),
]
SupervisorSocket = Annotated[Path | None, typer.Option(metavar="PATH", help="The existing supervisord's socket.")]
Root = Annotated[Path, typer.Option(metavar="DIR", help="Lay it into the root of another system; nothing is started.")]
PublicUrl = Annotated[
    str | None, typer.Option(metavar="URL", help="What people type; for the first configuration. [default: this host]")
]
Listen = Annotated[str, typer.Option(metavar="HOST:PORT", help="Where visitors come in; for the first configuration.")]
Drafts = Annotated[Path | None, typer.Option(metavar="DIR", help="The watched folder; for the first configuration.")]
Purge = Annotated[bool, typer.Option("--purge", help="Releases, logs, configuration and users too; never the sources.")]


def install(
    *,
    systemd: Systemd = False,
    dry_run: DryRun = False,
    diff: Diff = False,
    proxy: ProxyWord = None,
    supervisor: SupervisorWord = None,
    supervisor_socket: SupervisorSocket = None,
    public_url: PublicUrl = None,
    listen: Listen = "0.0.0.0:80",
    drafts: Drafts = None,
    root: Root = _ROOT,
) -> None:
    """Install drafterd as services, from the virtual environment that this command lies in. Repeatable."""
    if not systemd:
        raise CommandFailed("say --systemd: nothing else is known", exit_code=Code.USAGE)
    from drafterd.install import choices as places
    from drafterd.install import machine, others, perform
    from drafterd.install.ground import Ground

    ground = Ground(root.absolute())
    writing = not (dry_run or diff)
    _refuse(machine.ready(ground, writing=writing))
    with ground.alone() if writing else nullcontext():
        last = ground.record().facts
        chosen = places.Choices(
            programs=_programs(),
            proxy=_chosen(places.Proxy, "--proxy", proxy, last),
            supervisor=_chosen(places.Supervisor, "--supervisor", supervisor, last),
            public_url=public_url or f"http://{socket.getfqdn()}",
            listen=listen,
            drafts=(drafts or places.DRAFTS).absolute(),
            socket=(supervisor_socket or places.SUPERVISOR_SOCKET).absolute(),
            apparmor=machine.locks_namespaces(),
        )
        config = perform.configuration(ground, chosen)
        for text in others.needs(chosen, config):
            output.say(text)
        _refuse(machine.examine(ground, chosen, config))
        decided = perform.decide(ground, chosen, config)
        perform.check_units(decided)
        if diff:
            _print_diff(decided)
        elif dry_run:
            for line in _plan(decided, whole=True):
                output.write(line)
            output.say("Nothing was changed.")
        else:
            _tell_kept(decided)
            output.say("This will be done:")
            for line in _plan(decided, whole=False):
                output.say(f"  {line}")
            perform.perform(decided, output.say)
            _tell_next(decided)


def uninstall(*, purge: Purge = False, dry_run: DryRun = False, root: Root = _ROOT) -> None:
    """Take away what `install` laid down; data and configuration stay. Repeatable."""
    from drafterd.install import machine, removal
    from drafterd.install.ground import Ground

    ground = Ground(root.absolute())
    _refuse(machine.ready(ground, writing=not dry_run))
    with nullcontext() if dry_run else ground.alone():
        decided = removal.decide(ground, purge=purge)
        if not decided.known and not purge:
            output.say("Nothing is installed here.")
            return
        _tell_left(decided)
        plan = [name for name, _ in removal.steps(decided)]
        if dry_run:
            for line in plan:
                output.write(line)
            output.say("Nothing was changed.")
            return
        output.say("This will be done:")
        for line in plan:
            output.say(f"  {line}")
        removal.perform(decided, output.say)
        _tell_rest(decided)


def _chosen(kind: type[_Word], option: str, typed: str | None, last: Mapping[str, str]) -> _Word:
    """What was chosen: now, or the last time, as the record has it; else the first there is."""
    from drafterd.install.choices import RECORD

    key, known = option.removeprefix("--"), ", ".join(kind)
    word = typed or last.get(key) or next(iter(kind))
    try:
        return kind(word)
    except ValueError:
        if typed:
            raise CommandFailed(f"{option}: found {word!a}, {known} are known", exit_code=Code.USAGE) from None
        hint = f"say which with {option}"
        raise CommandFailed(f"{RECORD}: {key}: found {word!a}, {known} are known", hint=hint) from None


def _programs() -> Path:
    """The folder of our own programs, by the name that was typed: /opt/drafterd may be a link to one of many."""
    own, typed = Path(sysconfig.get_path("scripts")), Path(sys.argv[0]).absolute().parent
    try:
        return typed if typed.samefile(own) else own
    except OSError:
        return own


def _refuse(findings: "Sequence[Finding]") -> None:
    """Say everything that was found at once; stop where something is grave. Nothing was changed so far."""
    for finding in findings:
        output.say(f"{'error' if finding.grave else 'note'}: {finding.what}\n  → {finding.mend}")
    if any(finding.grave for finding in findings):
        raise CommandFailed("it cannot be done like this; nothing was changed")


def _plan(decided: "Installation", *, whole: bool) -> Iterator[str]:
    """What will be done, a line each; `whole`: what is left as it is too."""
    from drafterd.install import perform
    from drafterd.install.plan import Verdict

    for change in decided.changes:
        if whole or change.writes or change.verdict is Verdict.GONE:
            yield f"{change.verdict:<10} {change.target if change.writes else change.path}"
    for argv in perform.commands(decided):
        yield f"run        {' '.join(argv)}"


def _print_diff(decided: "Installation") -> None:
    """What would be written, against what lies there; secrets are among neither."""
    before = decided.ground.found(change.path for change in decided.changes if change.writes)
    for change in decided.changes:
        if not change.writes:
            continue
        old = before.get(change.path, b"").decode(errors="replace").splitlines()
        new = change.data.decode(errors="replace").splitlines()
        for line in difflib.unified_diff(old, new, str(change.path), str(change.target), lineterm=""):
            output.write(line)


def _tell_kept(decided: "Installation") -> None:
    from drafterd.install.plan import Verdict

    for change in decided.changes:
        if change.verdict is Verdict.BESIDE:
            output.say(f"note: {change.path} was changed by you and is kept\n  → compare it with {change.target}")
        elif change.verdict is Verdict.LEFT:
            output.say(f"note: {change.path} is not needed any more, but was changed by you: it is left")


def _tell_next(decided: "Installation") -> None:
    from drafterd.install import choices as places
    from drafterd.install import perform

    config, chosen = decided.config, decided.choices
    if not decided.ground.live:
        output.say(f"Laid into {decided.ground.root}; it starts when that system does.")
        return
    if perform.waits_for_restart(decided):
        output.say(
            f"note: {places.SUPERVISOR} takes its change at its next start\n"
            f"  → systemctl restart {places.SUPERVISOR}, which restarts every draft: choose the hour"
        )
    if perform.runs_an_older_proxy(decided):
        output.say(
            f"note: {places.TRAEFIK} goes on with the Traefik of before, so that no request is lost\n"
            f"  → systemctl restart {places.TRAEFIK}, which interrupts visitors for a moment: soon, if it mends a hole"
        )
    look = {
        "drop a folder into": config.layout().drafts,
        "its address": f"{config.public_url}{config.path_prefix}/<folder>",
        "how it goes": f"{chosen.programs}/drafterd ls",
        "the dashboard": f"http://{config.api.listen}/ (from afar: ssh -L {config.api.listen.port}:{config.api.listen})",
        "the services": f"systemctl status {' '.join(chosen.services)}",
        "the log": f"journalctl -u {places.DAEMON}",
        "the configuration": places.SETTINGS,
        "your secrets": f"{places.CREDENTIALS}, then systemctl restart {places.DAEMON}",
    }
    output.say("drafterd runs.")
    for what, where in look.items():
        output.write(f"{what + ':':<20} {where}")


def _tell_left(decided: "Removal") -> None:
    from drafterd.install.plan import Verdict

    for change in decided.changes:
        if change.verdict is Verdict.LEFT:
            output.say(f"kept: {change.path}")


def _tell_rest(decided: "Removal") -> None:
    from drafterd.install import choices as places

    if not decided.purge:
        output.say(f"kept: {places.STATE}, {places.LOGS}: --purge takes them too")
    output.say("The sources, the group drafts and the virtual environment stay: they are yours.")
