"""What later builds cost: the same dependencies, the same content, a one-line edit; beside a bare shell on each source.

One server and one bare shell take turns. drafterd's time runs from the rename of the folder (or of the edited
file) to the first page through the proxy with the settle time set aside; the shell's is that of the three
commands on a fresh copy, as in `first-drop`. The draft that fills the store of dependencies does not count.
At the end, ten drafts with the same dependencies on a server of their own: what its whole state takes on the disk.
"""

import asyncio
import contextlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import aiohttp

from bench import Goal, burst, finish, say
from bench.first_drop import DEADLINE, EVERY, MARK, bare, drop, make_source
from tests.builders import eventually
from tests.server import Server

RUNS = 5
PAGE = "app/page.jsx"


@dataclass
class Found:
    """Seconds, one value per run.

    Attributes:
        again_builds: How many builds the re-drops of the same content led to.
    """

    bare: list[float] = field(default_factory=list)
    same: list[float] = field(default_factory=list)
    install: list[float] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    edit: list[float] = field(default_factory=list)
    again_builds: int = 0


def main(json: bool) -> int:
    """Measure; print a table, and the object where it is wanted."""
    found, disk = asyncio.run(measure())
    bare_seconds, same, edit = (statistics.median(each) for each in (found.bare, found.same, found.edit))
    install, again = (round(statistics.median(each), 3) for each in (found.install, found.again))
    same_over, edit_over = round(same / bare_seconds, 3), round(edit / bare_seconds, 3)
    result = {
        "second_draft_over_bare": same_over,
        "redrop_seconds": again,
        "after_edit_over_bare": edit_over,
        "install_hit_seconds": install,
        "disk_ten_drafts_bytes": disk,
        "redrop_builds": found.again_builds,
        "bare_seconds": round(bare_seconds, 3),
        "second_draft_seconds": round(same, 3),
        "after_edit_seconds": round(edit, 3),
    }
    for name, value in result.items():
        say(f"{name:>24} {value:>14,}")
    goals = [
        Goal("install_hit_seconds", install, 2.0),
        Goal("second_draft_over_bare", same_over, 0.55),
        Goal("redrop_seconds", again, 1.0),
        Goal("redrop_builds", found.again_builds, 0),
        Goal("after_edit_over_bare", edit_over, 0.5),
        Goal("disk_ten_drafts_bytes", disk, 1_200_000_000),
    ]
    return finish(result, runs=RUNS, as_json=json, goals=goals)


async def measure() -> tuple[Found, int]:
    """All of it in turn; the bytes on the disk."""
    found = Found()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        root = Path(name)
        source = make_source(root / "source")
        async with Server(root / "server") as server, aiohttp.ClientSession() as session:
            await bare(root / "bare", session, source)
            await drop(server, session, source)
            for run in range(RUNS):
                seconds, _ = await bare(root / "bare", session, source)
                found.bare.append(seconds)
                seconds, steps = await drop(server, session, source)
                found.same.append(seconds)
                found.install.append(steps["install"])
                await _again_and_edit(server, session, source, run, found)
                say(
                    f"bare {found.bare[-1]:.2f} s, same dependencies {found.same[-1]:.2f}, again {found.again[-1]:.2f},"
                    f" edit {found.edit[-1]:.2f}"
                )
        async with Server(root / "ten") as server, aiohttp.ClientSession() as session:
            drafts = burst.drop_all(server, source)
            await asyncio.gather(*(burst.live(session, server, draft) for draft in drafts))
            disk = await asyncio.to_thread(_disk, server.state)
    return found, disk


def _disk(state: Path) -> int:
    """What the state takes, all of it; a file with several names counts once."""
    seen: dict[int, int] = {}
    for path in state.rglob("*"):
        with contextlib.suppress(OSError):
            known = path.lstat()
            seen[known.st_ino] = known.st_blocks * 512
    return sum(seen.values())


async def _again_and_edit(server: Server, session: aiohttp.ClientSession, source: Path, run: int, found: Found) -> None:
    """A draft that is taken away and dropped again, then edited."""
    draft, waiting = f"again-{run}", server.root / f"again-{run}"
    place = server.drafts / draft
    shutil.copytree(source, waiting)
    (waiting / ".draft-ready").touch()
    waiting.rename(place)
    await _answers(server, session, draft, MARK)
    built = await _newest(server, draft)
    place.rename(waiting)
    await eventually(lambda: _gone(server, session, draft), within=60, every=EVERY)
    begun = time.perf_counter()
    waiting.rename(place)
    found.again.append(await _answers(server, session, draft, MARK) - begun)
    found.again_builds += await _newest(server, draft) - built
    words = f"edited {time.monotonic_ns()}"
    text = (place / PAGE).read_text()
    edited = place / ".draft-page"
    edited.write_text(text.replace("<main", f"<main data-edit='{words}'", 1))
    begun = time.perf_counter()
    edited.rename(place / PAGE)
    (place / ".draft-ready").touch()
    found.edit.append(await _answers(server, session, draft, words) - begun)
    await server.call("DELETE", f"/api/v1/drafts/{draft}?purge=source")


async def _gone(server: Server, session: aiohttp.ClientSession, draft: str) -> bool:
    """Whether visitors do not reach it and nothing of it runs; its releases are kept for a while."""
    async with session.get(f"{server.proxy}/api/draft/{draft}") as answer:
        if answer.status == HTTPStatus.OK:
            return False
    status, found = await server.call("GET", f"/api/v1/drafts/{draft}")
    return bool(status == HTTPStatus.NOT_FOUND or (found["state"] == "removing" and found["instance"] is None))


async def _newest(server: Server, draft: str) -> int:
    _, builds = await server.call("GET", f"/api/v1/drafts/{draft}/builds")
    items: list[Mapping[str, int]] = builds["items"]
    return items[0]["number"] if items else 0


async def _answers(server: Server, session: aiohttp.ClientSession, draft: str, words: str) -> float:
    """Ask until the draft's page holds the words; returns when it did."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        try:
            async with session.get(f"{server.proxy}/api/draft/{draft}") as answer:
                if answer.status == 200 and words in await answer.text():
                    return time.perf_counter()
        except aiohttp.ClientError:
            pass
        await asyncio.sleep(0.02)
    raise TimeoutError(f"{draft} did not answer within {DEADLINE:.0f} s")
