"""Commands about the installation: `doctor`, `health`, `version`."""

import platform
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from rich.text import Text

from drafterd import __version__
from drafterd.cli import installed, output
from drafterd.cli.asking import ConfigFile, Json, asking
from drafterd.cli.client import Client, Target
from drafterd.cli.config import loaded
from drafterd.cli.failures import CommandFailed, Refused
from drafterd.domain.errors import ConfigError

if TYPE_CHECKING:  # imported late, like all that other commands need not wait for
    from drafterd.config import Config
    from drafterd.doctor import Case, Finding, Told

_PATIENCE = 10.0
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "error": ("✗", "red")}


def doctor(config: ConfigFile = None, as_json: Json = False) -> None:
    """Look at the machine and the configuration, and say how to mend what is wrong."""
    from drafterd import doctor as checks
    from drafterd.config import Config

    config = installed.settings_file(config)
    wrong: list[Finding] = []
    try:
        settings = loaded(config)
        wrong.append(checks.Finding("configuration", checks.Level.OK, str(config or "built-in defaults")))
    except ConfigError as error:
        mend = error.hint or "mend it; the rest was looked at with the defaults"
        lines = error.summary.splitlines()
        wrong += [checks.Finding("configuration", checks.Level.ERROR, line, mend) for line in lines]
        settings = Config.load(None, environ={})
    findings = (*wrong, *checks.examine(_case(settings)))
    bad = [finding for finding in findings if finding.level is checks.Level.ERROR]
    if as_json:
        output.write_json({"ok": not bad, "findings": [asdict(finding) for finding in findings]})
    else:
        _tell(findings)
    if bad:
        raise CommandFailed(f"{len(bad)} of {len(findings)} checks found something essential that is wrong")


def _case(config: "Config") -> "Case":
    """The installation that this configuration belongs to, and what its living daemon says."""
    from drafterd import doctor as checks

    server = installed.server(config)
    if server is not None and not server.runs("drafterd.service"):
        # Its sockets are systemd's, and whoever connects would start it.
        return checks.Case(config=config, server=server, silence="its service does not run")
    if server is None and not checks.daemon_lives(config):
        return checks.Case(config=config)
    try:
        told, silence = _told(Client((Target(path=config.api_socket),))), ""
    except CommandFailed as error:
        told, silence = None, error.summary
    return checks.Case(config=config, server=server, told=told, silence=silence)


def _told(client: Client) -> "Told":
    """What the daemon says of itself. Raises `Unreachable`, `Refused`."""
    from drafterd.doctor import Told

    status: Any = client.get("/api/v1/status", timeout=_PATIENCE)
    return Told(
        version=str(status["version"]),
        sandbox=str(status["sandbox"]),
        limits=str(status["limits"]),
        failing={check["name"]: check["detail"] for check in _health(client)["checks"] if not check["ok"]},
    )


def _tell(findings: "tuple[Finding, ...]") -> None:
    console = output.stdout()
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark, style = _MARKS[finding.level]
        console.print(Text.assemble((mark, style), f" {finding.name:<{width}}  ", output.clean(finding.detail)))
        if finding.mend:
            console.print(Text.assemble(" " * (width + 4), ("→ ", style), output.clean(finding.mend)))


@asking
def health(client: Client, as_json: Json = False) -> None:
    """Ask the daemon whether all of it is well; exit code 1 if not, 5 if none answers."""
    found = _health(client)
    well = all(check["ok"] for check in found["checks"])
    if as_json:
        output.write_json({"status": "ok" if well else "failed", "checks": found["checks"]})
    else:
        for check in found["checks"]:
            mark, style = _MARKS["ok" if check["ok"] else "error"]
            output.stdout().print(Text.assemble((mark, style), f" {check['name']}  {output.clean(check['detail'])}"))
    if not well:
        raise CommandFailed("the daemon is not well", hint="drafterd doctor")


def _health(client: Client) -> dict[str, Any]:
    unwell = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
    found: Any = client.ask("GET", "/healthz", query={"verbose": "1"}, allowed=unwell, timeout=_PATIENCE)
    if not isinstance(found, dict) or "checks" not in found:
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", "the daemon gives no checks")
    return found


def version(as_json: Json = False) -> None:
    """Print the version."""
    if as_json:
        output.write_json({"version": __version__, "python": platform.python_version()})
    else:
        output.write(f"drafterd {__version__}")
