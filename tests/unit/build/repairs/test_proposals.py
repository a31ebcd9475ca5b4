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
    ],
)
def test_each_failure_has_its_own(tmp_path, step, said, told):
    found = proposals(situation(tmp_path, said, step=step, files=FILES))
    assert told in found[0]


def test_of_what_is_mended_nothing_is_said(tmp_path):
    assert proposals(situation(tmp_path, "Failed to type check.", files=FILES)) == ()
