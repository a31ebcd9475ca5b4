"""What must be so before anything is laid down: each finding says what is wrong and how to mend it. Changes nothing."""

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from drafterd.config import Config, operator_values
from drafterd.domain.errors import DrafterdError
from drafterd.install import certificate, paths, taken
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Proxy, Supervisor
from drafterd.install.finding import Finding, Findings
from drafterd.install.ground import Ground
from drafterd.toolchain import Toolchain

SYSTEMD_MIN = 252
_TRIED = {("debian", "12"), ("debian", "13")}
_NGINX = "nginx.service"
_SHUTDOWN = re.compile(r"^\s*worker_shutdown_timeout\b", re.MULTILINE)
_LOCKED_NAMESPACES = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


def ready(ground: Ground, *, writing: bool) -> tuple[Finding, ...]:
    """Whether this is a machine that can be looked at further; nothing else is looked at before."""
    found = []
    if writing and os.geteuid() != 0:
        found.append(Finding("only root may install on this machine", "run it with sudo, or see it with --dry-run"))
    if ground.live and not Path("/run/systemd/system").is_dir():
        mend = "use `drafterd up` here; to lay the files into the root of another system: --root DIR"
        found.append(Finding("systemd does not run this machine", mend))
    if not _is_folder(ground.root):
        found.append(Finding(f"{ground.root} is no folder", "name the root of a system that is being made"))
    return tuple(found)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def examine(ground: Ground, choices: Choices, config: Config) -> tuple[Finding, ...]:
    """All that is wrong with machine, environment, configuration and ports."""
    looks: list[Callable[[], Findings]] = [
        lambda: _system(ground),
        lambda: _environment(ground, choices),
        lambda: paths.examine(ground, choices, config),
        lambda: certificate.examine(ground, choices, config),
        lambda: _places(choices, config),
        lambda: _parts(ground, choices, config),
        lambda: _secrets(ground, config),
    ]
    if ground.live:
        looks += [_node, lambda: taken.ports(ground, choices, config)]
    return tuple(finding for look in looks for finding in look())


def locks_namespaces() -> bool:
    """Whether only programs that AppArmor knows may make user namespaces."""
    try:
        return _LOCKED_NAMESPACES.read_text().strip() not in ("", "0")
    except OSError:
        return False


def _system(ground: Ground) -> Findings:
    try:
        text = ground.at(Path("/etc/os-release")).read_text()
    except OSError:
        text = ""
    facts = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)"?$', text, re.MULTILINE))
    if (facts.get("ID"), facts.get("VERSION_ID")) not in _TRIED:
        shown = facts.get("PRETTY_NAME") or "an unknown system"
        mend = "made for Debian 12, Ubuntu 24.04 and newer, and tried on Debian 12 and 13 only: look at the result"
        yield Finding(f"this is {shown}", mend, grave=False)
    if not ground.live:
        return
    said = re.match(r"systemd (\d+)", ground.run(["systemctl", "--version"]))
    if said is None or int(said[1]) < SYSTEMD_MIN:
        yield Finding(f"systemd {said[1] if said else '?'} is too old", f"{SYSTEMD_MIN} or newer is needed")


def _environment(ground: Ground, choices: Choices) -> Findings:
    programs = choices.programs
    if sys.prefix == sys.base_prefix:
        yield Finding(
            "drafterd does not run from a virtual environment",
            "python3 -m venv /opt/drafterd && /opt/drafterd/bin/pip install 'drafterd[all]'",
        )
        return
    if why := paths.unfit(ground, programs):
        yield Finding(f"the environment {str(programs.parent)!a} {why}", "make it at another place: use /opt")
        return
    for place in (programs, *programs.parents):
        status = place.stat()
        if not status.st_mode & stat.S_IXOTH:
            yield Finding(f"{place} may not be entered by other users", f"chmod o+rx {place}: services are not root")
        if status.st_uid != 0 or (status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX):
            mend = f"chown root {place}; chmod go-w {place}: whoever may write there rules the services"
            yield Finding(f"{place} is not root's alone", mend, grave=False)
    for name in ("drafterd", "supervisord"):
        if not (programs / name).exists():
            yield Finding(f"{programs / name} is missing", f"{programs}/pip install 'drafterd[all]'")


def _places(choices: Choices, config: Config) -> Findings:
    layout = config.layout()
    supervisor = config.supervisor_socket if choices.supervisor is Supervisor.MANAGED else places.SUPERVISOR_SOCKET
    for key, is_, must in (
        ("state", layout.state, places.STATE),
        ("sockets", layout.run, places.RUN),
        ("logs", layout.logs, places.LOGS),
        ("api.socket", config.api_socket, places.RUN / "drafterd.sock"),
        ("runtime.socket", supervisor, places.SUPERVISOR_SOCKET),
    ):
        if is_ != must:
            yield Finding(f"{places.SETTINGS}: {key} is {is_}", f"the units know {must} only: set it to that")
    for key, managed in (("runtime.managed", config.runtime.managed), ("proxy.managed", config.proxy.managed)):
        if managed:
            yield Finding(f"{places.SETTINGS}: {key} is true", "systemd runs it here: set it to false")


def _parts(ground: Ground, choices: Choices, config: Config) -> Findings:
    if config.proxy.kind != choices.proxy.kind:
        mend = f"set it to {choices.proxy.kind}, or choose another with --proxy"
        yield Finding(f"{places.SETTINGS}: proxy.kind is {config.proxy.kind}", mend)
    if choices.proxy is Proxy.TRAEFIK and not (choices.programs / "traefik").exists():
        mend = f"{choices.programs}/pip install 'drafterd[traefik]', or take --proxy system-nginx"
        yield Finding(f"{choices.programs / 'traefik'} is missing", mend)
    if choices.proxy is Proxy.SYSTEM_NGINX:
        yield from _nginx(ground)
    if choices.supervisor is Supervisor.EXISTING and ground.live:
        yield from taken.supervisor(ground, config.supervisor_socket)
    if ground.live and not shutil.which("slirp4netns"):
        mend = "apt-get install slirp4netns, then systemctl restart drafterd"
        yield Finding("without slirp4netns builds share this machine's network", mend, grave=False)


def _nginx(ground: Ground) -> Findings:
    if not ground.at(places.NGINX.parent).is_dir():
        yield Finding(f"there is no {places.NGINX.parent}", "apt-get install nginx-light, or take --proxy traefik")
    elif not _has_group(ground, reader := Proxy.SYSTEM_NGINX.reader):
        yield Finding(f"there is no group {reader}", "apt-get install nginx-light, whose nginx runs as that")
    if os.path.lexists(default := ground.at(Path("/etc/nginx/sites-enabled/default"))):
        mend = f"rm {default} (it stays in sites-available)"
        yield Finding("nginx's default site would answer in the place of drafts", mend)
    if ground.live:
        yield from _running_nginx(ground)


def _running_nginx(ground: Ground) -> Findings:
    """Whether nginx takes a configuration at all, and may be started: said before a file of ours lies there."""
    try:
        shown = ground.run(["nginx", "-T", "-q"])
        if not ground.at(places.NGINX_MAIN).exists() and _SHUTDOWN.search(shown):
            mend = f"take it out: drafterd sets it in {places.NGINX_MAIN}"
            yield Finding("nginx's configuration has a worker_shutdown_timeout already", mend)
    except DrafterdError as error:
        yield Finding(f"nginx refuses what it has already: {error.summary}", "mend it until `nginx -t` is content")
    state = ground.run(["systemctl", "show", "--property=LoadState", "--value", _NGINX]).strip()
    if state == "masked":
        yield Finding(f"{_NGINX} is masked, so nothing may start it", f"systemctl unmask {_NGINX}")
    elif state != "loaded":
        yield Finding(f"there is no unit {_NGINX}", "apt-get install nginx-light, or take --proxy traefik")


def _has_group(ground: Ground, name: str) -> bool:
    try:
        return f"\n{name}:" in f"\n{ground.at(Path('/etc/group')).read_text()}"
    except OSError:
        return False


def _secrets(ground: Ground, config: Config) -> Findings:
    file = ground.at(places.CREDENTIALS)
    try:
        given = file if file.exists() else None
        operator_values(given, environ={}, nextauth=Path("/nonexistent"))
        config.protected()
    except DrafterdError as error:
        yield Finding(error.summary, error.hint or "mend it")
    except OSError as error:
        yield Finding(f"{places.CREDENTIALS} cannot be read: {error.strerror}", "look at it as root", grave=False)


def _node() -> Findings:
    with tempfile.TemporaryDirectory(prefix="drafterd-install-") as folder:
        try:
            Toolchain.find(Path(folder))
        except DrafterdError as error:
            yield Finding(error.summary, error.hint)
