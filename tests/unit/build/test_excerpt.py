"""The lines of the source around an error: the right ones, and nothing that must not be shown."""

import os

import pytest

from drafterd.build.excerpt import around
from drafterd.domain.masking import Mask


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "src"
    (made / "app").mkdir(parents=True)
    (made / "app" / "page.tsx").write_text("".join(f"line {number}\n" for number in range(1, 21)))
    (tmp_path / "outside.txt").write_text("SECRET\n")
    return made


def shown(root, where, **secrets):
    return around(root, where, Mask(secrets))


@pytest.mark.parametrize("where", ["app/page.tsx:10", "app/page.tsx:10:7"])
def test_the_named_line_stands_among_its_neighbours(root, where):
    assert shown(root, where) == (
        "   7 | line 7",
        "   8 | line 8",
        "   9 | line 9",
        "> 10 | line 10",
        "  11 | line 11",
        "  12 | line 12",
        "  13 | line 13",
    )


def test_at_the_ends_there_are_fewer(root):
    assert shown(root, "app/page.tsx:1")[0] == "> 1 | line 1"
    assert shown(root, "app/page.tsx:20")[-1] == "> 20 | line 20"


@pytest.mark.parametrize(
    "where",
    [
        "",
        "step install",
        "app/page.tsx",
        "app/page.tsx:0",
        "app/page.tsx:21",
        "app/page.tsx:99999999999",
        "app/none.tsx:1",
        "app:1",
        "../outside.txt:1",
        "app/../../outside.txt:1",
        "/etc/passwd:1",
        "link.txt:1",
        "linked/outside.txt:1",
        "pipe:1",
        "big.js:1",
        "binary.ts:1",
        "app/\0page.tsx:1",
    ],
)
def test_nothing_is_shown_of_what_is_no_line_of_the_source(root, where):
    (root / "link.txt").symlink_to(root.parent / "outside.txt")
    (root / "linked").symlink_to(root.parent)
    os.mkfifo(root / "pipe")
    (root / "big.js").write_text("x" * 1_000_001)
    (root / "binary.ts").write_bytes(b"\xff\xfe\x00\n")
    assert shown(root, where) == ()


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("const key = 'my-own-word';", "const key = '[MY_KEY]';"),
        ("const k = 'gsk_abcDEF1234567890abcDEF';", "const k = '…';"),
        ("const k = 'c2VjcmV0LWtleQ12=';", "const k = '…';"),
        ("const u = 'postgresql://me:hush@db/x';", "const u = 'postgresql://…@db/x';"),
        ("import { Button } from '@/components/ui/button';", "import { Button } from '@/components/ui/button';"),
        ("const createBrowserClient = 1;", "const createBrowserClient = 1;"),
        (f"'{'y ' * 97}my-own-word'", f"'{'y ' * 97}[MY_K…"),
    ],
)
def test_secrets_are_covered(root, line, told):
    (root / "a.ts").write_text(f"{line}\n")
    assert shown(root, "a.ts:1", MY_KEY="my-own-word") == (f"> 1 | {told}",)
