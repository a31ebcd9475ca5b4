"""What a configuration file says, read by its syntax."""

import pytest

from drafterd.fix.folder import Folder
from drafterd.fix.kinds.configuration import below, configuration
from tests.unit.fix.folders import folder


def test_values_below_values(tmp_path):
    root = folder(tmp_path / "d", {"x.config.ts": "export default { a: { b: { c: 'd' } }, e: 1 } satisfies X"})
    found = configuration(Folder(root), "x.config")
    assert found.file == "x.config.ts"
    assert found.literal("a", "b", "c") == "d"
    assert found.says("e")
    assert found.literal("e", "f") == ""
    assert not found.says("a", "x")


@pytest.mark.parametrize("text", ["", "}{", "export default f", "\0", "module.exports = require('./other')"])
def test_what_is_not_plain_says_nothing(tmp_path, text):
    found = configuration(Folder(folder(tmp_path / "d", {"x.config.js": text})), "x.config")
    assert found.file == "x.config.js"
    assert not found.says("a")


@pytest.mark.parametrize(
    ("written", "means"),
    [("./out/", "out"), ("a/../b", "b"), (".", ""), ("", ""), ("..", ""), ("/x", ""), ("../x", ""), (" dist ", "dist")],
)
def test_only_folders_below_the_project_are_taken(written, means):
    assert below(written) == means
