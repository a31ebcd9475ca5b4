import pytest

from drafterd.fix import FixSettings, apply, propose
from tests.unit.fix.folders import folder
from tests.unit.fix.shapes import SHAPES

SETTINGS = FixSettings()


def drop(tmp_path, files, *, module=False):
    package = '{"type":"%s","dependencies":{"next":"16"}}' % ("module" if module else "commonjs")
    return folder(tmp_path / "d", {"package.json": package, **files})


def config_changes(root):
    return [change for change in propose(root, port=3001, settings=SETTINGS).changes if change.file.startswith("next.")]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_gets_one_key_and_keeps_every_other_byte(tmp_path, shape):
    file, text, module, understood = SHAPES[shape]
    root = drop(tmp_path, {file: text}, module=module)
    changes = config_changes(root)
    assert bool(changes) is understood
    if understood:
        (change,) = changes
        new = change.new.decode()
        start = new.index("output: 'standalone'" if "output: '" in new.replace('"', "~") else 'output: "standalone"')
        rest = new[:start] + new[start + len("output: 'standalone'") :]
        assert "".join(rest.replace(",", "").split()) == "".join(text.replace(",", "").split())
        assert change.new.count(b"\r\n") == change.new.count(b"\n") or b"\r" not in change.new
    apply(propose(root, port=3001, settings=SETTINGS))
    assert not config_changes(root)


@pytest.mark.parametrize(
    "text",
    [
        "export default { output: 'standalone' }",
        "export default { output: 'export' }",
        "export default { output: process.env.X ? 'export' : undefined }",
        "const output = 'export'\nexport default { output }",
        "export default {{ }",
        "export default make()",
        "export default build({ a: 1 })",
        "const a = 1",
    ],
)
def test_what_is_said_already_or_not_understood_stays(tmp_path, text):
    assert not config_changes(drop(tmp_path, {"next.config.mjs": text}))


def test_none_is_made(tmp_path):
    (change,) = config_changes(drop(tmp_path, {}))
    assert change.file == "next.config.mjs"
    assert change.old is None


def test_an_own_server_needs_none(tmp_path):
    root = folder(
        tmp_path / "d",
        {"package.json": '{"scripts":{"start":"node s.js"},"dependencies":{"next":"16"}}', "s.js": ""},
    )
    assert not config_changes(root)


@pytest.mark.parametrize(
    ("files", "code", "where"),
    [
        ({"next.config.js": "module.exports = {\n  a: ,\n}\n"}, "bad-next-config", "next.config.js:2:"),
        ({"next.config.js": "module.exports = {}", "next.config.mjs": ""}, "unread-next-config", "next.config.mjs"),
        ({"next.config.cjs": "module.exports = {}"}, "unread-next-config", "next.config.cjs"),
    ],
)
def test_odd_configurations_are_told(tmp_path, files, code, where):
    problems = propose(drop(tmp_path, files), port=3001, settings=SETTINGS).problems
    assert [(problem.code, problem.where.startswith(where)) for problem in problems] == [(code, True)]
