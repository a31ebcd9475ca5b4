"""What the fixes are told: the operator's settings, and what one pass over one draft works with."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Kind
from drafterd.fix.masks import Mask
from drafterd.fix.package import Package

OWNED = frozenset({"PORT", "NEXTAUTH_URL", "AUTH_URL"})
"""Variables that are facts of the host: neither author nor operator sets them."""

DEFAULT_PORT = 3000
"""Where an app listens when nobody says anything."""

_TEMPLATES = ImmutableSandboxedEnvironment(
    autoescape=False,
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FixSettings:
    """The operator's part.

    Attributes:
        write_back: Whether the fixes are written into the draft's folder; else only into the build.
        variables: Given to every draft: templates with `port`, `id`, `url` and `path`.
        special: By draft: templates beside or instead of `variables`; None takes one out.
        absent: Variables that should be given and have no value.

    Raises:
        ConfigError: A template cannot be rendered, or a name is none.
    """

    write_back: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
    special: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)
    absent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.variables, *self.absent):
            if not name.isidentifier() or not name.isascii():
                raise ConfigError(f"{name!a} is no name of a variable", hint="use letters, digits and _ in `env`")
        self.render(draft="draft", port=3001, url="http://localhost:3001", path="")

    def render(self, *, draft: str, port: int, url: str, path: str) -> dict[str, str]:
        """The values for one draft at one address; empty ones and the host's own are left out."""
        values = {"id": draft, "port": port, "url": url, "path": path}
        templates = {**self.variables, **self.special.get(draft, {})}
        found = {name: _render(name, text, values) for name, text in templates.items() if name not in OWNED and text}
        return {name: value for name, value in found.items() if value}


def _render(name: str, text: str, values: Mapping[str, object]) -> str:
    if "{{" not in text and "{%" not in text and "{#" not in text:
        return text
    try:
        return _compiled(text).render(values)
    except jinja2.TemplateError as error:
        # The text may be a secret: it is not part of the message.
        raise ConfigError(
            f"the value of {name} in `env` is no template that can be used: {type(error).__name__}",
            hint="{{ port }}, {{ id }}, {{ url }} and {{ path }} are known there",
        ) from error


@functools.lru_cache(maxsize=256)
def _compiled(text: str) -> jinja2.Template:
    return _TEMPLATES.from_string(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One pass over one draft.

    Attributes:
        draft: The draft's id, for templates.
        port: Its home port: the only port that may be written into files.
        kind: What it is.
        builds: Whether its build script is run.
        start: The command of its server, or ().
        package: Its package.json, or None.
        ports: The ports that its own files name: what it believes to listen on.
        variables: The operator's values as they stand in the folder.
        known: Values of the author's env files, also of those that are not in this folder.
        mask: Hides secrets.
    """

    draft: str
    port: int
    settings: FixSettings
    kind: Kind
    package: Package | None
    ports: frozenset[int]
    variables: Mapping[str, str]
    known: Mapping[str, str]
    mask: Mask
    builds: bool = True
    start: tuple[str, ...] = ()
