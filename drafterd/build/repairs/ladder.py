"""Which repair a failed step gets: the class that its output shows, and the next rung of it.

The order of the classes is part of the table: a heap crash also says that types failed, and a type
error may be nothing but a package that is missing.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from drafterd.build.managers import UNSUPPORTED_ENGINE, UNUSABLE_LOCK
from drafterd.build.repairs import client, fonts, imports, packages, resources, variables
from drafterd.build.repairs.situation import Situation
from drafterd.build.repairs.variant import Remedy
from drafterd.domain.repair import Repair

MOST = 3
"""Repairs of one build."""

_REASON = 300


Rungs = tuple[tuple[str, Callable[[Situation], Remedy | None]], ...]
"""Repairs in their order, by their code; each may find that it does not apply."""


@dataclass(frozen=True, slots=True)
class Class:
    """One class of failure.

    Attributes:
        steps: Where it can happen.
        sign: What a line of the output says.
        rungs: Its repairs.
    """

    steps: Collection[str]
    sign: re.Pattern[str]
    rungs: Rungs = ()


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


def without_checks(situation: Situation) -> Remedy | None:
    """What only checks the source is left out of the build script."""
    if not situation.variant.checks or not _CHAIN.search(" ".join(situation.scripts.get(name, "") for name in _HOOKS)):
        return None
    return Remedy(
        summary="what only checks types or style is left out of the build script",
        variant=replace(situation.variant, checks=False),
    )


def fresh_cache(situation: Situation) -> Remedy | None:
    """Build as if for the first time."""
    if not situation.cached or not situation.variant.cache:
        return None
    return Remedy(
        summary="built without the cache of the last good build", variant=replace(situation.variant, cache=False)
    )


def without_edits(situation: Situation) -> Remedy | None:
    """Build the source as its author wrote it."""
    if not situation.variant.source_edits:
        return None
    return Remedy(
        summary="built with the values in the source as their author wrote them",
        variant=replace(situation.variant, source_edits=False),
    )


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
_HOOKS = ("prebuild", "build")
_CHAIN = re.compile(r"&&|\b(?:tsc|eslint|lint|typecheck|type-check|check)\b")

_TYPES = r"Failed to type check|^\s*Type error: |error TS\d+:|error\s+TS\d+|svelte-check found \d+ error"
_STYLE = r"\u2716 \d+ problems? \([1-9]|^\s*\d+:\d+\s+[Ee]rror[: ]|ESLint couldn't find|ESLint: \d|\bOops! Something went wrong! :\("

CLASSES: tuple[Class, ...] = (
    Class(("install",), re.compile(_NPM + "ERESOLVE"), (("legacy-peers", packages.legacy_peers),)),
    Class(("install",), UNUSABLE_LOCK, (("unusable-lock", packages.without_lock),)),
    Class(("install",), UNSUPPORTED_ENGINE, (("any-engine", packages.any_engine),)),
    Class(("build",), resources.HEAP, (("heap", resources.heap),)),
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
    Class(("build",), fonts.SIGN, (("fallback-fonts", fonts.fallback_fonts),)),
    Class(("build",), resources.PRISMA, (("prisma-client", resources.prisma),)),
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
    Class(("build",), client.SIGN, (("use-client", client.use_client),)),
    Class(("build",), _SUSPENSE, (("loading-page", loading_pages), ("no-suspense-bailout", no_bailout))),
    Class(("build",), variables.SIGN, (("placeholders", variables.placeholders),)),
    Class(("build",), re.compile(_TYPES), (("ignore-types", ignore_types), ("without-checks", without_checks))),
    Class(("build",), re.compile(_STYLE), (("without-checks", without_checks),)),
)

_LAST: Rungs = (("fresh-cache", fresh_cache), ("without-edits", without_edits))


def next_step(situation: Situation, tried: Collection[str]) -> Step | None:
    """The repair that is to be tried now; None: the failure stands.

    Args:
        tried: The codes of what was tried in this build; nothing is tried twice.
    """
    if len(tried) >= MOST:
        return None
    for kind in CLASSES:
        reason = _reason(kind, situation)
        if reason and (found := _rung(kind.rungs, situation, tried, reason)):
            return found
        if reason and kind.sign is resources.HEAP:
            return None  # what is said after it follows from it
    return None


def last_resorts(situation: Situation, tried: Collection[str]) -> Iterator[Step]:
    """What may be tried when no repair is known: to leave out what we had a part in."""
    for code, make in _LAST if situation.step == "build" and len(tried) < MOST else ():
        remedy = make(situation) if code not in tried else None
        if remedy is not None:
            yield Step(Repair(code=code, step=situation.step, summary=remedy.summary, reason=""), remedy)


def same_failure(situation: Situation, repair: Repair) -> bool:
    """Whether a step still fails in the very way that a repair was made for."""
    return any(_reason(kind, situation) == repair.reason for kind in CLASSES if repair.code in dict(kind.rungs))


def _reason(kind: Class, situation: Situation) -> str:
    """The line that shows that a failure is of this class, or ""."""
    if situation.step not in kind.steps:
        return ""
    return next((line for line in situation.lines if kind.sign.search(line)), "").strip()[:_REASON]


def _rung(rungs: Rungs, situation: Situation, tried: Collection[str], reason: str) -> Step | None:
    for code, make in rungs:
        remedy = make(situation) if code not in tried else None
        if remedy is not None:
            return Step(Repair(code=code, step=situation.step, summary=remedy.summary, reason=reason), remedy)
    return None
