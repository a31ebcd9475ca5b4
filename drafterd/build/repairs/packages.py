"""Repairs of the dependencies: conflicts, locks, engines, and packages that nobody listed.

A name is never installed only because the source imports it: those who write drafts invent names,
and invented names are what squatters register.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

from drafterd.build.managers import UNREADABLE_LOCK
from drafterd.build.repairs import imports
from drafterd.build.repairs.situation import PACKAGE, Situation
from drafterd.build.repairs.variant import Remedy

_VERSION = re.compile(r"\d+\.\d+\.\d+[\w.+-]*")
_PNPM = re.compile(
    r"^ {2,6}['\"]?/?(?P<name>@?[a-z0-9][\w.-]*(?:/[\w.-]+)?)[@/](?P<version>\d+\.\d+\.\d+[\w.-]*)", re.MULTILINE
)
_YARN = re.compile(r'^"?(?P<name>@?[^@\s"]+)@[^\n]*:\n\s+version:? "?(?P<version>\d+\.\d+\.\d+[\w.-]*)', re.MULTILINE)
_BUN = re.compile(r'^\s+"[^"]+": \["(?P<name>@?[^@"]+)@(?P<version>\d+\.\d+\.\d+[\w.-]*)"', re.MULTILINE)
_LOCKS = {"pnpm-lock.yaml": _PNPM, "yarn.lock": _YARN, "bun.lock": _BUN}
_ALL_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", *_LOCKS, "bun.lockb")
_FAMILIES = {
    "react-dom": "react",
    "eslint-config-next": "next",
    "prisma": "@prisma/client",
    "@prisma/client": "prisma",
    "@tailwindcss/postcss": "tailwindcss",
    "@tailwindcss/vite": "tailwindcss",
}
_TYPES = {"@types/react": "react", "@types/react-dom": "react-dom"}


OTHER_PLATFORM = re.compile(
    r"npm has a bug related to optional dependencies|Cannot find native binding|Failed to load SWC binary for linux"
    r"|You installed esbuild for another platform|The package \"@esbuild/[\w-]+\" could not be found"
    r"|Cannot find module '?[\w@./-]*[./-]linux-(?:x64|arm64)\b"
)
"""A package's part for this machine is missing: the lock file was made on another one."""

DOWNLOADS = re.compile(
    r"PUPPETEER_SKIP_\w*DOWNLOAD|Failed to (?:set up|download) (?:chrome|Chromium|Playwright)|CYPRESS_INSTALL_BINARY"
    r"|The Cypress App could not be downloaded|SENTRYCLI_SKIP_DOWNLOAD|sentry-cli.{0,200}(?:[Uu]nable to d|D)ownload"
    r"|PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD|\bhusky\b.{0,60}(?:not found|failed)"
)
"""An install script failed to get a program that no site needs to be served."""

_NO_DOWNLOADS = {
    "PUPPETEER_SKIP_DOWNLOAD": "true",
    "PUPPETEER_SKIP_CHROMIUM_DOWNLOAD": "true",
    "PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD": "1",
    "CYPRESS_INSTALL_BINARY": "0",
    "SENTRYCLI_SKIP_DOWNLOAD": "1",
    "HUSKY": "0",
}


def without_downloads(situation: Situation) -> Remedy | None:
    """Browsers for tests and the like stay away."""
    return Remedy(
        summary="programs that packages fetch for tests (browsers, ...) are left out",
        variant=replace(situation.variant, environment={**situation.variant.environment, **_NO_DOWNLOADS}),
    )


def for_this_platform(situation: Situation) -> Remedy | None:
    """Resolve the dependencies on this machine; npm keeps to what another one's lock file left out."""
    locks = [name for name in _ALL_LOCKS if name in situation.names]
    if not locks:
        return None
    return Remedy(
        summary="the lock file lacks packages for this platform: the dependencies are resolved anew",
        variant=replace(situation.variant, locked=False),
        files=dict.fromkeys(locks),
        reinstall=True,
        afresh=True,
    )


def legacy_peers(situation: Situation) -> Remedy | None:
    """Do not let npm refuse packages whose peers do not agree; needed for every install on that lock."""
    environment = {**situation.variant.environment, "npm_config_legacy_peer_deps": "true"}
    return Remedy(
        summary="packages whose peers do not agree are installed all the same (legacy-peer-deps)",
        variant=replace(situation.variant, environment=environment),
    )


def force_peers(situation: Situation) -> Remedy | None:
    """Legacy peers leave unlisted peers out: where one of these is missing, npm is to install them."""
    if situation.variant.environment.get("npm_config_legacy_peer_deps") != "true":
        return None
    if not any(name in _peers(situation) for name in imports.missing(situation)):
        return None
    environment = {key: value for key, value in situation.variant.environment.items() if "legacy_peer" not in key}
    return Remedy(
        summary="packages that others name as their peers are installed too (force)",
        variant=replace(situation.variant, environment={**environment, "npm_config_force": "true"}, locked=False),
        reinstall=True,
    )


def without_lock(situation: Situation) -> Remedy | None:
    """A lock file that does not fit package.json is no reason to fail."""
    if not situation.variant.locked:
        return None
    unreadable = any(UNREADABLE_LOCK.search(line) for line in situation.lines)
    return Remedy(
        summary="the lock file cannot be used as it is: the dependencies are resolved anew",
        variant=replace(situation.variant, locked=False),
        files={"yarn.lock": b""} if unreadable else {},
    )


def any_engine(situation: Situation) -> Remedy | None:
    """Packages that ask for another Node are installed."""
    environment = {**situation.variant.environment, "npm_config_engine_strict": "false"}
    # pnpm asks of the draft itself what it asks of its packages, whatever it was told.
    refused = any("ERR_PNPM_" in line for line in situation.lines) and "engines" in situation.package
    return Remedy(
        summary="what asks for another version of Node is installed all the same",
        variant=replace(situation.variant, environment=environment),
        files={PACKAGE: situation.with_package(engines={})} if refused else {},
    )


def missing(situation: Situation) -> Remedy | None:
    """Install what the source imports and package.json does not list, as far as the names are known."""
    names = set(imports.missing(situation))
    if situation.step == "build":
        names |= set(imports.unlisted(situation))
    found = {name: version for name in sorted(names) if (version := known_version(situation, name))}
    return _added(situation, found, "dependencies") if found else None


def typescript(situation: Situation) -> Remedy | None:
    """The compiler and the types that Next.js wants beside TypeScript sources."""
    wanted = {"typescript": "^5"}
    wanted["@types/node"] = "^22"
    if react := situation.major("react"):
        wanted["@types/react"] = f"^{react}"
    listed = situation.dependencies()
    found = {name: version for name, version in wanted.items() if name not in listed}
    return _added(situation, found, "devDependencies") if found else None


def _added(situation: Situation, found: Mapping[str, str], field: str) -> Remedy:
    listed = situation.package.get(field)
    changed = {**(listed if isinstance(listed, dict) else {}), **found}
    told = ", ".join(f"{name}@{version}" for name, version in found.items())
    return Remedy(
        summary=f"packages that {PACKAGE} does not list are installed: {told}",
        variant=replace(situation.variant, locked=False),
        files={PACKAGE: situation.with_package(**{field: changed})},
        reinstall=True,
    )


def known_version(situation: Situation, name: str) -> str | None:
    """The version of a package that may be added unasked; None: the name is not known."""
    for look in (_in_locks, _in_tree, _as_peer, _of_family, _of_table):
        if version := look(situation, name):
            return version
    return None


def unknown(situation: Situation) -> list[str]:
    """Packages that the output says it cannot find, and that nobody may add unasked."""
    return sorted(name for name in imports.missing(situation) if known_version(situation, name) is None)


def _in_locks(situation: Situation, name: str) -> str | None:
    for file, pattern in _LOCKS.items():
        text = situation.read(file)
        for match in pattern.finditer(text) if text and name in text else ():
            if match["name"] == name:
                return match["version"]
    return None


def _in_tree(situation: Situation, name: str) -> str | None:
    version = situation.installed(name).get("version")
    return version if isinstance(version, str) and _VERSION.fullmatch(version) else None


def _as_peer(situation: Situation, name: str) -> str | None:
    return _peers(situation).get(name)


def _peers(situation: Situation) -> dict[str, str]:
    """What installed packages that the draft lists name as their peers."""
    found: dict[str, str] = {}
    for listed in situation.dependencies():
        peers = situation.installed(listed).get("peerDependencies")
        if isinstance(peers, dict):
            found |= {name: wanted for name, wanted in peers.items() if isinstance(wanted, str) and _plain(wanted)}
    return found


def _plain(wanted: str) -> bool:
    """Whether a range names versions of the registry: no address, no other package."""
    return bool(re.fullmatch(r"[\w\s.^~<>=|*-]{1,200}", wanted))


def _of_family(situation: Situation, name: str) -> str | None:
    relative = _FAMILIES.get(name) or ("next" if name.startswith("@next/") else None)
    if relative and (version := situation.dependencies().get(relative)) and _plain(version):
        return version
    if (typed := _TYPES.get(name)) and (major := situation.major(typed)):
        return f"^{major}"
    return None


def _of_table(_situation: Situation, name: str) -> str | None:
    return _table().get(name)


@cache
def _table() -> Mapping[str, str]:
    """Packages that AI-made apps use, each with the major version that is installed when none is asked for."""
    found = json.loads(Path(__file__).with_name("known_packages.json").read_text("utf-8"))
    return {name: f"^{major}" for name, major in found.items()}


def proposals(names: Iterable[str]) -> Iterator[str]:
    """What the author could do about packages that nobody may add unasked."""
    for name in names:
        yield f"if the package {name} is meant and exists, add it to the dependencies; else take its import out"
