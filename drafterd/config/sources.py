"""The sources of the configuration, merged into one tree that remembers who said what."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from drafterd.domain.errors import ConfigError
from drafterd.files import NotRegular, read_regular

ENVIRONMENT = "environment"
COMMAND_LINE = "command line"
DEFAULT = "default"
Location = tuple[str | int, ...]

_PREFIX = "DRAFTERD_"
_NOT_OURS = frozenset({"DRAFTERD_URL", "DRAFTERD_CONFIG", "DRAFTERD_INSTANCE"})
"""Read by the command line, or set for a running draft: no keys of the configuration."""
_FILE_LIMIT = 1_000_000


@dataclass(slots=True)
class Merged:
    """The values of all sources in one tree.

    Attributes:
        origin: By key, who said so last.
        raw: By key, the text as it stood in the environment.
    """

    tree: dict[Any, Any] = field(default_factory=dict)
    origin: dict[Location, str] = field(default_factory=dict)
    raw: dict[Location, str] = field(default_factory=dict)

    def put(self, where: Location, value: object, source: str) -> None:
        """Set one key; a mapping is merged into what is there, everything else replaces it."""
        if isinstance(value, Mapping):
            self._folder(where)
            self.origin.setdefault(where, source)
            for key, inner in value.items():
                self.put((*where, key), inner, source)
            return
        self._folder(where[:-1])[where[-1]] = value
        self.origin[where] = source

    def _folder(self, where: Location) -> dict[Any, Any]:
        node = self.tree
        for key in where:
            if not isinstance(node.get(key), dict):
                node[key] = {}
            node = node[key]
        return node

    def source(self, where: Location) -> str:
        """Who set the key, the section or list that it is a part of, or something in it."""
        for length in range(len(where), 0, -1):
            if where[:length] in self.origin:
                return self.origin[where[:length]]
        below = (source for key, source in self.origin.items() if key[: len(where)] == where)
        return next(below, DEFAULT)


def merge(
    file: Path | None,
    *,
    overrides: Mapping[str, object],
    environ: Mapping[str, str],
    sections: Collection[str],
) -> Merged:
    """Lay file, environment and command line over each other.

    Args:
        overrides: Keys with dots.
        sections: The keys that hold others: an empty one in the file changes nothing.

    Raises:
        ConfigError: The file cannot be read.
    """
    merged = Merged()
    if file is not None:
        for key, value in read_yaml(file).items():
            merged.put((key,), {} if value is None and key in sections else value, str(file))
    for name in sorted(environ):
        if name.startswith(_PREFIX) and name not in _NOT_OURS:
            where = _key_of(name)
            merged.put(where, _scalar(environ[name]), f"{ENVIRONMENT}: {name}")
            merged.raw[where] = environ[name]
    for key, value in overrides.items():
        merged.put(tuple(key.split(".")), value, COMMAND_LINE)
    return merged


def _key_of(name: str) -> Location:
    """`DRAFTERD_PORTS__FIRST` is `ports.first`; a variable of `env` keeps its spelling."""
    first, *rest = name.removeprefix(_PREFIX).split("__")
    if first.lower() == "env" and rest:
        return ("env", "__".join(rest))
    return (first.lower(), *(part.lower() for part in rest))


def _scalar(text: str) -> object:
    """A value of the environment, spelled as in the file: numbers, true, lists, texts."""
    try:
        return yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.YAMLError:
        return text


def read_yaml(file: Path) -> dict[Any, Any]:
    """The mapping in a YAML file. Raises `ConfigError` with line and column."""
    try:
        text = read_regular(file.resolve(), limit=_FILE_LIMIT).decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text (byte {error.start})") from error
    except (NotRegular, OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = "run it as root or as a member of the file's group" if isinstance(error, PermissionError) else ""
        raise ConfigError(f"{file}: cannot be read: {reason}", hint=hint) from error
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a subclass of SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise ConfigError(f"{file}: {where}{error.problem or 'this is no YAML'}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"{file}: this is no YAML: {error}") from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: found no keys; `key: value`, one a line, is allowed")
    return data


class _Loader(yaml.SafeLoader):
    """Safe YAML without the surprises of version 1.1: `off` is a text, a key counts once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        """Refuse a key that stands twice: the first one would be lost silently."""
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, list | dict):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", "tTfF"),
    ("tag:yaml.org,2002:int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("tag:yaml.org,2002:float", r"^[-+]?[0-9]+\.[0-9]+$", "-+0123456789"),
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))
