"""nginx's static part, and how it is started where drafterd runs it itself."""

import json
import re
import sys
from pathlib import Path

from drafterd import files, resources
from drafterd.domain.errors import ConfigError
from drafterd.domain.media import ASK, FOREVER, HASHED, content_types
from drafterd.domain.model import Address
from drafterd.route.table import RouteSettings, authority
from drafterd.route.tls import Tls

DRAIN = 60.0
"""Seconds that workers of an older table go on with what they have begun."""

PAUSE = 600.0
"""Seconds that an answer which is no page, and no stream either, may be silent at the least."""

_UNQUOTABLE = re.compile(r"[\x00-\x1f\x7f$\"\\]")


def drafts_configuration(
    *, listen: Address, dashboard: Address, routes_file: Path, settings: RouteSettings, tls: Tls | None = None
) -> str:
    """What stands inside `http { }`, from `templates/nginx-drafts.conf`.

    Args:
        listen: Where visitors come in.
        dashboard: Where nginx answers about itself: the loopback only.
        routes_file: The generated file of pairs.
        settings: As for the routes.
        tls: How https is spoken at `listen`, with given certificates; None: not at all.

    Raises:
        ConfigError: A path cannot stand in nginx's configuration.
    """
    parts = settings.path_prefix.strip("/").split("/")
    slash = "(?:%2F|%2f|/)"
    template = resources.templates(html=False).get_template("nginx-drafts.conf")
    return template.render(
        listen=authority(listen),
        dashboard=authority(dashboard),
        edge=authority(settings.edge),
        routes_file=_quoted(routes_file),
        public_host=settings.public_host,
        host_suffix_pattern=re.escape(settings.host_suffix),
        path_prefix=settings.path_prefix,
        prefix_pattern=re.escape(settings.path_prefix),
        image_prefix="".join(f"%2F{part}" for part in parts),
        image_prefix_pattern="".join(f"{re.escape(part)}{slash}" for part in parts),
        response_timeout=f"{settings.response_timeout:g}",
        pause=f"{max(settings.response_timeout, PAUSE):g}",
        scheme=settings.scheme or "$scheme",
        certificate=_quoted(tls.certificate) if tls and tls.certificate else "",
        key=_quoted(tls.key) if tls and tls.key else "",
        plain=authority(tls.plain) if tls and tls.plain else "",
        https_port=tls.suffix if tls else "",
        drafts=_quotable(settings.drafts) if settings.drafts else "",
        types=content_types(),
        hashed=HASHED,
        forever=FOREVER,
        ask=ASK,
    )


def write_static(
    folder: Path,
    *,
    listen: Address,
    dashboard: Address,
    routes_file: Path,
    settings: RouteSettings,
    tls: Tls | None = None,
) -> Path:
    """Write the configuration of an nginx of our own into a folder, which is made too; its main file.

    Raises:
        ConfigError: A path cannot stand in nginx's configuration.
    """
    drafts, main = folder / "drafts.conf", folder / "nginx.conf"
    text = drafts_configuration(listen=listen, dashboard=dashboard, routes_file=routes_file, settings=settings, tls=tls)
    template = resources.templates(html=False).get_template("nginx.conf")
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    files.write_atomic(drafts, text.encode(), mode=0o640)
    whole = template.render(
        folder=_quotable(folder), drafts=_quoted(drafts), pools=_quoted(pools_file(main)), drain=f"{DRAIN:g}"
    )
    files.write_atomic(main, whole.encode(), mode=0o640)
    return main


def command(executable: Path, main: Path) -> tuple[str, ...]:
    """The command line that becomes an nginx that reads `main`, in a process group of its own."""
    start = (sys.executable, "-m", "drafterd.route.nginx_start", str(main))
    return (*start, *_nginx(executable, main))


def test_command(executable: Path, main: Path) -> tuple[str, ...]:
    """The command line that says whether the configuration holds."""
    return (*_nginx(executable, main), "-t", "-q")


def _nginx(executable: Path, main: Path) -> tuple[str, ...]:
    return (str(executable), "-e", "stderr", "-p", str(main.parent), "-c", str(main))


def pid_file(main: Path) -> Path:
    """Where that nginx writes its process id."""
    return main.parent / "nginx.pid"


def group_file(main: Path) -> Path:
    """Where the process that becomes that nginx says who it is."""
    return main.parent / "nginx.group"


def pools_file(main: Path) -> Path:
    """Where that nginx is told which connections to keep."""
    return main.parent / "pools.conf"


def _quoted(path: Path) -> str:
    # JSON's escapes of a quote and a backslash are nginx's; nothing else that is escaped gets here.
    return json.dumps(_quotable(path), ensure_ascii=False)


def _quotable(path: Path) -> str:
    text = str(path)
    if _UNQUOTABLE.search(text) or " " in text:
        raise ConfigError(
            f"the path {text!a} cannot stand in nginx's configuration",
            hint="choose a `state` without blanks, quotes, $ and control characters",
        )
    return text
