"""How a build is done otherwise than plainly."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from drafterd.domain.model import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What the repairs of a build have changed so far; the default is a plain build.

    Attributes:
        recipe: What is built.
        environment: Variables of the install and the build step.
        build_environment: Variables of the build step alone.
        arguments: Words that follow the build script's own.
        flags: What the wrapper of next.config is to do.
        locked: Whether a lock file is to be kept to.
        cache: Whether the kept `.next/cache` is used.
        before_build: Commands that run before the build script: a program of the dependencies, and its words.
        placeholders: Variables of the build step that nobody gave.
        checks: Whether the build script keeps what only checks the source.
        source_edits: Whether the fixes' own edits stay in the source.
    """

    recipe: Recipe
    environment: Mapping[str, str] = field(default_factory=dict)
    build_environment: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    locked: bool = True
    cache: bool = True
    before_build: tuple[tuple[str, ...], ...] = ()
    placeholders: Mapping[str, str] = field(default_factory=dict)
    checks: bool = True
    source_edits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One repair, not done yet.

    Attributes:
        summary: What is done otherwise, one line for people.
        variant: How to build now.
        files: Files of the build's own copy that are written, by path; None: removed.
        reinstall: Whether the dependencies change.
        afresh: Whether what is installed is removed first.
    """

    summary: str
    variant: Variant
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    reinstall: bool = False
    afresh: bool = False
