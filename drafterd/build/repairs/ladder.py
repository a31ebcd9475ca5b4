"""Which repair a failed step gets: the class that its output shows, and the next rung of it.

The order of the classes is part of the table: a heap crash also says that types failed, and a type
error may be nothing but a package that is missing.
"""

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

from drafterd.build.managers import UNSUPPORTED_ENGINE, UNUSABLE_LOCK
from drafterd.build.repairs import client, fonts, imports, packages, resources, suspense, variables
from drafterd.build.repairs.situation import PACKAGE, Situation
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
    return Remedy(
        summary="errors of types are ignored at build",
        variant=replace(situation.variant, flags=situation.variant.flags | {"ignore-types"}),
    )


def webpack(situation: Situation) -> Remedy | None:
    """A configuration for webpack is built with webpack, where the script leaves the choice to us."""
    summary = "built with webpack (--webpack)"
    if re.search(r"(?:^|\s)next build\s*$", situation.script):
        arguments = (*situation.variant.arguments, "--webpack")
        return Remedy(summary=summary, variant=replace(situation.variant, arguments=arguments))
    changed, count = _NEXT_BUILD.subn(r"\g<0> --webpack", situation.script)
    if count != 1:
        return None
    scripts = {**situation.scripts, "build": changed}
    return Remedy(summary=summary, variant=situation.variant, files={PACKAGE: situation.with_package(scripts=scripts)})


def without_type_checks(situation: Situation) -> Remedy | None:
    """The same for types, where the build script itself calls a program that checks them."""
    return without_checks(situation) if _TYPE_CHECK.search(_script_lines(situation)) else None


def without_checks(situation: Situation) -> Remedy | None:
    """What only checks the source is left out of the build script."""
    if not situation.variant.checks or not _CHAIN.search(_script_lines(situation)):
        return None
    # What the script's own check finds, Next.js would find next.
    flags = {"ignore-types"} if situation.major("next") is not None else set()
    return Remedy(
        summary="what only checks types or style is left out of the build script",
        variant=replace(situation.variant, checks=False, flags=situation.variant.flags | flags),
    )


def _script_lines(situation: Situation) -> str:
    """The lines of the build script and of the scripts that it names."""
    waiting, seen = [name for name in _HOOKS if name in situation.scripts], dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen[name] = situation.scripts[name]
            waiting += [word for word in re.findall(r"[\w:.-]+", seen[name]) if word in situation.scripts]
    return "\n".join(seen.values())


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


_NPM = r"^npm (?:error|ERR!) code "
_HOOKS = ("prebuild", "build")
_NEXT_BUILD = re.compile(r"(?<![\w./-])next build(?=\s*(?:&&|\Z))")
_CHAIN = re.compile(r"&&|\b(?:tsc|eslint|lint|typecheck|type-check|check|run-[sp]|npm-run-all)\b")
_TYPE_CHECK = re.compile(r"(?<![\w.-])(?:vue-)?tsc(?![\w.-])|\b(?:svelte-check|astro check|nuxi? typecheck)\b")

_TYPES = (
    r"Failed to type check|^\s*Type error: |\berror\s+TS\d+\b|\berror ts\(\d+\)"
    r"|svelte-check found [1-9]\d* error|^- [1-9]\d* errors?\s*$"
)
_STYLE = (
    r"\u2716 \d+ problems? \([1-9]|^\s*\d+:\d+\s+[Ee]rror[: ]|ESLint couldn't find|ESLint: \d"
    r"|\bOops! Something went wrong! :\(|Code style issues (?:found|in)|Some errors were emitted while running checks"
    r"|Found \d+ warnings? and [1-9]\d* errors?|Test Files\s+\d+ failed|^Test Suites:.* \d+ failed"
)

_OF_TYPES: Rungs = (
    ("without-checks", without_type_checks),
    ("ignore-types", ignore_types),
    ("without-checks", without_checks),
)

CLASSES: tuple[Class, ...] = (
    Class(("install",), re.compile(_NPM + "ERESOLVE"), (("legacy-peers", packages.legacy_peers),)),
    Class(("install",), UNUSABLE_LOCK, (("unusable-lock", packages.without_lock),)),
    Class(("install",), UNSUPPORTED_ENGINE, (("any-engine", packages.any_engine),)),
    Class(("install",), packages.DOWNLOADS, (("skip-downloads", packages.without_downloads),)),
    Class(("install", "build"), packages.OTHER_PLATFORM, (("other-platform", packages.for_this_platform),)),
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
        ("install", "build"),
        re.compile("|".join(sign.pattern for sign in imports.UNNAMED)),
        (("missing-packages", packages.missing), ("forced-peers", packages.force_peers)),
    ),
    Class(("build",), imports.NO_COMMAND, (("without-checks", without_checks),)),
    Class(
        ("build",),
        re.compile(r"do not have the required package\(s\) installed"),
        (("typescript-packages", packages.typescript),),
    ),
    Class(("build",), client.SIGN, (("use-client", client.use_client),)),
    Class(
        ("build",),
        suspense.SIGN,
        (("loading-page", suspense.loading_pages), ("no-suspense-bailout", suspense.no_bailout)),
    ),
    Class(("install", "build"), variables.SIGN, (("placeholders", variables.placeholders),)),
    Class(("build",), re.compile(_TYPES), _OF_TYPES),
    Class(("build",), re.compile(_STYLE), (("without-checks", without_checks),)),
)

_LAST: Rungs = (("fresh-cache", fresh_cache), ("without-edits", without_edits))
"""What is tried when no repair is known: to leave out what we had a part in."""


def choices(situation: Situation, tried: Collection[str]) -> Iterator[Step]:
    """What may be tried now, the likeliest first; what turns out to change nothing is passed over.

    Args:
        tried: The codes of what was tried in this build; nothing is tried twice.
    """
    if len(tried) >= MOST:
        return
    for kind in CLASSES:
        reason = _reason(kind, situation)
        if reason:
            yield from _steps(kind.rungs, situation, tried, reason)
        if reason and kind.sign is resources.HEAP:
            return  # what is said after it follows from it
    if situation.step == "build":
        yield from _steps(_LAST, situation, tried, "")


def same_failure(situation: Situation, repair: Repair) -> bool:
    """Whether a step still fails in the very way that a repair was made for, if its first error is the same."""
    if repair.code in dict(_LAST):
        return True
    return any(_reason(kind, situation) == repair.reason for kind in CLASSES if repair.code in dict(kind.rungs))


def _reason(kind: Class, situation: Situation) -> str:
    """The line that shows that a failure is of this class, or ""."""
    if situation.step not in kind.steps:
        return ""
    return next((line for line in situation.lines if kind.sign.search(line)), "").strip()[:_REASON]


def _steps(rungs: Rungs, situation: Situation, tried: Collection[str], reason: str) -> Iterator[Step]:
    for code, make in rungs:
        remedy = make(situation) if code not in tried else None
        if remedy is not None:
            yield Step(Repair(code=code, step=situation.step, summary=remedy.summary, reason=reason), remedy)
