"""Whether the paths that were chosen and configured can stand in units, and are seen by the services."""

import re
from collections.abc import Iterator
from pathlib import Path

from drafterd.config import Config
from drafterd.install import choices as places
from drafterd.install.choices import Choices, Supervisor
from drafterd.install.finding import Finding, Findings
from drafterd.install.ground import Ground

_PLAIN = re.compile(r"[\w/.+@:,=~-]+")
"""No blanks, quotes, `%`, `$` or backslashes: to systemd they mean something, in some places without a way out."""
_HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - where no unit looks
_SYSTEMS = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/run", "/sbin", "/sys", "/usr")
_SHARED = ("/media", "/mnt", "/opt", "/srv", "/var", "/var/cache", "/var/lib", "/var/log", "/var/spool")


def examine(ground: Ground, choices: Choices, config: Config) -> Findings:
    """What is wrong with each of them: said before a file names it."""
    settings = ground.at(places.SETTINGS).exists()
    for key, option, path in _named(choices, config):
        mend = f"set {key} in {places.SETTINGS} to another place" if settings else f"choose another with {option}"
        if why := unfit(ground, path):
            yield Finding(f"{key}: {str(path)!a} {why}", mend)
        elif key == "drafts" and (of := _owner(path)):
            yield Finding(f"{key}: {path} {of}, and would be given to the group drafts", mend)


def _named(choices: Choices, config: Config) -> Iterator[tuple[str, str, Path]]:
    yield "drafts", "--drafts", config.drafts
    if choices.supervisor is Supervisor.EXISTING:
        yield "runtime.socket", "--supervisor-socket", config.supervisor_socket


def unfit(ground: Ground, path: Path) -> str:
    """Why services cannot use it; empty: they can."""
    if not path.is_absolute() or ".." in path.parts:
        return "does not begin at /, or goes back up"
    if not _PLAIN.fullmatch(str(path)):
        return "holds a blank or a sign that units cannot hold"
    folder = hidden(ground, path)
    return f"lies below {folder}, where services see nothing" if folder else ""


def hidden(ground: Ground, path: Path) -> Path | None:
    """The folder above it that services do not see, by its name or by where links lead; None: they see it."""
    named = {path, path.resolve()} if ground.live else {path}
    return next((folder for folder in map(Path, _HIDDEN) if any(place.is_relative_to(folder) for place in named)), None)


def _owner(path: Path) -> str:
    """Whose a folder is that can be nobody's drafts; empty: nobody's."""
    if any(path.is_relative_to(folder) for folder in _SYSTEMS):
        return "is the system's"
    return "holds more than drafts" if str(path) in _SHARED else ""
