"""What the tests of kinds share: a folder from a few words, looked at."""

import json

from drafterd.fix.detect import Detection, detect
from drafterd.fix.folder import Folder
from tests.unit.fix.folders import folder


def package(*dependencies: str, **rest: object) -> str:
    """A package.json with these dependencies; other keys as they are given."""
    return json.dumps({"dependencies": dict.fromkeys(dependencies, "*"), **rest})


def seen(tmp_path, files: dict[str, str], *dependencies: str, **rest: object) -> Detection:
    """What is detected in a folder with these files, and a package.json when dependencies are named."""
    own = {"package.json": package(*dependencies, **rest)} if dependencies or rest else {}
    return detect(Folder(folder(tmp_path / "d", {**own, **files})))


def codes(detection: Detection) -> list[str]:
    """The codes of what is said beside."""
    return [problem.code for problem in detection.problems]
