import time

import pytest

from drafterd.fix.folder import Folder
from drafterd.fix.read_names import names_read
from tests.unit.fix.folders import folder


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("const a = process.env.STRIPE_KEY", ["STRIPE_KEY"]),
        ("process.env.A_B!, process.env?.C1 || process.env.NEXT_PUBLIC_X", ["A_B", "C1", "NEXT_PUBLIC_X"]),
        ("process.env['ONE'] ?? process.env[\"TWO\"] ?? process.env[name]", ["ONE", "TWO"]),
        ("import.meta.env.VITE_URL; import.meta.env.MODE", ["VITE_URL"]),
        ("const { SMTP_HOST, PORT: p, ...rest } = process.env;", ["SMTP_HOST", "PORT"]),
        ("const { A = '1', B: b } = process.env\nconst { C } = process.env.D", ["A", "B", "D"]),
        ("process.env.NODE_ENV + process.env.VERCEL_URL + process.env.npm_package_version + process.env.CI", []),
        ("process\n  .env.X", []),
        ("process.env\n  .X", ["X"]),
        ("my_process.env.X; process.envy.Y", []),
        ("process.env.A; process.env.A", ["A"]),
    ],
)
def test_the_names_that_code_reads(tmp_path, text, names):
    assert names_read(Folder(folder(tmp_path / "d", {"a.ts": text}))) == names


def test_only_source_counts(tmp_path):
    files: dict[str, str | bytes] = {
        "b.svelte": "process.env.S",
        "a.vue": "import.meta.env.VITE_V",
        "README.md": "process.env.DOC",
        "node_modules/x/a.js": "process.env.DEP",
        "prisma/schema.prisma": 'url = env("DATABASE_URL")\n process.env.NO',
        "x.bin.js": b"\xff\x00process.env.B",
    }
    assert names_read(Folder(folder(tmp_path / "d", files))) == ["VITE_V", "S", "DATABASE_URL", "B"]


@pytest.mark.parametrize("unit", ["process.env ", "{a,", "process.env['", "{a}=", "process.env.", "env("])
def test_no_text_makes_it_slow(tmp_path, unit):
    began = time.perf_counter()
    names_read(Folder(folder(tmp_path / "d", {"a.js": unit * (900_000 // len(unit))})))
    assert time.perf_counter() - began < 5
