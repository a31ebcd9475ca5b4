"""Which repair a failed step gets: the class that its output shows, and the next rung of it.

The order of the classes is part of the table: a heap crash also says that types failed, and a type
error may be nothing but a package that is missing.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from drafterd.build.managers import UNSUPPORTED_ENGINE, UNUSABLE_LOCK
from drafterd.build.repairs import imports, packages
from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Remedy
from drafterd.domain.repair import Repair

MOST = 3
"""Repairs of one build."""

_REASON = 300


@dataclass(frozen=True, slots=True)
class Class:
    """One class of failure.

    Attributes:
        steps: Where it can happen.
        sign: What a line of the output says.
        rungs: Its repairs in their order, by their code; each may find that it does not apply.
    """

    steps: Collection[str]
    sign: re.Pattern[str]
    rungs: tuple[tuple[str, Callable[[Situation], Remedy | None]], ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The next thing to try."""

    repair: Repair
    remedy: Remedy


def ignore_types(situation: Situation) -> Remedy | None:
    """Types are the author's to mend; the page works without."""
    if situation.major("next") is None:
        return None
    flags = situation.variant.flags | {"ignore-types"}
    return Remedy(
        summary="errors of types are ignored at build", variant=replace(situation.variant, flags=frozenset(flags))
    )


def webpack(situation: Situation) -> Remedy | None:
    """A configuration for webpack is built with webpack, where the script leaves the choice to us."""
    if not re.search(r"(?:^|\s)next build\s*$", situation.script):
        return None
    arguments = (*situation.variant.arguments, "--webpack")
    return Remedy(summary="built with webpack (--webpack)", variant=replace(situation.variant, arguments=arguments))


def old_openssl(situation: Situation) -> Remedy:
    """Old bundlers hash with what newer versions of OpenSSL have switched off."""
    environment = {**situation.variant.build_environment, "NODE_OPTIONS": "--openssl-legacy-provider"}
    return Remedy(
        summary="old hashes of OpenSSL are switched on for the build",
        variant=replace(situation.variant, build_environment=environment),
    )


def loading_pages(situation: Situation) -> Remedy | None:
    """A new, empty loading page beside the page that needs a boundary: nothing of the author's is touched."""
    found = (match for line in situation.lines if (match := _SUSPENSE.search(line)))
    files: dict[str, bytes] = {}
    for match in found:
        for name in situation.entries:
            folder, _, file = name.rpartition("/")
            if not re.fullmatch(r"page\.[jt]sx?", file) or _route(folder) != match["route"]:
                continue
            if not any(entry.startswith(f"{folder}/loading.") for entry in situation.entries):
                files[f"{folder}/loading.jsx"] = b"export default function Loading() {\n  return null;\n}\n"
    if not files:
        return None
    return Remedy(
        summary=f"an empty loading page stands in for a missing boundary: {', '.join(files)}",
        variant=situation.variant,
        files=files,
    )


def no_bailout(situation: Situation) -> Remedy | None:
    """Next.js 14 can be told not to insist."""
    if situation.major("next") != 14:  # noqa: PLR2004 -- the one version that has the switch
        return None
    flags = situation.variant.flags | {"no-suspense-bailout"}
    return Remedy(
        summary="Next.js is told not to insist on a boundary",
        variant=replace(situation.variant, flags=frozenset(flags)),
    )


def _route(folder: str) -> str:
    """The route of a folder of the app router: groups do not count."""
    parts = folder.removeprefix("src/").split("/")
    if parts[0] != "app":
        return ""
    return "/" + "/".join(part for part in parts[1:] if not part.startswith(("(", "@")))


_SUSPENSE = re.compile(r"useSearchParams\(\) should be wrapped in a suspense boundary at page \"(?P<route>[^\"]+)\"")
_NPM = r"^npm (?:error|ERR!) code "

CLASSES: tuple[Class, ...] = (
    Class(("install",), re.compile(_NPM + "ERESOLVE"), (("legacy-peers", packages.legacy_peers),)),
    Class(("install",), UNUSABLE_LOCK, (("unusable-lock", packages.without_lock),)),
    Class(("install",), UNSUPPORTED_ENGINE, (("any-engine", packages.any_engine),)),
    Class(("build",), re.compile("JavaScript heap out of memory")),
    Class(
        ("build",),
        re.compile("ERR_OSSL_EVP_UNSUPPORTED|digital envelope routines::unsupported"),
        (("old-openssl", old_openssl),),
    ),
    Class(
        ("build",),
        re.compile("This build is using Turbopack, with a `webpack` config"),
        (("webpack", webpack),),
    ),
    Class(("build",), re.compile("Failed to fetch .{1,80} from Google Fonts")),
    Class(
        ("build",),
        re.compile("|".join(sign.pattern for sign in imports.UNNAMED)),
        (("missing-packages", packages.missing), ("forced-peers", packages.force_peers)),
    ),
    Class(
        ("build",),
        re.compile(r"do not have the required package\(s\) installed"),
        (("typescript-packages", packages.typescript),),
    ),
    Class(("build",), _SUSPENSE, (("loading-page", loading_pages), ("no-suspense-bailout", no_bailout))),
    Class(
        ("build",), re.compile(r"Failed to type check|^\s*Type error: |error TS\d+:"), (("ignore-types", ignore_types),)
    ),
)


def next_step(situation: Situation, tried: Collection[str]) -> Step | None:
    """The repair that is to be tried now; None: the failure stands.

    Args:
        tried: The codes of what was tried in this build; nothing is tried twice.
    """
    if len(tried) >= MOST:
        return None
    for kind in CLASSES:
        if situation.step not in kind.steps:
            continue
        reason = next((line for line in situation.lines if kind.sign.search(line)), None)
        if reason is not None:
            return _rung(kind, situation, tried, reason.strip()[:_REASON])
    return None


def _rung(kind: Class, situation: Situation, tried: Collection[str], reason: str) -> Step | None:
    for code, make in kind.rungs:
        remedy = make(situation) if code not in tried else None
        if remedy is not None:
            repair = Repair(code=code, step=situation.step, summary=remedy.summary, reason=reason)
            return Step(repair, remedy)
    return None
