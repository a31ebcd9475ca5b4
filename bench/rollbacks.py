"""How long it takes to go back to another release: by the API and by the command, to one that runs and to one that must start.

Part of `switch`. Timed from the request, or from the start of the command, to the first answer of that release
through the proxy; the command must have ended well too. Two drafts: a plain node server, and the sample with Next.js.
"""

import asyncio
import json as json_text
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path

from bench import say
from bench.first_drop import DEADLINE, make_source
from bench.visitors import SERVER
from tests.builders import eventually
from tests.server import Server

DRAIN = 5.0
"""Seconds: long enough to come back while the other one still runs, short enough to wait for its end."""
TURNS = 6
"""Rollbacks of each sort to a release that runs, there and back in turn."""
GOAL_MS = 3000
_EVERY = 0.005

Ask = Callable[[Server, str, str], Awaitable[None]]


async def measure(kind: str) -> dict[str, float]:
    """The slowest of each sort, in milliseconds, with one kind of proxy."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        ours = Server(root / "server", drain=f"{DRAIN:g}s")
        ours.config["proxy"]["kind"] = kind
        async with ours as server:
            await _plain(server)
            await _nextjs(server, root / "source")
            for draft in ("plain", "nextjs"):
                for sort, seconds in (await _of(server, draft)).items():
                    found[f"{draft}_{sort}_ms"] = round(seconds * 1000)
                    say(f"{kind:>8} {draft:>7} {sort:>9} {seconds * 1000:7.0f} ms")
    return found


async def _plain(server: Server) -> None:
    """Two releases that say their own name."""
    for release in ("r1", "r2"):
        package = json_text.dumps({"name": "plain", "scripts": {"start": "node server.js"}})
        server.drop("plain", {"package.json": package, "server.js": SERVER.replace("WORD", json_text.dumps(release))})
        await _serves(server, "plain", release)


async def _nextjs(server: Server, source: Path) -> None:
    """Two releases of the sample, with an address that says the release's name."""
    make_source(source)
    for release in ("r1", "r2"):
        page = source / "app" / "says" / "route.js"
        page.parent.mkdir(exist_ok=True)
        page.write_text(f"export const GET = () => new Response('{release}');\n")
        shutil.copytree(source, server.drafts / "nextjs", dirs_exist_ok=True)
        await _serves(server, "nextjs", release)


async def _serves(server: Server, draft: str, release: str) -> None:
    async def serves() -> bool:
        report = await server.draft(draft)
        if report.get("problem"):
            raise RuntimeError(f"{draft} has a problem: {report['problem']}")
        return bool(report.get("serving") == release and report["work"] == "none")

    await eventually(serves, within=DEADLINE, every=0.1)


async def _of(server: Server, draft: str) -> dict[str, float]:
    """One draft's slowest rollbacks, in seconds."""
    slowest: dict[str, float] = {}
    now = "r1"
    await _roll_back(server, draft, now, _by_api)  # r1 had ended long ago; from here on the other one still runs
    for name, ask in (("api", _by_api), ("command", _by_command)):
        for _ in range(TURNS):
            now = _other(now)
            seconds = await _roll_back(server, draft, now, ask)
            slowest[f"{name}_warm"] = max(seconds, slowest.get(f"{name}_warm", 0.0))
        now = _other(now)
        await _ended(server.state / "instances" / f"{draft}.{now}.json")
        slowest[f"{name}_cold"] = await _roll_back(server, draft, now, ask)
    return slowest


async def _ended(spec: Path) -> None:
    """Wait until a release does not run any more."""
    await eventually(lambda: not spec.exists(), within=DRAIN + 60, every=0.1)


def _other(release: str) -> str:
    return "r1" if release == "r2" else "r2"


async def _roll_back(server: Server, draft: str, release: str, ask: Ask) -> float:
    """Seconds until the release answers."""
    path = f"/api/draft/{draft}/{'says' if draft == 'nextjs' else ''}"

    async def answers() -> bool:
        return (await server.visit(path))[:2] == (HTTPStatus.OK, release)

    begun = time.perf_counter()
    await ask(server, draft, release)
    await eventually(answers, within=60, every=_EVERY)
    seconds = time.perf_counter() - begun
    await _serves(server, draft, release)
    return seconds


async def _by_api(server: Server, draft: str, release: str) -> None:
    status, _ = await server.call("POST", f"/api/v1/drafts/{draft}/rollback", json={"release": release})
    if status != HTTPStatus.ACCEPTED:
        raise RuntimeError(f"the rollback was answered with {status}")


async def _by_command(server: Server, draft: str, release: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drafterd", "rollback", draft, release),
        *("--url", server.api, "--token-file", str(server.state / "token")),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 60)
    if process.returncode != 0:
        raise RuntimeError(f"the command ended with {process.returncode}: {said.decode()}")
