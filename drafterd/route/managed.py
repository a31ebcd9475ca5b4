"""Traefik's static part, and how it is started where drafterd runs it itself."""

import json
from pathlib import Path

from drafterd import files, resources
from drafterd.domain.model import Address
from drafterd.route.table import authority
from drafterd.route.tls import Tls


def static_configuration(
    *,
    listen: Address,
    dashboard: Address,
    routes_file: Path,
    log_level: str = "WARN",
    access_log: Path | None = None,
    tls: Tls | None = None,
) -> str:
    """The static configuration, from `templates/traefik.yml`.

    Args:
        listen: Where visitors come in.
        dashboard: Where Traefik's dashboard, API, ping and metrics listen: the loopback only.
        routes_file: The generated file, alone in its folder.
        log_level: Traefik's word for it.
        access_log: Where each request is noted; None: nowhere.
        tls: How https is spoken at `listen`; None: not at all.
    """
    values = {
        "listen": authority(listen),
        "dashboard": authority(dashboard),
        "routes_file": str(routes_file),
        "log_level": log_level,
        "access_log": str(access_log or ""),
        "plain": authority(tls.plain) if tls and tls.plain else "",
        "https_port": f":{tls.port}" if tls else "",
        "email": tls.email if tls else "",
        "storage": str(tls.storage) if tls and tls.storage else "",
        "authority": tls.server if tls else "",
    }
    # JSON strings are YAML strings, whatever is in them.
    quoted = {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}
    asked = tls is not None and tls.certificate is None
    template = resources.templates(html=False).get_template("traefik.yml")
    return template.render(
        quoted,
        https=tls is not None,
        acme=asked,
        redirects=bool(tls and tls.plain),
        logs_access=access_log is not None,
    )


def write_static(
    path: Path,
    *,
    listen: Address,
    dashboard: Address,
    routes_file: Path,
    log_level: str = "WARN",
    access_log: Path | None = None,
    tls: Tls | None = None,
) -> None:
    """Write the static configuration to `path`; its folder is made too."""
    text = static_configuration(
        listen=listen,
        dashboard=dashboard,
        routes_file=routes_file,
        log_level=log_level,
        access_log=access_log,
        tls=tls,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write_atomic(path, text.encode(), mode=0o640)


def command(executable: Path, static_file: Path) -> tuple[str, ...]:
    """The command line of a Traefik that reads `static_file`."""
    return (str(executable), f"--configFile={static_file}")
