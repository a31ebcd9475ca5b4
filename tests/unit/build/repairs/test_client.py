"""`'use client'` where it is missing, and nowhere else."""

import pytest

from drafterd.build.repairs import ladder
from drafterd.build.repairs.client import may_be_client, with_directive
from tests.unit.build.repairs.situations import situation

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
    found = ladder.next_step(situation(tmp_path, said, files=files), [])
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
        f"import 'server-only';\n{HOOK}",
        f"import fs from 'fs';\n{HOOK}",
        f"import {{ cookies }} from 'next/headers';\n{HOOK}",
        "export default function {",
    ],
)
def test_what_has_something_for_the_server_is_left_alone(tmp_path, text):
    assert not may_be_client("app/counter.jsx", text)
    assert ladder.next_step(situation(tmp_path, NEXT_16, files={"app/counter.jsx": text}), []) is None


@pytest.mark.parametrize(
    "text",
    [
        HOOK,
        f"'use strict';\n{HOOK}",
        f"// a comment\n{HOOK}",
        f"import type {{ Metadata }} from 'next';\n{HOOK}",
        "export default function Page() { const f = async () => {}; return null; }",
    ],
)
def test_what_has_not_may_have_it(text):
    assert may_be_client("app/counter.tsx", text)


def test_a_mark_and_line_ends_stay():
    assert with_directive("\ufeffa\r\nb\r\n") == "\ufeff'use client';\r\na\r\nb\r\n"
