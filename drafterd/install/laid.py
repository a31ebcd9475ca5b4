"""The files of an installation: from choices and configuration to paths and bytes. Pure."""

import ipaddress
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jinja2

from drafterd import resources
from drafterd.config import Config
from drafterd.daemon import settings
from drafterd.domain.model import Address
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Proxy, Supervisor
from drafterd.route import managed, nginx_static

_GENERATED = "# Laid down by `drafterd install --systemd`. If you change it, it is kept as you left it.\n"


@dataclass(frozen=True, slots=True)
class Laid:
    """One file.

    Attributes:
        once: The administrator's own from the first moment on: never written again.
    """

    path: Path
    data: bytes
    mode: int = 0o644
    once: bool = False


def first_settings(choices: Choices) -> str:
    """The configuration that an installation begins with, from `etc/server.yaml`."""
    return _filled(
        "etc",
        "server.yaml",
        drafts=choices.drafts,
        public_url=choices.public_url,
        listen=choices.listen,
        kind=choices.proxy.kind,
        socket=choices.socket,
        quoted=True,
    )


def files_of(choices: Choices, config: Config) -> tuple[Laid, ...]:
    """All of them. Raises `ConfigError` where a path cannot stand in nginx's configuration."""
    return tuple(_units(choices, config)) + tuple(_others(choices, config))


def _units(choices: Choices, config: Config) -> Iterator[Laid]:
    names = {places.TARGET, "drafterd-builds.slice", "drafterd-drafts.slice", *choices.services}
    if choices.proxy is Proxy.SYSTEM_NGINX:
        names.add(places.NGINX_RELOAD)
    for name in sorted(names):
        yield Laid(places.UNITS / name, _own(name, choices, config))
    yield Laid(places.SYSUSERS, _own("drafterd.sysusers.conf", choices, config))
    yield Laid(places.TMPFILES, _own("drafterd.tmpfiles.conf", choices, config))


def _own(name: str, choices: Choices, config: Config) -> bytes:
    text = _filled(
        "systemd",
        name,
        bin=choices.programs,
        config=places.CONFIG,
        drafts=config.layout().drafts,
        api=_numeric(config.api.listen),
        edge=_numeric(config.edge.listen),
        reader=choices.proxy.reader,
        services=" ".join(choices.services),
    )
    return (_GENERATED + text).encode()


def _others(choices: Choices, config: Config) -> Iterator[Laid]:
    etc, head = resources.folder("etc"), _GENERATED
    yield Laid(places.SETTINGS, first_settings(choices).encode(), mode=0o640, once=True)
    yield Laid(places.CONFIG / "drafterd.example.yaml", (etc / "drafterd.yaml").read_bytes())
    example = (etc / "credentials.example.env").read_bytes()
    yield Laid(places.CREDENTIALS, example, mode=0o600, once=True)
    if choices.apparmor:
        yield Laid(places.APPARMOR, (etc / "apparmor").read_bytes())
    if choices.supervisor is Supervisor.MANAGED:
        yield Laid(places.CONFIG / "supervisord.conf", (etc / "supervisord.conf").read_bytes())
    if choices.proxy is Proxy.TRAEFIK:
        yield Laid(places.CONFIG / "traefik.yml", (head + _traefik(config)).encode())
        yield Laid(places.LOGROTATE, (etc / "logrotate").read_bytes())
    if choices.proxy is Proxy.SYSTEM_NGINX:
        yield Laid(places.NGINX, (head + _nginx(config)).encode())
        yield Laid(places.NGINX_MAIN, (etc / "nginx" / "drafterd-main.conf").read_bytes())


def _traefik(config: Config) -> str:
    tls = settings.proxy_tls(config, config.layout())
    return managed.static_configuration(
        listen=config.proxy.listen,
        dashboard=config.proxy.dashboard,
        routes_file=config.layout().traefik_routes,
        access_log=config.proxy.access_log,
        tls=tls and replace(tls, storage=tls.storage and places.ACME),
    )


def _nginx(config: Config) -> str:
    layout = config.layout()
    return nginx_static.drafts_configuration(
        listen=config.proxy.listen,
        dashboard=config.proxy.dashboard,
        routes_file=layout.nginx_routes,
        settings=settings.route_settings(config, layout),
        tls=settings.proxy_tls(config, layout),
    )


def _filled(folder: str, name: str, *, quoted: bool = False, **values: object) -> str:
    """A file with its places filled in; `quoted`: as YAML's strings."""
    text = (resources.folder(folder) / name).read_text()
    template = jinja2.Template(text, undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    given = {key: str(value) for key, value in values.items()}
    rendered: str = template.render({key: json.dumps(value) for key, value in given.items()} if quoted else given)
    return rendered


def _numeric(address: Address) -> str:
    """An address as a socket unit wants it: systemd knows no names."""
    try:
        host = ipaddress.ip_address(address.host)
    except ValueError:
        host = ipaddress.ip_address("127.0.0.1")  # `localhost`: the configuration takes the loopback only
    return f"[{host}]:{address.port}" if ":" in str(host) else f"{host}:{address.port}"
