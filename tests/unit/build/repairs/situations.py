"""A failed step, made of what it printed and a few files."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from drafterd.build.repairs import ladder
from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Variant
from drafterd.domain.model import Kind, Recipe

NEXT = Recipe(kind=Kind.NEXT, why="test")
PACKAGE: Mapping[str, Any] = {
    "name": "x",
    "scripts": {"build": "next build"},
    "dependencies": {"next": "16.0.0", "react": "^19"},
}


def situation(
    root: Path,
    lines: str,
    *,
    step: str = "build",
    package: Mapping[str, Any] = PACKAGE,
    files: Mapping[str, str] | None = None,
    variant: Variant | None = None,
    **rest: Any,
) -> Situation:
    """What the repairs see."""
    (root / "package.json").write_text(json.dumps(package))
    for name, text in (files or {}).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Situation(
        step=step,
        lines=tuple(lines.splitlines()),
        root=root,
        packages=root / "node_modules",
        variant=variant or Variant(recipe=NEXT),
        **rest,
    )


def chosen(found: Situation, tried: Collection[str] = ()) -> ladder.Step | None:
    """What is tried first for the class of the failure; None: only what is tried for any."""
    return next((choice for choice in ladder.choices(found, tried) if choice.repair.reason), None)
