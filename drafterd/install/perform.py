"""Decides on an installation, and does it: step by step, each of them told, each of them repeatable."""

import functools
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drafterd import __version__
from drafterd.config import Config
from drafterd.domain.errors import DrafterdError, MachineFailed
from drafterd.install import choices as places
from drafterd.install import program
from drafterd.install.choices import Choices, Proxy, Supervisor
from drafterd.install.ground import Ground
from drafterd.install.laid import files_of, first_settings
from drafterd.install.plan import Change, Digests, Verdict, changes
from drafterd.install.record import Record, digests_of

_ACTIVE_WITHIN = 90.0
_TOLD_WITHIN = 15.0
_PAUSE = 0.2
_READ_AT_START = {
    places.UNITS / places.SOCKET: places.SOCKET,
    places.UNITS / places.TRAEFIK: places.TRAEFIK,
    places.CONFIG / "traefik.yml": places.TRAEFIK,
    places.UNITS / places.SUPERVISOR: places.SUPERVISOR,
    places.CONFIG / "supervisord.conf": places.SUPERVISOR,
}
"""By file: the unit that goes on as before until it is started anew. The daemon always is."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What is to be done, decided on what lies there now.

    Attributes:
        known: What was laid down before; empty: nothing was.
        late: Units that run with what lay there before, or do after this; those of a run that was cut short too.
    """

    ground: Ground
    choices: Choices
    config: Config
    changes: tuple[Change, ...]
    known: Digests
    late: frozenset[str]


def configuration(ground: Ground, choices: Choices) -> Config:
    """The configuration that lies there, or the one that will. Raises `ConfigError`."""
    file = ground.at(places.SETTINGS)
    if file.exists():
        return Config.load(file, environ={})
    with tempfile.TemporaryDirectory(prefix="drafterd-install-") as folder:
        first = Path(folder) / places.SETTINGS.name
        first.write_text(first_settings(choices))
        return Config.load(first, environ={})


def decide(ground: Ground, choices: Choices, config: Config) -> Installation:
    """Compare what is wanted with what is there. Raises `DrafterdError` where that cannot be done."""
    record = ground.record()
    laid = files_of(choices, config)
    found = ground.found({*(one.path for one in laid), *record.files})
    decided = changes(laid, found, record.files)
    written = {_READ_AT_START[change.target] for change in decided if change.writes and change.target in _READ_AT_START}
    return Installation(
        ground=ground,
        choices=choices,
        config=config,
        changes=decided,
        known=record.files,
        late=record.late.union(ground.running(written)),
    )


def check_units(installation: Installation) -> None:
    """Have systemd look at the units before one of them lies in its folder. Raises `MachineFailed`."""
    if not installation.ground.live:
        return
    with tempfile.TemporaryDirectory(prefix="drafterd-install-") as folder:
        units = [change for change in installation.changes if change.path.parent == places.UNITS and change.data]
        for change in units:
            (Path(folder) / change.path.name).write_bytes(change.data)
        # The trailing colon: then systemd's own, which these lean on.
        words = ["env", f"SYSTEMD_UNIT_PATH={folder}:", "systemd-analyze", "verify", "--man=no"]
        said = installation.ground.run(
            [*words, *(str(Path(folder) / change.path.name) for change in units)], aside=True
        )
        # It may have something to say about other people's units too. What it only warns of, it leaves out.
        names = [change.path.name for change in units]
        if ours := [line for line in said.splitlines() if any(name in line for name in names)]:
            raise MachineFailed(f"systemd does not take the units as they are: {' / '.join(ours)}")


def perform(installation: Installation, say: Say) -> None:
    """Do it. Raises `MachineFailed`, which says where it stopped; it may be run again."""
    done = "nothing"
    try:
        for name, step in _steps(installation):
            say(name)
            step()
            done = name
    except (DrafterdError, OSError) as error:
        reason = error.summary if isinstance(error, DrafterdError) else str(error)
        raise MachineFailed(
            f"stopped after: {done}. {reason}",
            hint="mend that and run the same command again: what is done already is left as it is",
        ) from error


def _steps(installation: Installation) -> Iterator[tuple[str, Callable[[], object]]]:
    ground, decided = installation.ground, installation.changes
    yield f"remember what is laid down ({places.RECORD})", lambda: ground.remember(_record(installation, done=False))
    if ground.live:
        for unit in sorted(change.path.name for change in decided if _is_gone(change)):
            yield f"run systemctl stop {unit}", functools.partial(ground.run, ("systemctl", "stop", unit))
    for change in decided:
        if change.writes or change.verdict is Verdict.GONE:
            yield f"{change.verdict} {change.target}", functools.partial(ground.apply, change)
    for argv in commands(installation):
        yield f"run {' '.join(argv)}", functools.partial(ground.run, argv)
    yield "remember that it is complete", lambda: ground.remember(_record(installation, done=True))
    if ground.live:
        yield "wait until everything runs and is well", functools.partial(_wait, installation)


def _is_gone(change: Change) -> bool:
    """Whether it is a unit that is not wanted any more."""
    return change.verdict is Verdict.GONE and change.path.parent == places.UNITS


def _record(installation: Installation, *, done: bool) -> Record:
    """What to remember, before the first change (a kill may come at any time) and after the last."""
    choices = installation.choices
    return Record(
        files=digests_of(installation.changes, installation.known, under_way=not done),
        facts={"drafterd": __version__, "proxy": choices.proxy, "supervisor": choices.supervisor},
        late=frozenset() if done else installation.late,
    )


def commands(installation: Installation) -> Iterator[tuple[str, ...]]:
    """All that is run once the files lie there, in this order."""
    yield from preparing(installation)
    if installation.ground.live:
        yield from starting(installation)


def preparing(installation: Installation) -> Iterator[tuple[str, ...]]:
    """What makes users, folders and links of the files."""
    ground, choices = installation.ground, installation.choices
    root = () if ground.live else (f"--root={ground.root}",)
    yield ("systemd-sysusers", *root, places.SYSUSERS.name)
    yield ("systemd-tmpfiles", *root, "--create", places.TMPFILES.name)
    if choices.apparmor and ground.live:
        yield ("apparmor_parser", "--replace", str(places.APPARMOR))
    if ground.live:
        yield ("systemctl", "daemon-reload")
    yield ("systemctl", *root, "--quiet", "enable", places.TARGET)


def starting(installation: Installation) -> Iterator[tuple[str, ...]]:
    """What brings it to life, or an older version of it up to date: drafts that run go on."""
    choices, late = installation.choices, installation.late
    if choices.proxy is Proxy.SYSTEM_NGINX:
        yield ("nginx", "-t", "-q")
        yield ("systemctl", "reload-or-restart", "nginx.service")
    if places.SOCKET in late:
        yield ("systemctl", "stop", places.DAEMON, places.SOCKET)
    if choices.proxy is Proxy.TRAEFIK and places.TRAEFIK in late:
        yield ("systemctl", "restart", places.TRAEFIK)
    yield ("systemctl", "start", *(unit for unit in choices.services if unit != places.DAEMON))
    yield ("systemctl", "restart", places.DAEMON)
    yield ("systemctl", "start", places.TARGET)


def waits_for_restart(installation: Installation) -> bool:
    """Whether supervisord's part of the change takes effect only when all drafts are restarted."""
    managed = installation.choices.supervisor is Supervisor.MANAGED
    return managed and places.SUPERVISOR in installation.late


def runs_an_older_proxy(installation: Installation) -> bool:
    """Whether Traefik goes on with another program than the environment holds, until somebody restarts it."""
    ground, choices = installation.ground, installation.choices
    if choices.proxy is not Proxy.TRAEFIK:
        return False
    pid = int(ground.states([places.TRAEFIK]).get(places.TRAEFIK, {}).get("MainPID", 0))
    return bool(pid) and program.is_another(pid, choices.programs / "traefik")


def _wait(installation: Installation) -> None:
    """Until every unit is active and the daemon has looked at every draft. Raises `MachineFailed`."""
    ground, deadline = installation.ground, time.monotonic() + _ACTIVE_WITHIN
    for unit in installation.choices.services:
        while not ground.says_yes(["systemctl", "is-active", "--quiet", unit]):
            if time.monotonic() > deadline or ground.says_yes(["systemctl", "is-failed", "--quiet", unit]):
                raise MachineFailed(f"{unit} is not active: see journalctl -u {unit} -n 50")
            time.sleep(_PAUSE)
    if installation.choices.proxy is Proxy.SYSTEM_TRAEFIK:
        deadline = time.monotonic() + _TOLD_WITHIN  # as a rule it has to be restarted first, by its administrator
    health = (f"{installation.choices.programs}/drafterd", "health", "--socket", str(installation.config.api_socket))
    while not ground.says_yes(health):
        if time.monotonic() > deadline:
            ground.run(health)  # raises, with its words
            return
        time.sleep(_PAUSE)
