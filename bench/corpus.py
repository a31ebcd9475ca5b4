"""A folder of projects, each bare (`install && build && start`) beside drafterd at both addresses.

Each project is copied, run as its author would, then dropped into a real `drafterd up` twice, once for
each address, and looked at in Chromium. What is told of a project: how far it came each way, the repairs
that were made, what a browser misses or complains of under drafterd and not bare, and where it failed,
the problem's code and who can mend it.
"""

import argparse
import asyncio
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser

from bench import bare, browser, finish, say
from tests.builders import eventually
from tests.server import FIXTURES, Server

OPTIONS = "[FOLDER] [--only NAME] [--timeout SECONDS]"
TIMEOUT = 900.0
"""For one project, each way, seconds."""
ADDRESSES = ("path", "host")
_DEEPEST = 2
_BUILT = "pack"


def main(*, json: bool, arguments: list[str]) -> int:
    """Measure every project; print a line for each, totals, and the object where it is wanted."""
    asked = _arguments(arguments)
    projects = find(asked.folder)
    if asked.only:
        projects = {name: place for name, place in projects.items() if name in asked.only}
    if not projects:
        say(f"there is no such project in {asked.folder}")
        return 2
    found = asyncio.run(measure(projects, within=asked.timeout))
    totals = summed(found)
    for line in told_totals(totals):
        say(line)
    result = {"projects": {name: each.told() for name, each in found.items()}, "totals": totals}
    return finish(result, runs=1, as_json=json)


def _arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench corpus", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=FIXTURES, help="a folder of projects")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this project; may be given again")
    parser.add_argument("--timeout", type=float, default=TIMEOUT, metavar="SECONDS", help="for a project, each way")
    return parser.parse_args(arguments)


def find(folder: Path, *, depth: int = 1) -> dict[str, Path]:
    """The projects of a folder by their names: folders with a package.json or a page, not what lies in them."""
    found: dict[str, Path] = {}
    for place in sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")):
        if (place / "package.json").exists() or (place / "index.html").exists():
            found[place.name] = place
        elif depth < _DEEPEST:
            found |= find(place, depth=depth + 1)
    return found


@dataclass
class Way:
    """A project under drafterd, at one address."""

    state: str = ""
    installed: bool = False
    built: bool = False
    live: bool = False
    seconds: float = 0.0
    repairs: list[str] = field(default_factory=list)
    edits: int = 0
    code: str = ""
    mend: str = ""
    summary: str = ""
    proposals: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def told(self) -> dict[str, Any]:
        """For the object; what the browser saw is told of the project."""
        facts = {name: getattr(self, name) for name in ("state", "installed", "built", "live", "edits")}
        facts["seconds"] = round(self.seconds, 1)
        if not self.live:
            facts |= {name: getattr(self, name) for name in ("code", "mend", "summary", "proposals")}
        return facts


@dataclass
class Project:
    """Both ways, beside each other."""

    bare: bare.Bare
    ways: dict[str, Way]

    @property
    def live(self) -> bool:
        """Whether it is live at both addresses."""
        return all(way.live for way in self.ways.values())

    def worse(self, kind: str) -> list[str]:
        """What a browser misses (`missing`) or complains of (`errors`) under drafterd and not bare."""
        known = set(getattr(self.bare, kind))
        return sorted({f"{at}: {item}" for at, way in self.ways.items() for item in set(getattr(way, kind)) - known})

    @property
    def repairs(self) -> list[str]:
        """The codes of all repairs, each once."""
        return list(dict.fromkeys(code for way in self.ways.values() for code in way.repairs))

    def told(self) -> dict[str, Any]:
        """For the object."""
        return {
            "bare": self.bare.told(),
            "drafterd": {at: way.told() for at, way in self.ways.items()},
            "repairs": self.repairs,
            "assets_missing": self.worse("missing"),
            "console_errors": self.worse("errors"),
        }


async def measure(projects: Mapping[str, Path], *, within: float = TIMEOUT) -> dict[str, Project]:
    """All of them, one after the other; nothing is left behind."""
    ids = {name: draft_id(name, number) for number, name in enumerate(projects)}
    found: dict[str, Project] = {}
    with tempfile.TemporaryDirectory(prefix="drafterd-corpus-", ignore_cleanup_errors=True) as scratch:
        root = Path(scratch)
        own_host = {f"{draft}-host": {"address": "host"} for draft in ids.values()}
        limits = {"timeout": f"{within:.0f}s"}
        async with Server(root / "server", drafts_config=own_host, build=limits) as server, browser.chromium() as eyes:
            for name, place in projects.items():
                found[name] = await one(server, eyes, ids[name], place, root=root, within=within)
                for line in told(name, found[name]):
                    say(line)
    return found


def draft_id(name: str, number: int) -> str:
    """A name that can be a draft's, short enough for both."""
    plain = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:40].strip("-")
    return f"c{number}-{plain}" if plain else f"c{number}"


async def one(server: Server, eyes: Browser, draft: str, place: Path, *, root: Path, within: float) -> Project:
    """One project, both ways."""
    async with bare.running(place, root, within=within) as (found, url):
        if url:
            sight = await browser.look(eyes, url)
            found.missing, found.errors = sight.missing, sight.errors
    ways = {}
    for address in ADDRESSES:
        name = draft if address == "path" else f"{draft}-host"
        ways[address] = await drop(server, eyes, name, place, within=within)
    return Project(bare=found, ways=ways)


async def drop(server: Server, eyes: Browser, draft: str, place: Path, *, within: float) -> Way:
    """A project dropped, until it is live or has failed, and looked at."""
    begun = time.monotonic()
    waiting = server.root / draft
    shutil.copytree(place, waiting, ignore=bare.LEFT_OUT, symlinks=True)
    waiting.rename(server.drafts / draft)
    way = Way()
    try:
        report = await server.until(draft, "ready", "failed", within=within + 60)
    except AssertionError:
        report = await server.draft(draft)
    way.seconds = time.monotonic() - begun
    way.state = report.get("state", "unknown")
    way.live = way.state == "ready"
    await _read_build(server, draft, way)
    problem = report.get("problem")
    if problem and not way.live:
        way.code, way.mend, way.summary = problem["code"], problem["mend"], problem["summary"]
        way.proposals = problem["proposals"]
    if way.live:
        sight = await browser.look(eyes, report["url"], base=_base(report["url"]))
        way.missing, way.errors = sight.missing, sight.errors
        if not 0 < sight.status < 500:
            way.live, way.code, way.summary = False, "page-fails", f"its first page answers {sight.status or 'nothing'}"
    await _take_away(server, draft)
    return way


async def _read_build(server: Server, draft: str, way: Way) -> None:
    """How far its newest build came, and what was changed for it."""
    status, builds = await server.call("GET", f"/api/v1/drafts/{draft}/builds")
    newest = next(iter(builds["items"]), None) if status == 200 else None
    if newest is not None:
        way.repairs = [repair["code"] for repair in newest["repairs"]]
        way.built = _BUILT in newest["steps"]
        way.installed = way.built or "install" in newest["steps"]
    status, fixes = await server.call("GET", f"/api/v1/drafts/{draft}/fixes")
    if status == 200:
        way.edits = sum(edit["applied"] for edit in fixes["edits"])


async def _take_away(server: Server, draft: str) -> None:
    """Leave nothing of a draft: hundreds of megabytes each would fill the disk."""
    await server.call("DELETE", f"/api/v1/drafts/{draft}?purge=source")
    await eventually(lambda: not (server.drafts / draft).exists(), within=60, every=0.2)


def _base(url: str) -> str:
    """The prefix of a draft's own address."""
    return "/" + url.split("/", 3)[3].rstrip("/") if url.count("/") > 3 else ""


# For people


def told(name: str, project: Project) -> list[str]:
    """One project: a line for each way, and one for each thing that is worse than bare."""
    alone = project.bare
    lines = [f"{name}", f"  bare      {_far(alone)}" + ("" if alone.live else f"   {alone.reason[:200]}")]
    for address, way in project.ways.items():
        line = f"  {address:<9} {_far(way)}  {way.seconds:6.1f} s"
        if way.repairs:
            line += f"  repairs: {', '.join(way.repairs)}"
        if way.edits:
            line += f"  edits: {way.edits}"
        if not way.live:
            line += f"  {way.state} {way.code} (mend: {way.mend}) {way.summary[:160]}"
        lines.append(line)
        lines += [f"            proposal: {proposal[:200]}" for proposal in way.proposals]
    lines += [f"            missing   {item}" for item in project.worse("missing")]
    lines += [f"            console   {item}" for item in project.worse("errors")]
    return lines


def _far(found: "bare.Bare | Way") -> str:
    steps = (("installed", found.installed), ("built", found.built), ("live", found.live))
    return "  ".join(f"{'+' if done else '-'} {word}" for word, done in steps)


def summed(found: Mapping[str, Project]) -> dict[str, Any]:
    """How many of which."""
    runs = [each for each in found.values() if each.bare.live]
    broken = [each for each in found.values() if not each.bare.live]
    return {
        "projects": len(found),
        "bare_live": len(runs),
        "bare_live_and_live": sum(each.live for each in runs),
        "bare_live_and_whole": sum(
            each.live and not each.worse("missing") and not each.worse("errors") for each in runs
        ),
        "bare_failed": len(broken),
        "bare_failed_and_live": sum(each.live for each in broken),
        "failed": dict(
            Counter(way.code or way.state for each in found.values() for way in each.ways.values() if not way.live)
        ),
        "repairs": dict(Counter(code for each in found.values() for code in each.repairs)),
    }


def told_totals(totals: Mapping[str, Any]) -> list[str]:
    """The same for people."""
    bare_live, whole, live = totals["bare_live"], totals["bare_live_and_whole"], totals["bare_live_and_live"]
    mended = totals["bare_failed_and_live"]
    return [
        f"{totals['projects']} projects",
        f"  run bare: {bare_live}; of these at both addresses live {live}, nothing missing and a clean console {whole}",
        f"  fail bare: {totals['bare_failed']}; of these live at both addresses {mended}",
        f"  repairs: {_counts(totals['repairs'])}",
        f"  failed under drafterd: {_counts(totals['failed'])}",
    ]


def _counts(found: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(found.items())) or "none"
