"""Texts made to be slow, deep or odd: a pass over each ends soon and breaks nothing."""

import asyncio
import contextlib
import os
import threading
import time

import pytest

from drafterd.domain.errors import Superseded
from drafterd.domain.names import DraftId
from drafterd.files import TEMPORARY
from drafterd.fix import FixSettings, FolderFixes, apply, propose, unified_diff
from drafterd.layout import Layout
from tests.unit.fix.folders import folder, snapshot

KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
ID = DraftId("d")
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
    "brackets": ("auth.ts", "[" * 30_000 + f"'{KEY}'" + "]" * 30_000),
    "deep and short lines": ("auth.ts", "[\n" * 30_000 + f"'{KEY}'" + "]\n" * 30_000),
    "blocks": ("auth.ts", "{\n" * 30_000 + f"f('{KEY}')" + "}\n" * 30_000),
    "calls": ("auth.ts", "f(\n" * 20_000 + f"'{KEY}'" + ")\n" * 20_000),
    "sums": ("auth.ts", "x = " + "a +\n" * 30_000 + f"'{KEY}'\n"),
    "elements": ("auth.tsx", "x = " + "<a>\n" * 20_000 + KEY + "</a>\n" * 20_000),
    "types": ("auth.ts", "type A = " + "B<\n" * 20_000 + f"'{KEY}'" + ">\n" * 20_000),
    "nested templates": ("auth.ts", "x = " + "`${\n" * 5_000 + f"'{KEY}'" + "}`\n" * 5_000),
    "many values": ("auth.ts", f"f('{KEY}')\n" * 10_000),
    "a sum of values": ("auth.ts", "x = " + f"'{KEY}' +\n" * 10_000 + "1\n"),
    "values in the deep": ("auth.ts", "[\n" * 20_000 + f"'{KEY}',\n" * 250 + "]\n" * 20_000),
    "a word for many things": ("auth.ts", "let process\n" * 50_000 + f"f('{KEY}')\n"),
    "many kept values": ("auth.ts", f"// {KEY}\n" * 10_000),
    "many exports": ("auth.ts", "export { a }\n" * 5_000 + f"const a = '{KEY}'\n" * 200),
    "half imports": ("auth.ts", "import /*" * 50_000 + f"\nf('{KEY}')\n"),
    "import lines": ("auth.ts", "import // " * 50_000 + f"\nf('{KEY}')\n"),
    "half types": ("auth.ts", "import type {" * 20_000 + f"\nf('{KEY}')\n"),
    "directives": ("auth.ts", "'use x';\n" * 100_000 + f"f('{KEY}')\n"),
    "half directives": ("auth.ts", "'use x' " * 100_000 + f"f('{KEY}')\n"),
    "half logins": ("auth.ts", "redis://a:" * 100_000 + f"\nf('{KEY}')\n"),
    "scripts": ("public/a.html", "<script " * 100_000 + KEY),
    "aliases": (
        "tsconfig.json",
        '{"compilerOptions":{"paths":{' + ",".join(f'"a{n}/*":["./*"]' for n in range(9_000)) + "}}}",
    ),
    "deep settings": ("tsconfig.json", '{"compilerOptions":' * 50_000),
}


def fixes(tmp_path):
    layout = Layout(tmp_path / "drafts", tmp_path / "state", tmp_path / "run", tmp_path / "log")
    return FolderFixes(layout=layout, settings=FixSettings(), home_port=lambda _draft: 3001), layout


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


ODD = {
    "UTF-16": KEY.encode("utf-16"),
    "binary": bytes(range(256)) * 50 + KEY.encode(),
    "half a surrogate": b"f('\xed\xa0\x80', '" + KEY.encode() + b"')\n",
    "Latin-1": b"f('\xe9', '" + KEY.encode() + b"')\n",
    "a video": b"G\x40\x00\x10" + b"\xff" * 180 + KEY.encode(),
    "a long line": b"f('" + KEY.encode() + b"');" + b"x=1;" * 250_000,
    "minified": f"f('{KEY}');".encode() * 500,
    "too large": b"f('" + KEY.encode() + b"');\n" + b"x=1;\n" * 500_000,
    "broken": b"f('" + KEY.encode() + b"'\n",
    "conflict": b"<<<<<<< a\nf('" + KEY.encode() + b"')\n=======\n>>>>>>> b\n",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("case", ODD)
def test_an_odd_file_is_left_alone_and_told_and_the_rest_goes_on(tmp_path, case):
    root = folder(
        tmp_path / "d", {"package.json": PACKAGE, "app/api/x/route.ts": ODD[case], "auth.ts": f"f('{KEY}')\n"}
    )
    started = time.perf_counter()
    proposal = propose(root, port=3001, settings=FixSettings())
    apply(proposal)
    assert time.perf_counter() - started < 10
    assert (root / "app/api/x/route.ts").read_bytes() == ODD[case]
    assert (root / "auth.ts").read_text() == "f(process.env.GROQ_API_KEY!)\n"
    told = [problem.code for problem in proposal.problems if problem.where.startswith("app/api/x/route.ts")]
    assert "literals-kept" in told
    assert KEY not in repr(proposal.problems) + repr(proposal.edits)


@pytest.mark.parametrize("make", ["pipe", "link", "link out", "folder", "read-only"])
def test_an_odd_entry_in_the_place_of_code_is_told(tmp_path, make):
    root = folder(tmp_path / "d", {"package.json": PACKAGE, "lib/a.ts": f"f('{KEY}')\n", "auth.ts": f"f('{KEY}')\n"})
    place = root / "app/api/x/route.ts"
    place.parent.mkdir(parents=True)
    if make == "pipe":
        os.mkfifo(place)
    elif make == "link":
        place.symlink_to("../../../lib/a.ts")
    elif make == "link out":
        place.symlink_to("/dev/zero")
    elif make == "folder":
        folder(place, {"x.txt": "x"})
    else:
        place.write_text(f"f('{KEY}')\n")
        place.chmod(0o444)
    proposal = propose(root, port=3001, settings=FixSettings())
    apply(proposal)
    told = [problem.code for problem in proposal.problems if problem.where.startswith("app/api/x/route.ts")]
    assert ("literals-kept" in told) == (make != "folder")
    assert (root / "auth.ts").read_text() == "f(process.env.GROQ_API_KEY!)\n"
    if make == "read-only":
        assert place.read_text() == f"f('{KEY}')\n"


def test_a_name_that_is_no_text_is_left_alone_and_told(tmp_path):
    root = folder(tmp_path / "d", {"package.json": PACKAGE, "auth.ts": f"f('{KEY}')\n"})
    odd = root / os.fsdecode(b"app/\xff")
    odd.mkdir(parents=True)
    places = [odd / os.fsdecode(name) for name in (b"route.ts", b"page.tsx", b"a\n\x1b[2J.ts")]
    for place in places:
        place.write_text(f"f('{KEY}')\n")
    proposal = propose(root, port=3001, settings=FixSettings())
    apply(proposal)
    repr(proposal.problems).encode()
    unified_diff(proposal).encode()
    for problem in proposal.problems:
        f"{problem.summary}{problem.where}".encode()
    assert any("its name is no text" in problem.summary for problem in proposal.problems)
    assert all(place.read_text() == f"f('{KEY}')\n" for place in places)
    assert (root / "auth.ts").read_text() == "f(process.env.GROQ_API_KEY!)\n"


@pytest.mark.timeout(120)
def test_ten_thousand_files_are_looked_at_soon(tmp_path):
    root = folder(tmp_path / "d", {"package.json": PACKAGE, "auth.ts": f"f('{KEY}')\n"})
    for number in range(100):
        text = f"'use client'\nimport x from './file{number}'\nimport y from '@/lib/{number}/file1'\n"
        folder(root / f"lib/{number}", {f"file{each}.ts": text for each in range(100)})
    started = time.perf_counter()
    proposal = propose(root, port=3001, settings=FixSettings())
    assert time.perf_counter() - started < 20
    assert "auth.ts" in {change.file for change in proposal.changes}


@pytest.mark.timeout(60)
async def test_files_that_change_while_they_are_read_are_never_half_ours(tmp_path):
    made, layout = fixes(tmp_path)
    root = folder(layout.source(ID), {"package.json": PACKAGE})
    ended = threading.Event()
    texts = [f"f('{KEY}') // {number}\n" * (number + 1) for number in range(50)]

    def change() -> None:
        for turn in range(10_000):
            if ended.is_set():
                return
            (root / "auth.ts").write_text(texts[turn % len(texts)])

    writer = threading.Thread(target=change)
    writer.start()
    for _ in range(5):
        with contextlib.suppress(Superseded):
            await made.apply(ID)
    ended.set()
    writer.join()
    (root / "auth.ts").write_text(texts[0])
    await made.apply(ID)
    assert (root / "auth.ts").read_text() == "f(process.env.GROQ_API_KEY!) // 0\n"
    assert not [path for path in root.rglob("*") if path.name.startswith(TEMPORARY)]


async def test_the_event_loop_goes_on_meanwhile(tmp_path):
    made, layout = fixes(tmp_path)
    files = {f"lib/{number}.ts": f"'use server'\nf('{KEY}')\n" * 200 for number in range(40)}
    folder(layout.source(ID), {"package.json": PACKAGE, **files})
    turns = 0
    async with asyncio.TaskGroup() as tasks:
        work = tasks.create_task(made.apply(ID))
        while not work.done():
            turns += 1
            await asyncio.sleep(0.001)
    assert turns > 10


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
