"""The environment of a build's commands: made whole, never inherited.

The install step gets no variable of the draft's, because strangers' install scripts run there. The
build step gets them, but for those that would steer our tools.
"""

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from drafterd import files
from drafterd.domain.masking import is_secret
from drafterd.domain.model import Address
from drafterd.domain.steering import steers

_PASSED = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "npm_config_registry",
)
"""What is passed on of the daemon's own environment."""

_NPMRC_KEYS = ("registry", "cafile", "proxy", "https-proxy", "noproxy")
"""What is read of the operator's npm configuration: where things are, never who we are."""

_SETTINGS_MAX = 1_000_000
_TOKENS = (".npmrc", ".yarnrc", ".yarnrc.yml", "bunfig.toml")
_TOKEN = re.compile(
    r"^[^\n]{0,300}?(?:_auth(?:Token)?|_password|npmAuthToken|npmAuthIdent|\btoken|\bpassword)[\"']?[ \t]*[=: ][ \t]*"
    r"(?:\"([^\"\n]+)\"|'([^'\n]+)'|(\S[^\n]*))",
    re.IGNORECASE | re.MULTILINE,
)
_PLACES = (
    "http_proxy",
    "https_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "npm_config_registry",
    "npm_config_proxy",
    "npm_config_https_proxy",
)
_PORTS = {
    "http": 80,
    "https": 443,
    "postgres": 5432,
    "postgresql": 5432,
    "mysql": 3306,
    "mongodb": 27017,
    "redis": 6379,
}

_STEERING = frozenset({"PATH", "HOME", "SHELL", "HOSTNAME", "CI", "NODE_ENV"})
_STEERING_PREFIXES = ("NPM_", "PNPM_", "YARN_", "BUN_", "COREPACK_", "DRAFTERD_", "NEXT_PRIVATE_")
"""What steers the tools of a build, beside what steers every tool."""

# The environment beats a draft's own .npmrc: a registry that it names and that is not there would
# cost minutes before npm gives up.
_NPM = {
    "npm_config_registry": "https://registry.npmjs.org/",
    "npm_config_audit": "false",
    "npm_config_fund": "false",
    "npm_config_progress": "false",
    "npm_config_update_notifier": "false",
    "npm_config_include": "dev",
    "npm_config_fetch_retries": "2",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "10000",
    "npm_config_replace_registry_host": "always",
}


def surroundings(environment: Mapping[str, str], *, prefixes: Iterable[Path] = (Path("/usr"),)) -> dict[str, str]:
    """What the machine needs to reach the registry, from the daemon's environment and npm's files.

    Addresses with a password are left out: strangers' install scripts read what they are given.

    Args:
        environment: The daemon's own.
        prefixes: Installation prefixes of npm: its global configuration is `etc/npmrc` below.
    """
    found = {
        name: environment[name] for name in _PASSED if environment.get(name) and not _names_user(environment[name])
    }
    for place in _npmrcs(environment, prefixes):
        for key, value in _npmrc(place).items():
            if not _names_user(value):
                found.setdefault(f"npm_config_{key.replace('-', '_')}", value)
    return found


def withheld(environment: Mapping[str, str], *, prefixes: Iterable[Path] = (Path("/usr"),)) -> tuple[str, ...]:
    """What `surroundings` leaves out because it names a user: where it stands, never its value."""
    named = [name for name in _PASSED if environment.get(name) and _names_user(environment[name])]
    for place in _npmrcs(environment, prefixes):
        named += [f"`{key}` in {place}" for key, value in _npmrc(place).items() if _names_user(value)]
    return tuple(named)


def _npmrcs(environment: Mapping[str, str], prefixes: Iterable[Path]) -> list[Path]:
    """Npm's own files, the first one wins."""
    places = [prefix / "etc" / "npmrc" for prefix in (*prefixes, Path("/"))]
    if home := environment.get("HOME"):
        places.insert(0, Path(environment.get("NPM_CONFIG_USERCONFIG", f"{home}/.npmrc")))
    return places


def _npmrc(path: Path) -> dict[str, str]:
    """The settings of one file that say where things are."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=False, allow_no_value=True)
    try:
        parser.read_string("[npm]\n" + path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    said = {key: (parser.get("npm", key, fallback=None) or "").strip("\"' ") for key in _NPMRC_KEYS}
    return {key: value for key, value in said.items() if value and "${" not in value}


def _names_user(value: str) -> bool:
    """Whether an address has a user in it; one that cannot be read is taken for it."""
    try:
        return bool(urlsplit(value if "://" in value else f"//{value}").username)
    except ValueError:
        return True


def base(
    *, path: str, home: Path, temporary: Path | None, npm_cache: Path, around: Mapping[str, str]
) -> dict[str, str]:
    """What every command of a build gets.

    npm's user and global files are named so that none is read: neither the operator's tokens nor
    settings that another draft's install script left.
    """
    environment = {
        "PATH": path,
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "CI": "1",
        **_NPM,
        "npm_config_cache": str(npm_cache),
        "npm_config_userconfig": str(home / "user.npmrc"),
        "npm_config_globalconfig": str(home / "global.npmrc"),
        **around,
    }
    if cafile := environment.get("npm_config_cafile"):
        environment.setdefault("NODE_EXTRA_CA_CERTS", cafile)  # other package managers read this one
    if temporary:
        environment["TMPDIR"] = str(temporary)
    return environment


def drafts_own(environment: Mapping[str, str]) -> dict[str, str]:
    """The draft's variables without those that steer our tools."""
    return {
        name: value
        for name, value in environment.items()
        if not steers(name)
        and name.upper() not in _STEERING
        and not name.upper().startswith(_STEERING_PREFIXES)
        and "\0" not in value
    }


def tokens(source: Path) -> dict[str, str]:
    """What says who a draft is to the registry, in its own settings of the package managers; by a name for the log."""
    return {
        f"{name}:{number}": value
        for name in _TOKENS
        for number, value in enumerate(_tokens(source / name), 1)
        if is_secret(name, value)
    }


def _tokens(path: Path) -> Iterator[str]:
    try:
        text = files.read_regular(path, limit=_SETTINGS_MAX).decode("utf-8", "replace")
    except OSError:
        return
    yield from (next(filter(None, match.groups())).strip() for match in _TOKEN.finditer(text))


def registry(around: Mapping[str, str]) -> str:
    """The registry's URL.

    Args:
        around: What `surroundings` found.
    """
    return {**_NPM, **around}["npm_config_registry"]


def registry_places(around: Mapping[str, str]) -> tuple[Address, ...]:
    """Where dependencies come from: the registry's host and port, and those of the proxies on the way to it.

    Args:
        around: What `surroundings` found.
    """
    named = {**_NPM, **around}
    return places_of(named[name] for name in _PLACES if name in named)


def places_of(urls: Iterable[str]) -> tuple[Address, ...]:
    """The hosts and ports of URLs; what is none is left out."""
    found: dict[Address, None] = {}
    for url in urls:
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            continue
        if parts.hostname and port:
            host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
            found[Address(host, port)] = None
    return tuple(found)


def of_daemon() -> dict[str, str]:
    """`surroundings` of this process."""
    return surroundings(os.environ)
