"""From merged sources to a checked model, and from its errors to lines that people can act on."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from drafterd.config.masking import MASK
from drafterd.config.sources import ENVIRONMENT, Location, Merged
from drafterd.domain.errors import BadName, ConfigError
from drafterd.domain.names import parse_draft_id

if TYPE_CHECKING:  # the model asks for these checks
    from drafterd.config.model import Config

_M = TypeVar("_M", bound=BaseModel)
_SOCKET_PATH_MAX = 107
_SOCKET_SUFFIX = len(".4194304")
"""Supervisord first binds a name with its process id at the end."""
_SHOWN = 60

_ALLOWED = {
    "bool_type": "true or false",
    "string_type": "a text",
    "dict_type": "a section of keys and values",
    "tuple_type": "a list",
}


def section_of(annotation: Any) -> type[BaseModel] | None:
    """The model of a section's keys, or None for a plain value."""
    candidates = (annotation, *get_args(annotation))
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)


def validate(model: type[_M], merged: Merged) -> _M:
    """The model of what was merged. Raises `ConfigError` with a line for each thing that is wrong."""
    try:
        return model.model_validate(merged.tree)
    except ValidationError as error:
        if not _as_text(error, merged):
            raise ConfigError("\n".join(_line(model, item, merged) for item in error.errors())) from None
    try:
        return model.model_validate(merged.tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_line(model, item, merged) for item in error.errors())) from None


def _as_text(error: ValidationError, merged: Merged) -> bool:
    """Where the environment gave `123` and a text was wanted, take it as a text. Whether any was."""
    changed = False
    for item in error.errors():
        where = item["loc"]
        if where in merged.raw and not isinstance(item["input"], str):
            merged.put(where, merged.raw[where], merged.source(where))
            changed = True
    return changed


def _line(model: type[BaseModel], item: ErrorDetails, merged: Merged) -> str:
    where: Location = tuple(part for part in item["loc"] if part != "[key]")
    source = merged.source(where)
    shown = "" if source.startswith(ENVIRONMENT) else f" {_key(where)}:"
    if item["type"] == "extra_forbidden":
        return f"{source}:{shown} unknown key{_meant(model, where)}"
    return f"{source}:{shown} found {_found(where, item['input'])}, {_allowed(model, item, where)} is allowed"


def _key(where: Location) -> str:
    return ".".join(re.sub(r"[^\x21-\x7e]", "?", str(part))[:_SHOWN] for part in where)


def _found(where: Location, value: object) -> str:
    if "env" in where or "password_hash" in where:  # it may be a secret
        return f"{type(value).__name__} {MASK}" if value is not None else "nothing"
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section"
    text = ascii(value) if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else ascii(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _allowed(model: type[BaseModel], item: ErrorDetails, where: Location) -> str:
    if item["type"] == "allowed":
        return str(item["msg"])
    if item["type"] in {"literal_error", "enum"}:
        return str(item.get("ctx", {})["expected"])
    if item["type"] in {"model_type", "model_attributes_type"}:
        return f"a section with the keys {', '.join(_keys(model, where))}"
    return _ALLOWED.get(item["type"], item["msg"])


def _keys(model: type[BaseModel], where: Location) -> list[str]:
    """The keys that are known at a place of the tree."""
    known: type[BaseModel] | None = model
    for part in where:
        info = known.model_fields.get(str(part)) if known else None
        known = section_of(info.annotation) if info else known
    return list(known.model_fields) if known else []


def _meant(model: type[BaseModel], where: Location) -> str:
    known = _keys(model, where[:-1])
    close = difflib.get_close_matches(str(where[-1]), known, n=1, cutoff=0.7)
    if close:
        return f", did you mean {_key((*where[:-1], close[0]))}?"
    return f"; known are {', '.join(known)}"


def across(config: "Config", merged: Merged) -> None:
    """The rules that look at more than one key. Raises `ConfigError`."""
    wrong = [
        f"{merged.source(tuple(key.split('.')))}: {key}: {text}"
        for rule in (_pool, _listeners, _folders, _sockets, _draft_names, _tls)
        for key, text in rule(config)
    ]
    if wrong:
        raise ConfigError("\n".join(wrong))


_Findings = Iterator[tuple[str, str]]


def _pool(config: "Config") -> _Findings:
    first, last = config.ports.first, config.ports.last
    if first > last:
        yield "ports.last", f"found {last}, an integer from ports.first ({first}) to 65535 is allowed"


def _listeners(config: "Config") -> _Findings:
    taken: dict[int, str] = {}
    for key, address in config.listeners().items():
        if address.port in taken:
            yield key, f"found {address}, a port that {taken[address.port]} does not use is allowed"
        if config.ports.first <= address.port <= config.ports.last:
            pool = f"{config.ports.first} to {config.ports.last}"
            yield key, f"found {address}, a port outside the drafts' own ({pool}) is allowed"
        taken[address.port] = key


def _folders(config: "Config") -> _Findings:
    layout = config.layout()
    for key, folder in (("state", layout.state), ("sockets", layout.run), ("logs", layout.logs)):
        if _overlap(layout.drafts, folder):
            yield key, f"found {folder}, a folder neither inside nor around the drafts ({layout.drafts}) is allowed"


def _overlap(one: Path, other: Path) -> bool:
    return one == other or one in other.parents or other in one.parents


def _sockets(config: "Config") -> _Findings:
    for key, path, extra in (
        ("api.socket", config.api_socket, 0),
        ("runtime.socket", config.supervisor_socket, _SOCKET_SUFFIX),
    ):
        limit = _SOCKET_PATH_MAX - extra
        if (length := len(bytes(path))) > limit:
            text = f"found a path of {length} bytes ({path}), at most {limit} is allowed"
            yield key, f"{text}; set `sockets` to a shorter folder"


def _tls(config: "Config") -> _Findings:
    tls = config.proxy.tls
    if (tls.certificate is None) != (tls.key is None):
        yield "proxy.tls", "found one of certificate and key, both or none are allowed"
    if tls.certificate and tls.acme_email:
        yield "proxy.tls", "found a certificate and acme_email, one of them is allowed"
    if tls.acme_email and config.proxy.kind != "traefik":
        yield "proxy.tls.acme_email", "found it with nginx, Traefik alone gets certificates by itself"
    if tls.plain and not tls.wanted:
        yield "proxy.tls.plain", "found it without https, a certificate or acme_email beside it is allowed"
    if tls.wanted and not config.public_url.startswith("https://"):
        yield "proxy.tls", f"found it beside public_url {config.public_url}, one that begins with https:// is allowed"


def _draft_names(config: "Config") -> _Findings:
    for draft, own in config.drafts_config.items():
        try:
            parse_draft_id(draft)
        except BadName as error:
            yield "drafts_config", error.summary
        if own.access is not None and own.access.password_file and own.access.password_hash:
            yield f"drafts_config.{draft}.access", "found both password_file and password_hash, one of them is allowed"
