"""How long the fixes take over a settled draft of 300 files: the first pass, and one that finds nothing to do.

The draft is a Next.js app as the builders export it: pages and components, and a hundred files of server
code, each with a literal to look at, a third of them to be replaced: secrets, addresses of its own,
addresses of others, and strings that only look like one. What is timed is what the daemon does: the walk,
all the fixes, the edits and their originals on the disk, the digest and the record. Each run is another
draft, and all of them are on the disk before the first is timed.
"""

import asyncio
import logging
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import finish, say
from drafterd import logs
from drafterd.domain.names import DraftId
from drafterd.fix import FixSettings, FolderFixes
from drafterd.layout import Layout

FILES = 300
RUNS = 15
TURN = 0.005
"""Seconds from one turn of the event loop to the next."""
PORT = 3001
KEY = "gsk_" + "aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5gH7jK9mN1pQ3sT5v"
SECRET = "GOCSPX-" + "abcDEF123456-abcDEF123456_ab"
VARIABLES = {
    "NEXTAUTH_SECRET": "k3yk3yk3yk3yk3yk3yk3yk3yk3yk3y00",
    "DATABASE_URL": "postgresql://draft:pw12345@db:5432/{{ id }}",
    "GROQ_MODEL": "llama-3.3-70b-versatile",
}
LITERALS = (
    f"const key = '{KEY}'",
    f"const headers = {{ Authorization: 'Bearer {KEY}' }}",
    "const own = 'http://localhost:3000/api/items'",
    "const ollama = 'http://localhost:11434/api/generate'",
    f"const secret = process.env.GOOGLE_CLIENT_SECRET ?? '{SECRET}'",
    "const base = 'https://api.groq.com/openai/v1'",
    "const docs = 'https://example.com/docs#gsk_your_key_here'",
    "const url = process.env.NEXTAUTH_URL || 'http://localhost:3000'",
    "const redis = 'redis://localhost:6379'",
    "// see http://localhost:3000/docs",
    "const database = process.env.DATABASE_URL ?? 'postgresql://draft:pw12345@db:5432/draft'",
    "const chroma = `http://127.0.0.1:8000/api/${process.env.TENANT}`",
    "const allowed = ['https://example.com', 'http://localhost:5173']",
    "export const config = { origin: 'http://localhost:3000' }",
    "const text = 'Open http://localhost:3000 in your browser'",
    "const driver = 'postgres'",
)


@dataclass(frozen=True)
class Passes:
    """Milliseconds of each run."""

    first: list[float]
    second: list[float]
    loop: list[float]
    """The longest that the event loop stood still in a run."""


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    logs.configure(terminal=False, level=logging.ERROR)
    passes = asyncio.run(measure())
    for name, found in (("first pass", passes.first), ("second pass", passes.second)):
        say(f"{name:12} {statistics.median(found):6.1f} ms  (longest {max(found):.1f})")
    say(f"the event loop stood still for {statistics.median(passes.loop):.1f} ms at most")
    result = {
        "files": FILES,
        "first_pass_ms": round(statistics.median(passes.first), 2),
        "second_pass_ms": round(statistics.median(passes.second), 2),
        "loop_held_ms": round(statistics.median(passes.loop), 2),
    }
    return finish(result, runs=RUNS, as_json=json)


async def measure() -> Passes:
    """All runs, one after the other."""
    found = Passes([], [], [])
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        layout = Layout(root / "drafts", root / "state", root / "run", root / "log")
        layout.state.mkdir()
        fixes = FolderFixes(layout=layout, settings=FixSettings(variables=VARIABLES), home_port=lambda _draft: PORT)
        drafts = [DraftId(f"draft-{number:02}") for number in range(RUNS)]
        for number, draft in enumerate(drafts):
            write(layout.source(draft), number)
        os.sync()
        for draft in drafts:
            async with asyncio.TaskGroup() as tasks:
                ended = asyncio.Event()
                gap = tasks.create_task(longest_gap(ended))
                await asyncio.sleep(0)
                found.first.append(await timed(fixes, draft))
                found.second.append(await timed(fixes, draft))
                ended.set()
            found.loop.append(gap.result())
    return found


async def timed(fixes: FolderFixes, draft: DraftId) -> float:
    """Milliseconds of one pass."""
    begun = time.perf_counter()
    record = await fixes.apply(draft)
    taken = (time.perf_counter() - begun) * 1000
    assert record.problem is None, record.problem
    return taken


async def longest_gap(ended: asyncio.Event) -> float:
    """Until the end: the longest that a turn of the loop took beyond its time, milliseconds."""
    longest, last = 0.0, time.perf_counter()
    while not ended.is_set():
        await asyncio.sleep(TURN)
        now = time.perf_counter()
        longest, last = max(longest, now - last - TURN), now
    return longest * 1000


def write(root: Path, run: int) -> None:
    """Write the draft; those of different runs differ in each file, so that nothing is known of them."""
    content = files()
    assert len(content) == FILES
    for name, text in content.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + f"// {run}\n" if name.endswith((".ts", ".tsx")) else text)


def files() -> dict[str, str]:
    """A draft of `FILES` files, a hundred of them on the server."""
    found = {
        "package.json": '{\n  "name": "app",\n  "private": true,\n  "scripts": { "dev": "next dev -p 3000" },\n'
        '  "dependencies": { "next": "16.0.0", "react": "19.0.0", "react-dom": "19.0.0" }\n}\n',
        "tsconfig.json": '{ "compilerOptions": { "strict": true, "paths": { "@/*": ["./*"] } } }\n',
        "next.config.ts": "import type { NextConfig } from 'next'\n\nconst config: NextConfig = {}\n\nexport default config\n",
        ".env": "STRIPE_KEY=rk_live_1234567890\n",
        "package-lock.json": '{"lockfileVersion": 3, "packages": {}}\n' + " " * 200_000,
        "app/globals.css": ":root { --primary: #123 }\n" * 200,
        "README.md": "An app.\n",
        "proxy.ts": "export function proxy() {}\n",
    }
    for number in range(40):
        found[f"app/api/item{number}/route.ts"] = server(number)
        found[f"lib/server/part{number}.ts"] = server(number, inner=True)
    for number in range(20):
        found[f"app/actions/action{number}.ts"] = f"'use server'\n{server(number)}"
    for number in range(42):
        found[f"app/page{number}/page.tsx"] = page(number)
    for number in range(FILES - len(found)):
        found[f"components/ui/part{number}.tsx"] = component(number)
    return found


def server(number: int, *, inner: bool = False) -> str:
    """A file of server code of three kilobytes with one literal to look at."""
    imports = "" if inner else f"import {{ work{number} as inner }} from '@/lib/server/part{number}'\n"
    steps = "\n".join(
        f"  const step{step} = await load({{ id: `row-${{request.url}}-{step}`, limit: {step}, order: 'asc' }})\n"
        f"  if (!step{step}) return Response.json({{ error: 'There is no row {step}' }}, {{ status: 404 }})"
        for step in range(14)
    )
    return (
        f"import {{ NextResponse }} from 'next/server'\n{imports}\n{LITERALS[number % len(LITERALS)]}\n\n"
        "async function load(query: { id: string; limit: number; order: 'asc' | 'desc' }) {\n"
        "  return (await fetch(`https://example.com/rows/${query.id}?limit=${query.limit}`)).json()\n}\n\n"
        f"export async function work{number}(request: Request) {{\n{steps}\n"
        "  return NextResponse.json({ ok: true })\n}\n"
    )


def page(number: int) -> str:
    """A page that the server renders."""
    parts = "\n".join(f'      <Part{part} title="Part {part}">Text number {part}</Part{part}>' for part in range(20))
    imports = "".join(f"import {{ Part{part} }} from '@/components/ui/part{part}'\n" for part in range(20))
    return (
        f"{imports}\nexport default function Page{number}() {{\n  return (\n"
        f'    <main className="p-8">\n{parts}\n    </main>\n  )\n}}\n'
    )


def component(number: int) -> str:
    """A component that runs in browsers."""
    rows = "\n".join(
        f'      <li className="flex items-center gap-2 rounded-md border px-3 py-2 text-sm">Row {row}</li>'
        for row in range(25)
    )
    return (
        "'use client'\n\nimport { useState, type ReactNode } from 'react'\n\n"
        f"export function Part{number}({{ title, children }}: {{ title: string; children: ReactNode }}) {{\n"
        "  const [open, setOpen] = useState(false)\n  return (\n    <ul onClick={() => setOpen(!open)}>\n"
        f"      {{title}}\n{rows}\n      {{children}}\n    </ul>\n  )\n}}\n"
    )
