import json

import pytest

from drafterd.fix import FixSettings, propose
from tests.unit.fix.folders import folder


@pytest.mark.parametrize(("page", "typed"), [("app/page.tsx", True), ("pages/index.js", False)])
def test_pages_without_a_package_get_one_proposed(tmp_path, page, typed):
    found = propose(folder(tmp_path / "d", {page: ""}), port=3001, settings=FixSettings())
    assert not found.changes
    assert found.problem is not None
    (text,) = found.problem.proposals
    package = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert {"next", "react", "react-dom"} == package["dependencies"].keys()
    assert ("devDependencies" in package) is typed
    made = folder(tmp_path / "d", {"package.json": json.dumps(package)})
    assert propose(made, port=3001, settings=FixSettings()).recipe is not None
