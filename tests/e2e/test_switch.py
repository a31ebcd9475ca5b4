"""A page that was open before an update goes on: its chunks are there, its server actions are understood."""

import base64
import json

import pytest
import pytest_asyncio

from tests.builders import eventually
from tests.server import Server

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(1200)]

BUILD_TIME = 900
VERSIONS = {"16": ("16", "19"), "14": ("14.2.35", "18.3.1")}
DRAFTS = ["16", pytest.param("14", marks=pytest.mark.matrix)]

LAYOUT = """
export default function Layout({ children }) {
  return (
    <html>
      <head><link rel="icon" href="data:," /></head>
      <body>{children}</body>
    </html>
  );
}
"""
PAGE = """
import Later from './later';

export default function Page() {
  const secret = 'sealed-' + '%(word)s';
  async function unseal() {
    'use server';
    return secret;
  }
  return <Later unseal={unseal} />;
}
"""
LATER = """
'use client';
import dynamic from 'next/dynamic';
import { useEffect, useState } from 'react';

const Part = dynamic(() => import('./part'));

export default function Later({ unseal }) {
  const [open, setOpen] = useState(false);
  const [said, setSaid] = useState('');
  useEffect(() => { document.documentElement.dataset.hydrated = 'yes'; }, []);
  return (
    <main>
      <button id="open" onClick={() => setOpen(true)}>open</button>
      {open && <Part />}
      <button id="unseal" onClick={async () => setSaid(await unseal())}>unseal</button>
      <p id="said">{said}</p>
    </main>
  );
}
"""


def app(version, word):
    """A page with a part that is loaded later, and an action that holds a sealed value."""
    nextjs, react = VERSIONS[version]
    package = {
        "name": "switched",
        "private": True,
        "scripts": {"build": "next build", "start": "next start"},
        "dependencies": {"next": nextjs, "react": react, "react-dom": react},
    }
    return {
        "package.json": json.dumps(package),
        "app/layout.jsx": LAYOUT,
        "app/page.jsx": PAGE % {"word": word},
        "app/later.jsx": LATER,
        "app/part.jsx": f"'use client';\nexport default function Part() {{ return <p id='part'>part {word}</p>; }}\n",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with Server(tmp_path_factory.mktemp("switch")) as server:
        yield server


async def serving(server, draft, release):
    async def serves():
        report = await server.draft(draft)
        assert report.get("problem") is None, report["problem"]
        return report if report.get("serving") == release and report["work"] == "none" else None

    return await eventually(serves, within=BUILD_TIME, every=0.2)


@pytest.mark.parametrize("version", DRAFTS)
async def test_an_open_page_survives_an_update_and_a_rollback(server, browser, version):
    draft = f"open{version}"
    server.drop(draft, app(version, "one"))
    report = await serving(server, draft, "r1")
    async with browser.visit() as first, browser.visit() as second, browser.visit() as third:
        for visit in (first, second):
            await opened(visit, report["url"])
        # Next.js keeps a key of its own there for some days: without ours the next build would have another.
        (server.state / "drafts" / draft / "next-cache" / "cache" / ".rscinfo").unlink(missing_ok=True)
        server.drop(draft, app(version, "two"))
        await serving(server, draft, "r2")
        await goes_on(first, "one")
        await opened(third, report["url"])
        # While the old server drains it is gone back to as it runs: it listed its files when it started.
        await eventually(lambda: not (server.state / "instances" / f"{draft}.r1.json").exists(), within=30)
        assert (await server.call("POST", f"/api/v1/drafts/{draft}/rollback", json={}))[0] == 202
        await serving(server, draft, "r1")
        await goes_on(second, "one")
        await goes_on(third, "two")
        assert [visit.faults for visit in (first, second, third)] == [[], [], []]
    key = (server.state / "drafts" / draft / "action-key").read_text().strip()
    assert len(base64.b64decode(key)) == 32
    assert key not in "".join(path.read_text() for path in (server.state / "drafts" / draft / "log").iterdir())
    assert key not in server.output()


async def opened(visit, url):
    await visit.open(url)
    await visit.page.wait_for_selector("html[data-hydrated]", state="attached")


async def goes_on(visit, word):
    """The part that was not loaded yet, and the value that was sealed into the page."""
    await visit.page.click("#open")
    await visit.page.wait_for_selector(f"#part:text-is('part {word}')")
    await visit.page.click("#unseal")
    await visit.page.wait_for_selector(f"#said:text-is('sealed-{word}')")
