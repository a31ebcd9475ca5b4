"""Recognises which package manager a draft is to be installed with.

The lock file decides, because it says what worked; `packageManager` says the version, decides where
several locks lie there, and where none does.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from drafterd.domain.model import Problem
from drafterd.fix.folder import Folder
from drafterd.fix.package import NAME, Package

_LOCKS: Mapping[str, str] = {
    "package-lock.json": "npm",
    "npm-shrinkwrap.json": "npm",
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun",
    "bun.lockb": "bun",
}
"""In the order in which they are taken when nothing else tells them apart."""

_SAME_TIME = 60_000_000_000
"""Nanoseconds: files that were copied together have no order."""

# It becomes the word of a command: nothing but this form is taken. What follows a plus is a checksum.
_ASKED = re.compile(
    r"(?P<tool>npm|pnpm|yarn|bun)"
    r"(?:@\^?~?v?(?P<version>\d{1,4}(?:\.\d{1,6}){0,2}(?:-[0-9A-Za-z][0-9A-Za-z.-]{0,40})?)(?:\+[\w.=/+-]{1,200})?)?"
)
_PNPM_LOCK = re.compile(r"^lockfileVersion:[ \t]*['\"]?(?P<major>\d{1,3})\b", re.MULTILINE)
_BERRY_LOCK = re.compile(r"^__metadata:[ \t]*\r?\n[ \t]+version:[ \t]*(?P<major>\d{1,3})\b", re.MULTILINE)

_PNPM_OF_LOCK: Mapping[int, tuple[range, str]] = {
    5: (range(7, 8), "7"),
    6: (range(8, 9), "8"),
    9: (range(9, 100), "10"),
}
"""By the lock's version: the majors that read it, and the one that is taken when none is asked for."""

_BERRY_4 = 8
"""The version of the lock from Yarn 4 on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a folder asks for.

    Attributes:
        manager: As a recipe names it: "npm", "pnpm@10", "yarn@4.1.0".
        problems: What its author should know.
    """

    manager: str = "npm"
    problems: tuple[Problem, ...] = ()


def of(folder: Folder, package: Package) -> Choice:
    """Which manager, in which version."""
    asked, version = _asked(package)
    locks = [name for name in _LOCKS if folder.has(name)]
    if len({_LOCKS[name] for name in locks}) > 1:
        lock, why = _one_of(folder, package, locks, asked)
        others = " and ".join(name for name in locks if _LOCKS[name] != _LOCKS[lock])
        problem = Problem(
            code="several-locks",
            summary=f"{lock} and {others} are both there: {lock} is used, {why}",
            where=lock,
            hint="delete the lock files of the package managers that are not used",
        )
        return Choice(manager=_versioned(folder, _LOCKS[lock], asked, version), problems=(problem,))
    if locks:
        tool = _LOCKS[locks[0]]
        # npm knows neither protocol: such a lock is a leftover.
        tool = _needed(folder, package) or tool if tool == "npm" else tool
    else:
        tool = asked or _needed(folder, package) or "npm"
    return Choice(manager=_versioned(folder, tool, asked, version))


def _asked(package: Package) -> tuple[str, str]:
    """The manager and the version that package.json names; empty where it names none."""
    try:
        read = json.loads(package.text)
    except (ValueError, RecursionError):
        return "", ""
    engines = read.get("devEngines")
    inner = engines.get("packageManager") if isinstance(engines, dict) else None
    words = [read.get("packageManager")]
    if isinstance(inner, dict):
        words += [f"{inner.get('name')}@{inner.get('version')}", inner.get("name")]
    for word in words:
        if isinstance(word, str) and (found := _ASKED.fullmatch(word.strip())):
            return found["tool"], found["version"] or ""
    return "", ""


def _one_of(folder: Folder, package: Package, locks: list[str], asked: str) -> tuple[str, str]:
    """Which of several locks, and why."""
    for name in locks:
        if _LOCKS[name] == asked:
            return name, f"for {NAME} names {asked}"
    fitting = [name for name in locks if _fits(folder, package, name)]
    candidates = fitting or locks
    newest = max(folder.entries[name].mtime_ns for name in candidates)
    chosen = next(name for name in candidates if folder.entries[name].mtime_ns >= newest - _SAME_TIME)
    if len(candidates) == 1:
        return chosen, f"for it alone has every dependency of {NAME}"
    if all(folder.entries[name].mtime_ns >= newest - _SAME_TIME for name in candidates):
        return chosen, "for neither is the newer one"
    return chosen, "for it is the newest"


def _fits(folder: Folder, package: Package, name: str) -> bool:
    """Whether a lock names every dependency; one that cannot be read is believed to."""
    text = folder.text(name)
    return text is None or all(dependency in text for dependency in package.dependencies)


def _needed(folder: Folder, package: Package) -> str:
    """The manager whose protocols package.json uses, or ""."""
    ranges = package.dependencies.values()
    catalogs = any(wanted.startswith("catalog:") for wanted in ranges)
    if not catalogs and not any(wanted.startswith("workspace:") for wanted in ranges):
        return ""
    if folder.has("pnpm-workspace.yaml"):
        return "pnpm"
    if folder.has(".yarnrc.yml"):
        return "yarn"
    return "bun" if catalogs else "pnpm"


def _versioned(folder: Folder, tool: str, asked: str, version: str) -> str:
    """The manager's word with the version asked for, if that one reads the lock that is there."""
    wanted = version if asked == tool else ""
    return {"npm": _npm, "pnpm": _pnpm, "yarn": _yarn, "bun": _bun}[tool](folder, wanted)


def _npm(_folder: Folder, _wanted: str) -> str:
    return "npm"  # the one that comes with Node


def _pnpm(folder: Folder, wanted: str) -> str:
    found = _PNPM_LOCK.search((folder.text("pnpm-lock.yaml") or "")[:10_000])
    if found is None:
        return f"pnpm@{wanted or '10'}"
    reads, usual = _PNPM_OF_LOCK.get(int(found["major"]), (range(0), ""))
    if wanted and (not usual or _major(wanted) in reads):
        return f"pnpm@{wanted}"
    return f"pnpm@{usual}" if usual else "pnpm"


def _yarn(folder: Folder, wanted: str) -> str:
    text = (folder.text("yarn.lock") or "")[:10_000]
    berry = _BERRY_LOCK.search(text)
    if berry:
        usual = "4" if int(berry["major"]) >= _BERRY_4 else "3"
        return f"yarn@{wanted if wanted and _major(wanted) > 1 else usual}"
    if "# yarn lockfile v1" in text:
        return f"yarn@{wanted if wanted and _major(wanted) == 1 else '1'}"
    return f"yarn@{wanted or ('4' if folder.has('.yarnrc.yml') else '1')}"


def _bun(_folder: Folder, _wanted: str) -> str:
    return "bun@1"  # each version reads the locks of those before it, and all are large


def _major(version: str) -> int:
    return int(re.split(r"\D", version, maxsplit=1)[0])
