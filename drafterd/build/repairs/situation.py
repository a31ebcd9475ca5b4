"""A failed step as the repairs see it: what it printed, and the build's own copy of the source."""

import json
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drafterd import files, tree
from drafterd.build.foreign import inside
from drafterd.build.repairs.variant import Variant
from drafterd.domain.errors import DrafterdError

PACKAGE = "package.json"
SOURCES = (".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts")
TEMPLATES = (".vue", ".svelte", ".astro")

_READ_MAX = 1_000_000
_MAJOR = re.compile(r"\d+")


@dataclass(eq=False)
class Situation:
    """What is known when a step has failed.

    Attributes:
        step: Its name.
        lines: What it printed, without colours.
        root: The build's own copy of the source.
        packages: Where its installed packages lie.
        variant: How it was built.
        environment: The draft's variables.
        memory: Bytes that a build may use.
        cached: Whether the build began with the `.next/cache` of an earlier one.
    """

    step: str
    lines: tuple[str, ...]
    root: Path
    packages: Path
    variant: Variant
    environment: Mapping[str, str] = field(default_factory=dict)
    memory: int = 0
    cached: bool = False

    @cached_property
    def entries(self) -> tuple[str, ...]:
        """Every plain file of the source by its path; none where the tree cannot be walked."""
        try:
            found = tree.scan(self.root)
        except (OSError, DrafterdError):
            return ()
        return tuple(name for name, entry in found.entries.items() if stat.S_ISREG(entry.mode))

    @cached_property
    def names(self) -> frozenset[str]:
        """The same for looking one up."""
        return frozenset(self.entries)

    def sources(self) -> Iterator[tuple[str, str]]:
        """The path and text of every source file."""
        for name in self.entries:
            if name.endswith((*SOURCES, *TEMPLATES)) and (text := self.read(name)) is not None:
                yield name, text

    def read(self, name: str) -> str | None:
        """A file of the source as text; None where there is none that can be read."""
        place = inside(self.root, *name.split("/")[:-1])
        try:
            if place is not None:
                return files.read_regular(place / name.rsplit("/", maxsplit=1)[-1], limit=_READ_MAX).decode("utf-8-sig")
        except (OSError, UnicodeDecodeError):
            pass
        return None

    def json(self, name: str) -> dict[str, Any]:
        """An object in a JSON file; an empty one where there is none that can be read."""
        try:
            found = json.loads(self.read(name) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def package(self) -> dict[str, Any]:
        """The draft's package.json."""
        return self.json(PACKAGE)

    def dependencies(self, *fields: str) -> dict[str, str]:
        """Names and ranges of the fields named, by default of all."""
        found: dict[str, str] = {}
        for name in fields or ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies"):
            listed = self.package.get(name)
            if isinstance(listed, dict):
                found |= {key: value for key, value in listed.items() if isinstance(value, str)}
        return found

    @property
    def scripts(self) -> dict[str, str]:
        """The scripts by their names."""
        found = self.package.get("scripts")
        lines = found.items() if isinstance(found, dict) else ()
        return {name: line for name, line in lines if isinstance(line, str)}

    @property
    def script(self) -> str:
        """The build script."""
        return self.scripts.get("build", "")

    def installed(self, name: str) -> dict[str, Any]:
        """The package.json of an installed package; an empty one where there is none."""
        parts = name.split("/")
        if self.packages.is_symlink() or ".." in parts:
            return {}
        try:
            found = json.loads(files.read_regular(self.packages.joinpath(*parts, PACKAGE), limit=_READ_MAX))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def major(self, name: str) -> int | None:
        """The major version of a package: the installed one, else the one asked for."""
        said = self.installed(name).get("version") or self.dependencies().get(name, "")
        found = _MAJOR.search(str(said))
        return int(found[0]) if found else None

    def with_package(self, **changes: Any) -> bytes:
        """package.json of the build's own copy with other fields."""
        return json.dumps({**self.package, **changes}, indent=2, ensure_ascii=False).encode() + b"\n"
