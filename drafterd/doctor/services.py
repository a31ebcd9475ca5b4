"""What `doctor` looks at of the daemon itself, and of the services of a server."""

from collections.abc import Mapping

from drafterd.doctor.case import Case, Look
from drafterd.doctor.finding import Finding, Findings, Level, good
from drafterd.doctor.places import daemon_lives

DAEMON = "drafterd.service"

_MENDS: Mapping[str, str] = {
    "runtime": "systemctl status drafterd-supervisor, or whatever runs supervisord here",
    "proxy": "systemctl status drafterd-traefik, or whatever proxy stands here; then `drafterd routes`",
    "first-pass": "wait a moment, and look again",
}


def units(case: Case) -> Findings:
    """Whether systemd runs what was installed."""
    if case.server is None:
        return
    down = {unit: said for unit, said in case.server.services.items() if said != "active"}
    for unit, said in down.items():
        yield Finding(unit, Level.ERROR, said, f"journalctl -u {unit} -n 50 says why; systemctl start {unit}")
    if not down:
        yield good("services", f"{len(case.server.services)} units are active")


def daemon(case: Case) -> Findings:
    """Whether one is there, and what it says of itself."""
    place = case.config.api_socket
    if case.told is None:
        if case.server is not None or daemon_lives(case.config):
            mend = f"journalctl -u {DAEMON} -n 50 says why" if case.server else "see what it logged; restart it"
            yield Finding("daemon", Level.ERROR, f"no answer at {place}: {case.silence or 'it is not asked'}", mend)
        else:
            yield good("daemon", f"none at {place}")
        return
    yield good("daemon", f"{case.told.version} answers at {place}")
    for part, why in case.told.failing.items():
        yield Finding(part, Level.ERROR, why, _MENDS.get(part, "journalctl -u drafterd -p warning"))


ALL: tuple[Look, ...] = (units, daemon)
