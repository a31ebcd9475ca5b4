"""The class of a failure, and the repair that it gets."""

import json

import pytest

from drafterd.build.repairs import imports, ladder, packages
from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Variant
from drafterd.domain.model import Kind, Recipe

NEXT = Recipe(kind=Kind.NEXT, why="test")
PACKAGE = {"name": "x", "scripts": {"build": "next build"}, "dependencies": {"next": "16.0.0", "react": "^19"}}


def situation(root, lines, *, step="build", package=PACKAGE, files=(), variant=None):
    (root / "package.json").write_text(json.dumps(package))
    for name, text in dict(files).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Situation(
        step=step, lines=tuple(lines.splitlines()), root=root, variant=variant or Variant(recipe=NEXT), environment={}
    )


@pytest.mark.parametrize(
    ("step", "line", "code"),
    [
        ("install", "npm error code ERESOLVE", "legacy-peers"),
        ("install", "npm ERR! code ERESOLVE", "legacy-peers"),
        ("install", "npm error code EUSAGE", "unusable-lock"),
        ("install", "npm error code EBADENGINE", "any-engine"),
        ("build", "Failed to type check.", "ignore-types"),
        ("build", "Type error: Type 'string' is not assignable to type 'number'.", "ignore-types"),
        ("build", "./app/page.tsx(1,35): error TS2322: no", "ignore-types"),
        ("build", "Error: error:0308010C:digital envelope routines::unsupported", "old-openssl"),
        (
            "build",
            "This build is using Turbopack, with a `webpack` config and no `turbopack` config.",
            "webpack",
        ),
        ("build", "  you do not have the required package(s) installed.", "typescript-packages"),
        ("build", "Module not found: Can't resolve 'clsx'", "missing-packages"),
        ("build", "Error: Module not found: Can't resolve 'clsx/lite'", "missing-packages"),
        ("build", '[vite]: Rollup failed to resolve import "clsx" from "/src/a.ts".', "missing-packages"),
    ],
)
def test_each_class_gets_its_repair(tmp_path, step, line, code):
    found = ladder.next_step(situation(tmp_path, line, step=step), [])
    assert found is not None
    assert (found.repair.code, found.repair.step, found.repair.reason) == (code, step, line.strip())


@pytest.mark.parametrize(
    ("step", "line"),
    [
        ("build", "npm error code ERESOLVE"),
        ("install", "npm error code E404"),
        ("build", "Module not found: Can't resolve 'an-invented-name'"),
        ("build", "Module not found: Can't resolve './gone'"),
        ("build", "Module not found: Can't resolve '@/components/ui/button'"),
        ("build", "Error occurred prerendering page"),
    ],
)
def test_what_cannot_be_repaired_safely_is_not(tmp_path, step, line):
    assert ladder.next_step(situation(tmp_path, line, step=step), []) is None


def test_a_heap_crash_is_none_of_types(tmp_path):
    said = "FATAL ERROR: Reached heap limit - JavaScript heap out of memory\nFailed to type check."
    assert ladder.next_step(situation(tmp_path, said), []) is None


def test_nothing_is_tried_twice_and_three_are_enough(tmp_path):
    found = situation(tmp_path, "Failed to type check.")
    assert ladder.next_step(found, ["ignore-types"]) is None
    assert ladder.next_step(found, ["a", "b"]) is not None
    assert ladder.next_step(found, ["a", "b", "c"]) is None


def test_all_missing_packages_are_added_at_once_and_invented_ones_never(tmp_path):
    source = (
        "import clsx from 'clsx';\nimport z from \"zod/v3\";\nimport x from 'an-invented-name';\nimport fs from 'fs';\n"
    )
    found = ladder.next_step(
        situation(tmp_path, "Module not found: Can't resolve 'clsx'", files={"app/page.tsx": source}), []
    )
    assert found is not None
    assert found.remedy.reinstall
    assert not found.remedy.variant.locked
    added = json.loads(found.remedy.files["package.json"])
    assert set(added["dependencies"]) == {"next", "react", "clsx", "zod"}


def test_a_package_of_another_lock_is_known_with_its_version(tmp_path):
    lock = "packages:\n  /left-field@1.2.3:\n    resolution: {}\n"
    found = situation(tmp_path, "", files={"pnpm-lock.yaml": lock})
    assert packages.known_version(found, "left-field") == "1.2.3"
    assert packages.known_version(found, "left") is None


def test_a_peer_that_names_an_address_is_not_known(tmp_path):
    peers = {"react": "^19", "odd": "https://example.org/x.tgz", "fine": ">=1 <3"}
    installed = {"version": "16.0.0", "peerDependencies": peers}
    found = situation(tmp_path, "", files={"node_modules/next/package.json": json.dumps(installed)})
    assert packages.known_version(found, "odd") is None
    assert packages.known_version(found, "fine") == ">=1 <3"


def test_unknown_packages_are_proposed(tmp_path):
    found = situation(tmp_path, "Module not found: Can't resolve 'an-invented-name'")
    assert packages.unknown(found) == ["an-invented-name"]
    assert "an-invented-name" in next(iter(packages.proposals(packages.unknown(found))))


def test_aliases_of_the_source_are_no_packages(tmp_path):
    config = '{ // comments are allowed\n "compilerOptions": {"baseUrl": ".", "paths": {"ui/*": ["./ui/*"]}} }'
    files = {"tsconfig.json": config, "lib/a.ts": "", "app/page.tsx": "import a from 'lib/a'; import b from 'ui/b'"}
    found = situation(tmp_path, "Module not found: Can't resolve 'ui/b'", files=files)
    assert imports.missing(found) == ()
    assert imports.missing_files(found) == ("ui/b",)
    assert imports.unlisted(found) == ()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a from 'a'; import 'b/c'; export * from '@s/d/e'", ["a", "b/c", "@s/d/e"]),
        ("import type { A } from 'a'; const b = require('b'); const c = await import('c')", ["b", "c"]),
        ("// import a from 'a'\nconst s = \"import b from 'b'\"", []),
    ],
)
def test_what_a_file_imports(text, names):
    assert list(imports.specifiers("a.tsx", text)) == names


SUSPENSE = 'useSearchParams() should be wrapped in a suspense boundary at page "/shop/cart". Read more'


def test_a_boundary_is_a_new_file_beside_the_page(tmp_path):
    found = ladder.next_step(situation(tmp_path, SUSPENSE, files={"src/app/(main)/shop/cart/page.tsx": ""}), [])
    assert found is not None
    assert list(found.remedy.files) == ["src/app/(main)/shop/cart/loading.jsx"]


def test_no_boundary_where_there_is_one(tmp_path):
    files = {"app/shop/cart/page.tsx": "", "app/shop/cart/loading.tsx": ""}
    assert ladder.next_step(situation(tmp_path, SUSPENSE, files=files), []) is None


def test_a_script_that_goes_on_after_next_gets_no_words(tmp_path):
    package = {**PACKAGE, "scripts": {"build": "next build && next-sitemap"}}
    line = "This build is using Turbopack, with a `webpack` config"
    assert ladder.next_step(situation(tmp_path, line, package=package), []) is None
