"""What an author could do."""

import pytest

from drafterd.build.repairs.proposals import proposals
from tests.unit.build.repairs.situations import situation

FILES = {"components/Header.tsx": "", "lib/data/index.ts": "", "app/page.tsx": "", "styles/site.css": ""}


@pytest.mark.parametrize(
    ("step", "said", "told"),
    [
        ("build", "Module not found: Can't resolve '@/components/header'", "components/Header.tsx is"),
        ("build", "Module not found: Can't resolve './components/Haeder'", "components/Header.tsx is"),
        ("build", "Module not found: Can't resolve '@/components/ui/button'", "npx shadcn add button"),
        ("build", "Module not found: Can't resolve '@/nowhere/at-all'", "add the file, or take its import out"),
        ("build", "Module not found: Can't resolve 'an-invented-name'", "an-invented-name"),
        ("build", 'Error occurred prerendering page "/shop". Read more', "force-dynamic"),
        ("build", "Error: Event handlers cannot be passed to Client Component props.", "'use client'"),
        ("install", "npm error 404  'no-such-thing@^1.0.0' is not in this registry.", "no package no-such-thing"),
        ("install", "npm error notarget No matching version found for react@^99.0.0.", "react has no version ^99.0.0"),
        ("install", " ERR_PNPM_FETCH_404  GET https://r.example/no-such: Not Found - 404", "no package no-such"),
        ("install", 'error Couldn\'t find package "no-such" on the "npm" registry.', "no package no-such"),
        ("install", "error: GET https://r.example/@a/no-such - 404", "no package @a/no-such"),
        ("install", 'error Couldn\'t find any versions for "ms" that matches "^99.0.0"', "ms has no version ^99.0.0"),
        ("install", "\u27a4 YN0082: \u2502 ms@npm:^99: No candidates found", "ms has no version ^99"),
        (
            "install",
            'error: No version matching "^99" found for specifier "ms" (but package exists)',
            "ms has no version ^99",
        ),
        ("install", "npm error path /x/node_modules/canvas\nnpm error command failed", "install script of canvas"),
        ("build", 'useSearchParams() should be wrapped in a suspense boundary at page "/404"', "put <Suspense> around"),
        (
            "build",
            "It looks like you're trying to use `tailwindcss` directly as a PostCSS plugin.",
            "@tailwindcss/postcss",
        ),
    ],
)
def test_each_failure_has_its_own(tmp_path, step, said, told):
    found = proposals(situation(tmp_path, said, step=step, files=FILES))
    assert told in found[0]


def test_of_what_is_mended_nothing_is_said(tmp_path):
    assert proposals(situation(tmp_path, "Failed to type check.", files=FILES)) == ()


@pytest.mark.parametrize(
    ("wanted", "told"), [("file:../ui", True), ("link:./packages/../../ui", True), ("file:./ui", False)]
)
def test_a_package_from_outside_is_told(tmp_path, wanted, told):
    package = {"dependencies": {"ui": wanted}}
    found = proposals(situation(tmp_path, "Module not found: Can't resolve 'ui'", package=package))
    assert ("outside of the draft" in found[0]) is told
