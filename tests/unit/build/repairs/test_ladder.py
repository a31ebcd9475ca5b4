"""The class of a failure, and the repair that it gets."""

import json

import pytest

from drafterd.build.repairs import imports, ladder, packages
from tests.unit.build.repairs.situations import PACKAGE, chosen, situation


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
    found = chosen(situation(tmp_path, line, step=step))
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
    assert chosen(situation(tmp_path, line, step=step)) is None


def test_a_heap_crash_is_none_of_types(tmp_path):
    said = "FATAL ERROR: Reached heap limit - JavaScript heap out of memory\nFailed to type check."
    assert chosen(situation(tmp_path, said)) is None


def test_nothing_is_tried_twice_and_three_are_enough(tmp_path):
    found = situation(tmp_path, "Failed to type check.")
    assert chosen(found, ["ignore-types"]) is None
    assert chosen(found, ["a", "b"]) is not None
    assert chosen(found, ["a", "b", "c"]) is None


def test_all_missing_packages_are_added_at_once_and_invented_ones_never(tmp_path):
    source = (
        "import clsx from 'clsx';\nimport z from \"zod/v3\";\nimport x from 'an-invented-name';\nimport fs from 'fs';\n"
    )
    found = chosen(situation(tmp_path, "Module not found: Can't resolve 'clsx'", files={"app/page.tsx": source}), [])
    assert found is not None
    assert found.remedy.reinstall
    assert not found.remedy.variant.locked
    added = json.loads(found.remedy.files["package.json"] or b"")
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


WEBPACK = "This build is using Turbopack, with a `webpack` config and no `turbopack` config."


def test_a_script_that_goes_on_after_next_gets_the_word_in_its_place(tmp_path):
    package = {**PACKAGE, "scripts": {"build": "prisma generate && next build && next-sitemap"}}
    found = chosen(situation(tmp_path, WEBPACK, package=package))
    assert found is not None
    assert found.remedy.variant.arguments == ()
    written = json.loads(found.remedy.files["package.json"] or b"")
    assert written["scripts"]["build"] == "prisma generate && next build --webpack && next-sitemap"


@pytest.mark.parametrize(
    "line", ["node build.js", "next build; x", "my-next build && x", "next build && next build && x"]
)
def test_a_script_that_is_not_understood_gets_no_words(tmp_path, line):
    assert chosen(situation(tmp_path, WEBPACK, package={**PACKAGE, "scripts": {"build": line}})) is None


def codes(found, tried=()):
    return [choice.repair.code for choice in ladder.choices(found, tried)]


TYPES = "src/main.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'."


@pytest.mark.parametrize(
    ("scripts", "first"),
    [
        ({"build": "next build"}, "ignore-types"),
        ({"build": "eslint . && next build"}, "ignore-types"),
        # Its own check stops the script before Next.js does.
        ({"build": "tsc --noEmit && next build"}, "without-checks"),
        ({"build": "npm run types && next build", "types": "tsc"}, "without-checks"),
        ({"prebuild": "npm run types", "build": "next build", "types": "vue-tsc -b"}, "without-checks"),
    ],
)
def test_types_are_ignored_where_they_are_checked(tmp_path, scripts, first):
    found = chosen(situation(tmp_path, TYPES, package={**PACKAGE, "scripts": scripts}))
    assert found is not None
    assert found.repair.code == first
    assert "ignore-types" in found.remedy.variant.flags


@pytest.mark.parametrize(
    "said",
    [
        TYPES,
        "src/App.vue:3:5 - error TS2322: no",
        "src/pages/index.astro:3:5 - error ts(2322): no",
        "svelte-check found 2 errors and 1 warning in 1 file",
        "\u2716 3 problems (2 errors, 1 warning)",
        "[warn] Code style issues found in 3 files. Run Prettier with --write to fix.",
        "Some errors were emitted while running checks.",
        "Found 0 warnings and 2 errors.",
        " Test Files  1 failed (1)",
    ],
)
def test_checks_of_a_bundled_app_are_left_out(tmp_path, said):
    package = {"scripts": {"build": "some-check && vite build"}, "devDependencies": {"vite": "7"}}
    found = chosen(situation(tmp_path, said, package=package))
    assert found is not None
    assert found.repair.code == "without-checks"
    assert not found.remedy.variant.checks
    assert found.remedy.variant.flags == frozenset()


def test_without_a_known_class_our_own_part_is_left_out(tmp_path):
    found = situation(tmp_path, "Error: anything", cached=True)
    assert codes(found) == ["fresh-cache", "without-edits"]
    assert codes(found, ["fresh-cache"]) == ["without-edits"]
    assert codes(found, ["a", "b", "c"]) == []
    assert codes(situation(tmp_path, "Error: anything", step="install")) == []
