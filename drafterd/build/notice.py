"""`.draft-failed.json`: the reason of a failed build, beside the source that caused it.

For the program or person that writes the draft and sees nothing but its folder.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import structlog

from drafterd import files
from drafterd.domain.model import Build, Mend, Problem, Recipe

NAME = ".draft-failed.json"

_log = structlog.get_logger(__name__)


_TO_DO: Mapping[Mend, str] = {
    Mend.DRAFT: "Correct the cause in these files; the changed folder is built by itself, and this file goes away.",
    Mend.CONFIG: "Nothing in these files is wrong as far as we know: whoever runs the server must give what is missing.",
    Mend.MACHINE: "Nothing in these files is wrong as far as we know: the machine that builds them must be mended.",
}


def leave(folder: Path, build: Build, problem: Problem, recipe: Recipe) -> None:
    """Write why a build failed into the draft's folder; a folder that cannot be written is left alone."""
    said = {
        "draft": build.draft,
        "build": build.number,
        "kind": recipe.kind.value,
        "framework": recipe.framework,
        "manager": recipe.manager,
        **asdict(problem),
        "to_do": _TO_DO[problem.mend],
        "repairs": [asdict(repair) for repair in build.repairs],
    }
    text = json.dumps(said, indent=2, ensure_ascii=False) + "\n"
    try:
        with _opened(folder) as place:
            files.write_atomic(place / NAME, text.encode(), sync=False)
    except OSError as error:
        _log.warning("notice.failed", draft=build.draft, build=build.number, reason=str(error))


def remove(folder: Path) -> None:
    """Take the notice away."""
    with contextlib.suppress(OSError), _opened(folder) as place:
        (place / NAME).unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Path]:
    """The folder by its descriptor: it cannot become a link to somewhere else while we are in it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
