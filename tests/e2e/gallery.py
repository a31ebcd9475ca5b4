"""Every page that visitors get in a draft's place, with long names and odd texts, as it looks when it is most likely to break."""

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aiohttp import web

from drafterd.domain.model import BuildStatus, Edit, Goal, Intent, Presence, Problem
from drafterd.domain.names import DraftId
from drafterd.domain.repair import Repair
from drafterd.web.away import away_answers
from tests.builders import a_build, a_live_view, a_record, a_release, a_source, an_instance
from tests.integration.web.world import World, a_world

LONG = "quarterly-revenue-dashboard-of-the-northern-sales-team-2026-v12"
WIDE = "W" * 63

PROBLEM = Problem(
    code="build-failed",
    summary="Module not found: Can't resolve '@/components/ui/button' <img src=x onerror=alert(1)> "
    "\u202egnp.exe\u202c \u05d4\u05de\u05d5\u05d3\u05d5\u05dc \u05dc\u05d0 \u05e0\u05de\u05e6\u05d0",
    where=f"app/{'deeply/' * 20}page.tsx:3:1",
    hint="add the file, or import what is there",
    step="build",
    tail=("</textarea><script>document.title = 'taken over'</script>", "x" * 500),
    proposals=("add components/ui/button.tsx",),
    excerpt=("  2 | import a", "> 3 | import { Button } from '@/components/ui/button';" + " x" * 90),
)
REPAIR = Repair(
    code="ignore-types", step="build", summary="errors of types are ignored", reason="Type error: " + "y" * 300
)
EDIT = Edit(file="package.json", rule="scripts", before="", after="x", reason="a start script was added")
LOG = "".join(
    f"2026-11-23T01:00:{second:02}.000Z {text}\n"
    for second, text in enumerate(
        (
            "\x1b[32m✓\x1b[0m Compiled",
            "\x1b[33mwarn\x1b[0m " + "z" * 300,
            "\x1b[31mError:\x1b[0m no",
            "\x1b[90mgrey\x1b[0m",
        )
    )
)

PREVIEW = (
    "<style>h1 { color: rgb(0, 0, 255); }</style><h1>As it was drawn</h1><p>" + "wide " * 200 + "</p>"
    "<script>document.querySelector('h1').textContent = 'scripted'; top.document.title = 'taken over'</script>"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page: where it is, and what it must answer.

    Attributes:
        state: `X-Draft-State`, or "" where there is no draft.
        waits: Whether it turns into another page by itself.
    """

    name: str
    url: str
    status: int
    state: str
    waits: bool


@asynccontextmanager
async def a_gallery(folder: Path) -> AsyncIterator[tuple[World, list[Shown]]]:
    """All of them, and the world that they are of."""
    async with a_world(folder) as world, _away() as away:
        edge = world.edge.replace("127.0.0.1", "localhost")
        pages = [
            Shown(name=state, url=f"{edge}/api/draft/{draft}", status=status, state=state, waits=True)
            for state, draft, status in _drafts(world)
        ]
        moment, enter, links = (_live(world, _long(word)) for word in ("moment", "enter", "links"))
        await world.gate.protect(enter, "correct horse")
        await world.gate.protect(links, None)
        denied = world.api.replace("127.0.0.1", "localhost")
        yield (
            world,
            [
                *pages,
                Shown(name="moment", url=f"{edge}/api/draft/{moment}", status=503, state="ready", waits=True),
                Shown(
                    name="down",
                    url=f"{edge}/_drafterd/fallback?status=502&url=/api/draft/{moment}/x",
                    status=503,
                    state="ready",
                    waits=True,
                ),
                Shown(name="unknown", url=f"{edge}/api/draft/{WIDE}", status=404, state="unknown", waits=True),
                Shown(name="nowhere", url=f"{edge}/elsewhere", status=404, state="", waits=False),
                Shown(name="enter", url=f"{edge}/api/draft/{enter}/", status=401, state="", waits=False),
                Shown(name="links", url=f"{edge}/api/draft/{links}/", status=401, state="", waits=False),
                Shown(name="denied", url=f"{denied}/drafts/{WIDE}", status=404, state="", waits=False),
                Shown(name="away", url=away, status=503, state="away", waits=True),
            ],
        )


def _drafts(world: World) -> list[tuple[str, str, int]]:
    """A draft in each state: the state, its name, the status of its page."""
    ended = a_build(1, status=BuildStatus.SUCCEEDED, started=1.0, finished=43.0)
    running = a_build(2, status=BuildStatus.RUNNING, step="build", started=time.time() - 20, repairs=(REPAIR,))
    shapes: Mapping[str, dict[str, object]] = {
        "settling": {"source": a_source(settled=False), "fix": None, "key": None},
        "queued": {"builds": (a_build(1, status=BuildStatus.QUEUED),)},
        "building": {
            "builds": (replace(running, key="k1", steps={"snapshot": 0.1, "install": 12.0}), replace(ended, key="k0"))
        },
        "starting": {"builds": (a_build(1),), "releases": (a_release(1),)},
        "failed": {
            "builds": (a_build(1, status=BuildStatus.FAILED, problem=PROBLEM, repairs=(REPAIR,)),),
            "fix": a_record(edits=(EDIT,)),
        },
        "paused": {"intent": Intent(goal=Goal.PAUSE)},
        "removing": {"source": a_source(presence=Presence.GONE), "builds": (a_build(1),)},
    }
    found = []
    for state, changes in shapes.items():
        name = _long(state)
        for number in (1, 2):
            world.doors.log_path(DraftId(name), number).write_text(LOG)
        folder = world.state / "drafts-in" / name
        folder.mkdir(parents=True)
        (folder / "package.json").touch()
        (folder / "fallback.html").write_text(PREVIEW)
        world.put(name, **changes)
        found.append((state, name, 404 if state == "removing" else 503))
    return found


def _long(word: str) -> str:
    """The longest name that begins so."""
    return f"{word}-{LONG}"[:63]


def _live(world: World, name: str) -> DraftId:
    """One that serves."""
    draft = DraftId(name)
    instance = replace(an_instance(1), draft=draft)
    world.views[draft] = replace(a_live_view(), draft=draft, instances=(instance,))
    return draft


@asynccontextmanager
async def _away() -> AsyncIterator[str]:
    """What stands in for a daemon that does not run; its address."""
    answer = json.loads(away_answers())["page"]
    headers = {name: value for name, value in answer["headers"].items() if name.lower() != "content-length"}

    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=503, body=answer["body"].encode(), headers=headers)

    app = web.Application()
    app.router.add_get("/", page)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://localhost:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()
