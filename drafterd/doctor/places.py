"""What drafterd takes of this machine: folders, ports, its socket, and the operator's values."""

import os
import socket
from pathlib import Path

import psutil

from drafterd.config import DEFAULT_ENV, Config
from drafterd.doctor.case import Case, Look, Server
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.domain.errors import DrafterdError
from drafterd.domain.model import Address
from drafterd.run.processes import holders

_SOCKETS = "drafterd-api.socket"
_TIMEOUT = 10.0


def daemon_lives(config: Config) -> bool:
    """Whether a daemon listens on the configuration's socket."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(config.api_socket))
    except OSError:
        return False
    return True


def folders(case: Case) -> Findings:
    """The folders, which are there or can be made."""
    layout = case.config.layout()
    for name, folder in (
        ("drafts", layout.drafts),
        ("state", layout.state),
        ("sockets", layout.run),
        ("logs", layout.logs),
    ):
        nearest = next(path for path in (folder, *folder.parents) if path.exists())
        if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK):
            yield good(name, str(folder) if nearest == folder else f"{folder} (will be made)")
        else:
            why = "cannot be written" if nearest.is_dir() else "is no folder"
            yield Finding(name, Level.ERROR, f"{nearest} {why}", f"mend its rights, or set `{name}` to another folder")


def ports(case: Case) -> Findings:
    """The listeners of the daemon and the proxy."""
    if case.server is not None:
        yield from _served(case.config, case.server)
        return
    config = case.config
    ours = daemon_lives(config)
    layout = config.layout()
    for key, address in config.listeners().items():
        if _free(address):
            yield good(key, f"{address} is free")
        elif ours or _is_ours(address.port, (layout.state, layout.run)):
            yield good(key, f"{address} is held by this drafterd")
        else:
            variable = f"DRAFTERD_{key.upper().replace('.', '__')}"
            option = {"proxy.listen": "--listen", "api.listen": "--api"}.get(key)
            instead = f"{option} HOST:PORT" if option else f"{variable}=HOST:PORT"
            mend = f"stop what holds it, or choose another with {instead}"
            yield Finding(key, Level.ERROR, f"{address} is taken by {_holder(address.port)}", mend)


def _served(config: Config, server: Server) -> Findings:
    """On a server somebody listens everywhere; who, systemd's word for the unit says."""
    for key, address in config.listeners().items():
        unit = server.proxy_unit if key.startswith("proxy.") else _SOCKETS
        if not holders(address.port):
            start = f"systemctl restart {unit}" if unit else "start your proxy"
            yield Finding(key, Level.ERROR, f"nobody listens at {address}", start)
        elif unit and not server.runs(unit):
            mend = f"stop what holds it, then systemctl restart {unit}"
            yield Finding(key, Level.ERROR, f"{address} is taken by {_holder(address.port)}", mend)
        else:
            yield good(key, f"{address} is held by {unit or _holder(address.port)}")


def _free(address: Address) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
            probe.listen(1)
        except PermissionError:
            return True  # a port below 1024 that the proxy may have and we may not: nobody holds it
        except OSError:
            return False
        return True


def _listener(port: int) -> psutil.Process | None:
    """Who listens on a port, as far as we may see."""
    try:
        found = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return None
    for connection in found:
        if (
            connection.status == psutil.CONN_LISTEN
            and connection.laddr
            and connection.laddr[1] == port
            and connection.pid
        ):
            try:
                return psutil.Process(connection.pid)
            except psutil.Error:
                return None
    return None


def _holder(port: int) -> str:
    process = _listener(port)
    if process is None:
        return "another program"
    try:
        return f"{process.name()} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"


def _is_ours(port: int, folders: tuple[Path, ...]) -> bool:
    """Whether a proxy of ours holds it that outlived its daemon: its command, or its parent's, names our folders."""
    process = _listener(port)
    try:
        parent = process.parent() if process else None
        words = [*(process.cmdline() if process else ()), *(parent.cmdline() if parent else ())]
    except psutil.Error:
        return False
    return any(str(folder) in word for word in words for folder in folders)


def pool(case: Case) -> Findings:
    """The ports for drafts."""
    config = case.config
    first, last = config.ports.first, config.ports.last
    free = sum(_free(Address("127.0.0.1", port)) for port in range(first, last + 1))
    detail = f"{free} of {last - first + 1} free, {first} to {last}"
    if free:
        yield good("ports", detail)
    else:
        yield Finding("ports", Level.ERROR, detail, "choose others with `ports.first` and `ports.last`")


def supervisor(case: Case) -> Findings:
    """The socket of a supervisord that others start."""
    config = case.config
    path = config.runtime.socket
    if path is None or config.runtime.managed:
        return  # it lies in our own folder of sockets, and is there while we run
    start = "start it (systemctl status drafterd-supervisor), or correct `runtime.socket`"
    mends: dict[type[OSError], str] = {PermissionError: "let the daemon's user into the group of the socket"}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_TIMEOUT)
            connection.connect(str(path))
    except OSError as error:
        mend = mends.get(type(error), start)
        yield Finding("supervisor's socket", Level.WARNING, f"{path}: {error.strerror or error}", mend)
    else:
        yield good("supervisor's socket", str(path))


def credentials(case: Case) -> Findings:
    """The operator's values for drafts; never themselves."""
    if case.environ is None:
        yield Finding("credentials", Level.WARNING, "only root may read them", "run `doctor` as root")
        return
    try:
        values, absent = case.config.variables(case.environ)
    except DrafterdError as error:
        yield Finding("credentials", Level.ERROR, error.summary, error.hint)
        return
    # A random one is made at the first start.
    missing = [name for name in absent if name != "NEXTAUTH_SECRET"]
    if missing:
        file = case.server.credentials if case.server else "the file that `credentials` names"
        mend = f"add them to {file}, if drafts need them"
        yield Finding("credentials", Level.WARNING, f"without {', '.join(missing)}", mend)
    else:
        yield good("credentials", "all given")
    if values.get("DATABASE_URL") == DEFAULT_ENV["DATABASE_URL"]:
        detail = "DATABASE_URL is the default, for development only"
        yield Finding("database", Level.WARNING, detail, "set DATABASE_URL in the credentials")


ESSENTIAL: tuple[Look, ...] = (folders, ports)
"""Without these nothing starts."""

FURTHER: tuple[Look, ...] = (pool, supervisor, credentials)
