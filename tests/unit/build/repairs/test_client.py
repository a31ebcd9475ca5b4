"""`'use client'` where it is missing, and nowhere else."""

import pytest

from drafterd.build.repairs.client import may_be_client, with_directive
from tests.unit.build.repairs.situations import chosen, situation

HOOK = "import { useState } from 'react';\nexport function Counter() {\n  const [n] = useState(0);\n  return n;\n}\n"
NEXT_16 = """./app/counter.jsx:1:10
You're importing a module that depends on `useState` into a React Server Component module. This API is only available in Client Components.
> 1 | import { useState } from 'react';
"""
NEXT_14 = """./app/counter.jsx
Error:
  x You're importing a component that needs useState. It only works in a Client Component but none of its parents are marked with "use client"
   ,-[/build/app/counter.jsx:1:1]
 1 | import { useState } from 'react';
"""


@pytest.mark.parametrize("said", [NEXT_16, NEXT_14])
def test_the_named_file_gets_the_directive(tmp_path, said):
    files = {"app/counter.jsx": HOOK, "app/page.jsx": "export default function Page() {}"}
    found = chosen(situation(tmp_path, said, files=files))
    assert found is not None
    assert found.repair.code == "use-client"
    assert found.remedy.files == {"app/counter.jsx": f"'use client';\n{HOOK}".encode()}


@pytest.mark.parametrize(
    "text",
    [
        f"'use client';\n{HOOK}",
        f"'use server';\n{HOOK}",
        f"{HOOK}export const metadata = {{}};",
        f"{HOOK}export async function generateStaticParams() {{}}",
        f"{HOOK}export default async function Page() {{}}",
        f"{HOOK}export const Page = async () => null;",
        f"async function Page() {{ return null; }}\n{HOOK}export default Page;",
        f"const Page = async () => null;\n{HOOK}export default Page;",
        f"export const revalidate = 60;\n{HOOK}",
        f"const key = process.env.API_KEY;\n{HOOK}",
        f"import 'server-only';\n{HOOK}",
        f"import fs from 'fs';\n{HOOK}",
        f"import {{ cookies }} from 'next/headers';\n{HOOK}",
        "export default function {",
    ],
)
def test_what_has_something_for_the_server_is_left_alone(tmp_path, text):
    assert not may_be_client("app/counter.jsx", text)
    assert chosen(situation(tmp_path, NEXT_16, files={"app/counter.jsx": text})) is None


@pytest.mark.parametrize(
    "text",
    [
        HOOK,
        f"'use strict';\n{HOOK}",
        f"// a comment\n{HOOK}",
        f"const key = process.env.NEXT_PUBLIC_KEY ?? process.env.NODE_ENV;\n{HOOK}",
        f"async function load() {{}}\n{HOOK}",
        f"import type {{ Metadata }} from 'next';\n{HOOK}",
        "export default function Page() { const f = async () => {}; return null; }",
    ],
)
def test_what_has_not_may_have_it(text):
    assert may_be_client("app/counter.tsx", text)


def test_a_mark_and_line_ends_stay():
    assert with_directive("\ufeffa\r\nb\r\n") == "\ufeff'use client';\r\na\r\nb\r\n"


@pytest.mark.parametrize(
    ("other", "whole"),
    [
        ("import fs from 'node:fs'; export const data = fs;", False),
        ("export const key = process.env.API_KEY;", False),
        ("'use server';\nimport fs from 'node:fs'; export async function save() {}", True),
        ("'use client';\nexport const b = 1;", True),
        ("export const data = [];", True),
    ],
)
def test_what_it_imports_counts_too(tmp_path, other, whole):
    text = f"import {{ data }} from '@/lib/between';\n{HOOK}"
    files = {"app/counter.jsx": text, "src/lib/between.ts": "export * from '../data';", "src/data.ts": other}
    found = chosen(situation(tmp_path, NEXT_16, files=files))
    assert (found is not None) is whole


def test_a_file_that_only_the_end_of_the_build_names_is_found(tmp_path):
    said = """TypeError: createContext only works in Client Components. Add the "use client" directive at the top
    at <unknown> (app/counter.jsx:3:20)
Error occurred prerendering page "/"
"""
    found = chosen(situation(tmp_path, said, files={"app/counter.jsx": HOOK}))
    assert found is not None
    assert found.repair.code == "use-client"
