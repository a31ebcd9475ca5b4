"""The types of single values in the configuration, and the texts that say what is allowed.

Each refuses with `PydanticCustomError("allowed", <what is allowed>)`, so that every message of a
wrong value reads alike.
"""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from drafterd.domain.model import Address
from drafterd.domain.protection import is_hash

MAX_PORT = 65535
TEMPLATE_NAMES = ("port", "id", "url", "path")
"""What a value of `env` may ask for between double braces."""

OWNED = frozenset({"PORT", "NEXTAUTH_URL", "AUTH_URL"})
"""Variables that are facts of the host."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)", re.ASCII)
_DURATION_TEXT = "a duration such as 90s, 15m or 2h"
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SIZE = re.compile(r"(\d{1,6})(K|M|G)", re.ASCII)
_SIZE_TEXT = "a size such as 512M or 3G"
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)", re.ASCII)
_LISTEN_TEXT = "host:port such as 127.0.0.1:8740, the host an IPv4 address or localhost"
_SIX = re.compile(r"[0-9a-f:.]{2,45}", re.ASCII)
_NAME_MAX = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_MAX_SUFFIX = 189
"""253 characters of a DNS name, less a draft's label and its dot."""
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]+)+", re.ASCII)
_TEMPLATE = re.compile(rf"\{{\{{ *(?:{'|'.join(TEMPLATE_NAMES)}) *\}}\}}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def _refuse(allowed: str) -> PydanticCustomError:
    # Braces would be read as a place for a value.
    return PydanticCustomError("allowed", "{allowed}", {"allowed": allowed})


def _integer(low: int, high: int) -> BeforeValidator:
    def check(found: object) -> int:
        if isinstance(found, int) and not isinstance(found, bool) and low <= found <= high:
            return found
        raise _refuse(f"an integer from {low} to {high}")

    return BeforeValidator(check)


def parse_duration(found: object) -> float:
    """`90s`, `1.5h`, `250ms` in seconds; a bare 0 needs no unit."""
    if found == 0 and not isinstance(found, bool):
        return 0.0
    match = _DURATION.fullmatch(found) if isinstance(found, str) else None
    if match is None:
        raise _refuse(_DURATION_TEXT)
    return float(match[1]) * _UNITS[match[2]]


def show_duration(seconds: float) -> str:
    """The shortest exact spelling: 90.0 is `90s`, 900.0 is `15m`."""
    for unit in ("d", "h", "m", "s"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds / _UNITS[unit])}{unit}"
    return f"{round(seconds * 1000)}ms" if seconds else "0s"


def _positive_duration(found: object) -> float:
    seconds = parse_duration(found)
    if seconds <= 0:
        raise _refuse(f"{_DURATION_TEXT}, more than 0")
    return seconds


def parse_size(found: object) -> int:
    """`512M`, `3G` in bytes, counted by 1024."""
    match = _SIZE.fullmatch(found) if isinstance(found, str) else None
    if match is None or int(match[1]) == 0:
        raise _refuse(_SIZE_TEXT)
    return int(match[1]) * _SIZES[match[2]]


def show_size(size: int) -> str:
    """The shortest exact spelling: 3 * 2**30 is `3G`."""
    for unit in ("G", "M"):
        if size % _SIZES[unit] == 0:
            return f"{size // _SIZES[unit]}{unit}"
    return f"{size // _SIZES['K']}K"


def parse_address(found: object) -> Address:
    """`host:port`; `localhost` is 127.0.0.1."""
    host, _, port = found.rpartition(":") if isinstance(found, str) else ("", "", "")
    host = "127.0.0.1" if host == "localhost" else host
    if not _IPV4.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= MAX_PORT:
        raise _refuse(_LISTEN_TEXT)
    return Address(host, int(port))


def parse_place(found: object) -> Address:
    """`host:port`, the host a name or an address; `[…]:port` for one with colons."""
    host, _, port = found.lower().rpartition(":") if isinstance(found, str) else ("", "", "")
    host = "127.0.0.1" if host == "localhost" else host
    inner = host[1:-1] if host.startswith("[") and host.endswith("]") else ""
    known = bool(_SIX.fullmatch(inner)) if inner else bool(_HOST.fullmatch(host)) and len(host) <= _NAME_MAX
    if not known or not re.fullmatch(r"[0-9]{1,5}", port) or not 1 <= int(port) <= MAX_PORT:
        raise _refuse("host:port such as db.internal:5432 or 127.0.0.1:5432")
    return Address(inner or host, int(port))


def _loopback(found: object) -> Address:
    address = parse_address(found)
    if not address.host.startswith("127."):
        raise _refuse(
            "an address of the loopback such as 127.0.0.1:8740 (what is to be public stands behind the proxy)"
        )
    return address


def _url(found: object) -> str:
    allowed = "scheme://host or scheme://host:port with http or https and without a path"
    try:
        parts = urlsplit(found.lower()) if isinstance(found, str) else urlsplit("")
        port = parts.port
    except ValueError:
        raise _refuse(allowed) from None
    plain = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port is not None else "")
    known = parts.scheme in {"http", "https"} and _HOST.fullmatch(parts.hostname or "") is not None and port != 0
    if not known or str(found).lower().removesuffix("/") != plain:
        raise _refuse(allowed)
    return plain


def _host_name(found: object) -> str:
    if isinstance(found, str) and _HOST.fullmatch(found.lower()) and len(found) <= _MAX_SUFFIX:
        return found.lower()
    raise _refuse("a host name such as drafts.example.org")


def _prefix(found: object) -> str:
    if isinstance(found, str) and _PREFIX.fullmatch(found):
        return found
    raise _refuse("a path such as /api/draft: letters, digits, '_' and '-' between slashes, none at the end")


def _path(found: object) -> Path:
    if isinstance(found, Path) or (isinstance(found, str) and found and "\0" not in found):
        return Path(found).expanduser()
    raise _refuse("a path")


def _slots(found: object) -> int | None:
    if found is None or found == "auto":
        return None
    if isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= _MAX_SLOTS:
        return found
    raise _refuse(f"auto or an integer from 1 to {_MAX_SLOTS}")


def _template(found: object) -> str:
    if not isinstance(found, str) or "\0" in found:
        raise _refuse("a text (a number stands in quotes)")
    if any(mark in _TEMPLATE.sub("", found) for mark in ("{{", "{%", "{#")):
        names = ", ".join(f"{{{{ {name} }}}}" for name in TEMPLATE_NAMES)
        raise _refuse(f"a text with {names} in it")
    return found


def _template_or_nothing(found: object) -> str | None:
    return None if found is None else _template(found)


def _password_hash(found: object) -> str:
    if isinstance(found, str) and is_hash(found):
        return found
    raise _refuse("a hash that `drafterd config hash` has printed")


def _variable(found: object) -> str:
    if found in OWNED:
        raise _refuse("any name but PORT, NEXTAUTH_URL and AUTH_URL, which drafterd sets for each draft,")
    if isinstance(found, str) and is_variable(found):
        return found
    raise _refuse("a variable's name: letters, digits and '_', no digit first")


def is_variable(name: str) -> bool:
    """Whether `name` can name an environment variable."""
    return _VARIABLE.fullmatch(name) is not None


_MAX_SLOTS = 64

_TEXT = {"type": "string"}
Port = Annotated[int, _integer(1, MAX_PORT), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PORT})]
Count = Annotated[int, _integer(1, 1000), WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 1000})]
_AS_DURATION = (
    PlainSerializer(show_duration, return_type=str),
    WithJsonSchema({**_TEXT, "pattern": f"^({_DURATION.pattern}|0)$", "examples": ["90s", "15m", "2h"]}),
)
Duration = Annotated[float, BeforeValidator(parse_duration), *_AS_DURATION]
PositiveDuration = Annotated[float, BeforeValidator(_positive_duration), *_AS_DURATION]
Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(show_size, return_type=str),
    WithJsonSchema({**_TEXT, "pattern": f"^{_SIZE.pattern}$", "examples": ["512M", "3G"]}),
]
_AS_ADDRESS = (
    PlainSerializer(str, return_type=str),
    WithJsonSchema({**_TEXT, "pattern": r"^(localhost|[0-9.]+):[0-9]{1,5}$"}),
)
Listen = Annotated[Address, BeforeValidator(parse_address), *_AS_ADDRESS]
Place = Annotated[
    Address,
    BeforeValidator(parse_place),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({**_TEXT, "pattern": r"^\S+:[0-9]{1,5}$", "examples": ["db.internal:5432"]}),
]
LoopbackListen = Annotated[Address, BeforeValidator(_loopback), *_AS_ADDRESS]
Origin = Annotated[str, BeforeValidator(_url), WithJsonSchema({**_TEXT, "format": "uri"})]
HostName = Annotated[str, BeforeValidator(_host_name), WithJsonSchema({**_TEXT, "format": "hostname"})]
PathPrefix = Annotated[str, BeforeValidator(_prefix), WithJsonSchema({**_TEXT, "pattern": f"^{_PREFIX.pattern}$"})]
FilePath = Annotated[Path, BeforeValidator(_path), WithJsonSchema({**_TEXT, "format": "path"})]
Slots = Annotated[
    int | None,
    BeforeValidator(_slots),
    PlainSerializer(lambda slots: "auto" if slots is None else slots),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": _MAX_SLOTS}]}),
]
Template = Annotated[str | None, BeforeValidator(_template_or_nothing), WithJsonSchema({"type": ["string", "null"]})]
"""A value of `env`; None takes the variable out."""
PasswordHash = Annotated[str, BeforeValidator(_password_hash), WithJsonSchema({**_TEXT, "pattern": r"^scrypt\$"})]
VariableName = Annotated[str, BeforeValidator(_variable), WithJsonSchema(_TEXT)]
SandboxWord = Literal["auto", "bubblewrap", "users", "plain"]
