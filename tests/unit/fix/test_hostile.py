"""Texts made to be slow, deep or odd: a pass over each ends soon and breaks nothing."""

import time

import pytest

from drafterd.fix import FixSettings, apply, propose, unified_diff
from tests.unit.fix.folders import folder, snapshot

KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
PACKAGE = '{"dependencies":{"next":"16"}}'
N = 200_000

FILES = {
    "comments": ("package.json", '{"a":1,' + "/**/" * N),
    "slashes": ("package.json", '{"a":1,' + "/" * N),
    "spaces": ("package.json", '{"a":1,' + " " * N + "x"),
    "script": ("package.json", '{"dependencies":{"next":"16"},"scripts":{"start":"' + "A=b " * N + '"}}'),
    "quotes": ("package.json", '"' * N),
    "directive": ("auth.ts", " " * N + f"x; f('{KEY}')\n"),
    "comment heads": ("auth.ts", "/**/" * N + f"\nf('{KEY}')\n"),
    "imports": ("auth.ts", "import" + " " * N + f"\nf('{KEY}')\n"),
    "parens": ("auth.ts", "(" * N + f"'{KEY}'"),
    "templates": ("auth.ts", "`${" * 20_000 + f"'{KEY}'"),
    "addresses": ("auth.ts", "//" + "\n//".join(["postgres://a:" * 300] * 50) + f"\nf('{KEY}')\n"),
    "blank lines": (".env", "\n" * N + "A=1"),
    "half quotes": (".env", "A=`" + "'a\n" * 20_000 + "`\n"),
    "escaped quotes": (".env", "A='" + "\\'" * 20_000),
    "growing": (".env", "A=$B$B$B\n" + "".join(f"B{i}=$B{i + 1}$B{i + 1}\n" for i in range(60))),
    "placeholders": (".env", "A=" + "_your_" * 10_000),
    "config": ("next.config.js", "\n" * N + "module.exports = (" * 2000),
    "marks": (".env.local", "# >>> drafterd\n" * 20_000),
    "one line": ("auth.ts", "x=1;" * 400_000 + f"'{KEY}'"),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", FILES)
def test_no_text_holds_a_pass_up(tmp_path, case):
    name, text = FILES[case]
    root = folder(tmp_path / "d", {"package.json": PACKAGE, name: text})
    started = time.perf_counter()
    proposal = propose(root, port=3001, settings=FixSettings(variables={"B": "x"}))
    assert KEY not in unified_diff(proposal)
    assert time.perf_counter() - started < 10
    apply(proposal)
    before = snapshot(root)
    apply(propose(root, port=3001, settings=FixSettings(variables={"B": "x"})))
    assert snapshot(root) == before


def test_odd_entries_are_never_followed(tmp_path):
    outside = folder(tmp_path / "o", {"auth.ts": f"f('{KEY}')", "next.config.js": "module.exports = {}"})
    root = folder(tmp_path / "d", {"package.json": PACKAGE})
    (root / "auth.ts").symlink_to(outside / "auth.ts")
    (root / "next.config.js").symlink_to(outside / "next.config.js")
    (root / "lib").symlink_to(outside)
    before = snapshot(outside)
    proposal = propose(root, port=3001, settings=FixSettings())
    apply(proposal)
    assert snapshot(outside) == before
    assert not {"auth.ts", "next.config.js"} & {change.file for change in proposal.changes}
