"""The classes of failures that are told, by step, in the order in which they are looked for.

The texts are those of the package managers, of Next.js 12 to 16, of Vite and of the compilers. What is no class
is told as `install-failed` or `build-failed`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from drafterd.domain.model import Mend


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureClass:
    """One class of failure.

    Attributes:
        code: What programs know it by.
        sign: What a line of the output says.
        hint: How it is mended.
        retried: Whether it may pass by itself, so that it is tried again.
    """

    code: str
    sign: re.Pattern[str]
    hint: str
    mend: Mend = Mend.DRAFT
    retried: bool = False


FULL_HINT = "free space where drafterd keeps its state; the build is tried again by itself"
_NO_REGISTRY = "the package registry cannot be reached from this machine; the build is tried again by itself"

DISK = FailureClass(
    code="disk-full",
    sign=re.compile(r"\bENOSPC\b|No space left on device"),
    hint=FULL_HINT,
    mend=Mend.MACHINE,
    retried=True,
)
TEMPORARY = FailureClass(
    code="temporary-full",
    sign=DISK.sign,
    hint="the folder for temporary files is memory and has 1 GB: write large files into the draft's own folder",
)
_FILE = FailureClass(
    code="file-too-large",
    sign=re.compile(r"\bEFBIG\b|\bFile too large\b|\bSIGXFSZ\b"),
    hint="look for a script that writes in a loop: one file of a build may have 4 GB",
)
_FORK = FailureClass(
    code="too-many-processes",
    sign=re.compile(
        r"\b[Cc]annot fork\b|\bfork: (?:retry: )?Resource temporarily unavailable|\bspawn \S{1,200} EAGAIN\b"
    ),
    hint="look for a script that starts itself again and again",
)
_ENGINES = FailureClass(
    code="unreachable-host",
    sign=re.compile(
        r"binaries\.prisma\.sh|Failed to fetch (?:the )?(?:sha256|engine)|fetch .*prisma.*engine.*ENOTFOUND"
    ),
    hint="Prisma's engines come from binaries.prisma.sh, which this machine must reach; it is tried again by itself",
    mend=Mend.MACHINE,
    retried=True,
)
_MEMORY = FailureClass(
    code="out-of-memory",
    sign=re.compile(r"JavaScript heap out of memory|ERR_WORKER_OUT_OF_MEMORY|memory allocation of \d+ bytes failed"),
    hint="there is not enough memory: make the build smaller, or give the machine more",
    mend=Mend.MACHINE,
)
_COMMAND = FailureClass(
    code="missing-command",
    sign=re.compile(
        r"^\S*sh: (?:line )?(?:\d+: )?[\w.-]+: (?:command )?not found\s*$|\bcommand not found: [\w.-]+\s*$"
    ),
    hint="a script calls a program that no package of package.json brings: add the package, or take the call out",
)

_INSTALL = (
    FailureClass(
        code="npm-network",
        sign=re.compile(
            r"^npm error (?:code|errno) "
            r"(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ERR_SOCKET_TIMEOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH|E5\d\d|E429)"
        ),
        hint=_NO_REGISTRY,
        mend=Mend.MACHINE,
        retried=True,
    ),
    FailureClass(
        code="npm-network",
        sign=re.compile(
            r"^npm error code (?:SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_\w+|CERT_\w+|DEPTH_ZERO_SELF_SIGNED_CERT)"
        ),
        hint="the registry's certificate is not trusted: set NODE_EXTRA_CA_CERTS, or `cafile` in npm's global configuration",
        mend=Mend.MACHINE,
        retried=True,
    ),
    FailureClass(
        code="npm-network",
        sign=re.compile(
            r"ERR_PNPM_(?:META_FETCH_FAIL|FETCH_5\d\d|FETCH_429)"
            r"|^\s*(?:error |ERR_PNPM_\w+ |\u27a4 YN0001: |RequestError: ).{0,500}"
            r"\b(?:ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ESOCKETTIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|EHOSTUNREACH)\b"
            r"|^error: (?:DNSResolveFailed|ConnectionRefused|ConnectionClosed|Timeout|FailedToOpenSocket)\w* downloading"
            r"|^error: GET .* - (?:5\d\d|429)\b"
        ),
        hint=_NO_REGISTRY,
        mend=Mend.MACHINE,
        retried=True,
    ),
    FailureClass(
        code="no-such-package",
        sign=re.compile(
            r"^npm error code E404|ERR_PNPM_FETCH_404|^error Couldn't find package"
            r"|\bYN0035\b.*\b404\b|\bYN0035\b.*not found|^error: GET .* - 404"
        ),
        hint="package.json names a package that the registry does not have: correct its name, or take it out",
    ),
    FailureClass(
        code="no-such-version",
        sign=re.compile(
            r"^npm error code (?:ETARGET|EINVALIDTAGNAME|EINVALIDPACKAGENAME)|ERR_PNPM_(?:NO_MATCHING_VERSION|NO_VERSIONS)"
            r"|^error Couldn't find any versions|\bYN0082\b|^error: No version matching"
        ),
        hint="package.json asks for a version that does not exist: write one that does",
    ),
    FailureClass(
        code="workspace-protocol",
        sign=re.compile(
            r"^npm error code EUNSUPPORTEDPROTOCOL|ERR_PNPM_(?:WORKSPACE_PKG_NOT_FOUND|CATALOG_ENTRY_NOT_FOUND)\w*"
            r"|ERR_PNPM_LINKED_PKG_DIR_NOT_FOUND|\bWorkspace not found\b|^error: Workspace dependency"
        ),
        hint="package.json takes packages (`workspace:`, `catalog:`, `link:`) from a folder around the draft: write"
        " versions of the registry, or drop the whole workspace",
    ),
    FailureClass(
        code="peer-conflict",
        sign=re.compile(r"^npm error code ERESOLVE"),
        hint="two packages want different versions of a third: choose versions that agree",
    ),
    FailureClass(
        code="wrong-engine",
        sign=re.compile(r"^npm error code EBADENGINE|ERR_PNPM_UNSUPPORTED_ENGINE"),
        hint="the draft asks for another version of Node",
    ),
    FailureClass(
        code="private-package",
        sign=re.compile(
            r"^npm error code (?:E40[13]|ENEEDAUTH)|ERR_PNPM_FETCH_40[13]|\bYN0041\b|^error: GET .* - 40[13]"
            r"|^error .*Request failed \"40[13]"
        ),
        hint="the registry gives one of the packages to its owners only: use a public one, or a registry that has it",
        mend=Mend.CONFIG,
    ),
    FailureClass(
        code="git-missing",
        sign=re.compile(r"^npm error syscall spawn git|spawn git ENOENT|\bgit: (?:command )?not found"),
        hint="a package comes from a git repository, and this machine has no git: install it",
        mend=Mend.MACHINE,
    ),
    FailureClass(
        code="unreachable-host",
        sign=re.compile(r"Could not resolve host: "),
        hint="a package comes from a host that cannot be reached from this machine; it is tried again by itself",
        mend=Mend.MACHINE,
        retried=True,
    ),
    FailureClass(
        code="git-dependency",
        sign=re.compile(
            r"^npm error code 128|git ls-remote|\bls-remote\b.*(?:git|ssh)|Permission denied \(publickey\)"
        ),
        hint="a package comes from a git repository that cannot be read: take it from the registry",
    ),
    FailureClass(
        code="install-script",
        sign=re.compile(
            r"^npm error command failed|ELIFECYCLE|^error .*: Command failed\.|\bYN0009\b|^error: \w+ script from"
        ),
        hint="a script that runs at the install fails: mend it, or take the package out",
    ),
)

_UNFOUND = (
    r"(?:Can't resolve|Cannot find module|Cannot find package|failed to resolve import|Failed to resolve import"
    r"|Could not resolve|Unable to resolve `@import) ['\"]"
)
_PLACES = r"(?:\.{0,2}/|@/|~/|#)"

_BUILD = (
    FailureClass(
        code="unreachable-host",
        sign=re.compile(
            r"Failed to fetch .{1,80} from Google Fonts|getaddrinfo \w+ fonts\.(?:googleapis|gstatic)\.com"
            r"|Can't resolve '@vercel/turbopack-next/internal/font"
        ),
        hint="the host of the fonts cannot be reached from this machine: let it be, or use next/font/local",
        mend=Mend.MACHINE,
    ),
    FailureClass(
        code="missing-script",
        sign=re.compile(r"Missing script: \"build\"|ERR_PNPM_NO_SCRIPT|Command \"build\" not found"),
        hint="package.json has no script `build`: add one",
    ),
    FailureClass(
        code="missing-variables",
        sign=re.compile(
            r"Invalid environment variables|(?:supabaseUrl|supabaseKey|apiKey) is required|EnvInvalidVariables"
            r"|\b[Ee]nv(?:ironment)? [Vv]ariables?:? .{0,80}(?:is |are )?(?:missing|not set|required|not defined|undefined)"
            r"|(?:[Mm]issing|MISSING)(?: required)? (?:env(?:ironment)?\b|API key|publishableKey|secretKey)"
            r"|Your project's URL and (?:API )?[Kk]ey are required|auth/invalid-api-key|virtual:env/static/p"
            r"|Environment variable not found: |No address provided to ConvexReactClient"
            r"|(?<![\w.])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?: environment variable)?(?: is| are)?"
            r" (?:required|missing|not set|must be (?:set|provided|defined))\b"
        ),
        hint="give the variables that the build asks for: in the draft's .env.local, or in drafterd's configuration (`env`)",
        mend=Mend.CONFIG,
    ),
    FailureClass(
        code="syntax-error",
        sign=re.compile(
            r"\bSyntaxError: (?!The requested module)|\[PARSE_ERROR\]|Parsing (?:\w+ ){1,3}(?:source code )?failed"
            r"|\bUnterminated (?:string|template|regexp|JSX)|^\s*[x\u00d7\u2a2f\u2716] (?:Expected|Unexpected|Unterminated)\b"
            r"|\bError: Unexpected token|CssSyntaxError(?!.*Can't resolve)|Expected .{1,40}, got |error TS1\d{3}:"
        ),
        hint="correct the line that is named: it cannot be parsed",
    ),
    FailureClass(
        code="missing-file",
        sign=re.compile(rf"{_UNFOUND}{_PLACES}"),
        hint="a file that is imported is not there: add it, or correct the import (upper and lower case count)",
    ),
    FailureClass(
        code="missing-package",
        sign=re.compile(rf"{_UNFOUND}(?!\.|/|node:)|Preprocessor dependency \"|you first need to install `"),
        hint="a package that is imported is not in package.json: add it to the dependencies if it is meant",
    ),
    _COMMAND,
    FailureClass(
        code="missing-export",
        sign=re.compile(
            r"\[MISSING_EXPORT\]|does not provide an export named|is not exported (?:from|by) ['\"]"
            r"|doesn't exist in target module|Export .{1,80} was not found in|error TS2305:"
        ),
        hint="what is imported from a file or package is not exported there: correct the name, or the package's version",
    ),
    FailureClass(
        code="conflicting-routes",
        sign=re.compile(
            r"Conflicting app and page files?|parallel pages that resolve to the same path"
            r"|Both middleware file .{0,80} and proxy file|You cannot use different slug names|Conflicting route and page"
            r"|You cannot define a route with the same specificity"
        ),
        hint="two files make the same route: take one of them out",
    ),
    FailureClass(
        code="client-component",
        sign=re.compile(
            r"You're importing a (?:component|module) that (?:needs|depends on) |only works in a? ?[Cc]lient [Cc]omponent"
            r"|Event handlers cannot be passed to Client Component props|is being used in a Server Component"
            r"|You are attempting to export \"\w+\" from a component marked with \"use client\""
        ),
        hint="what runs in browsers belongs into a file of its own that begins with 'use client'",
    ),
    FailureClass(
        code="missing-boundary",
        sign=re.compile(r"should be wrapped in a suspense boundary"),
        hint="put <Suspense> around the component that reads the query of the address",
    ),
    FailureClass(
        code="needs-server",
        sign=re.compile(r"connect ECONNREFUSED|Can't reach database server|ECONNREFUSED (?:127\.|::1|localhost)"),
        hint="the build asks a server or database that does not answer: make the page when it is asked for"
        " (export const dynamic = 'force-dynamic'), or give the right address",
    ),
    FailureClass(
        code="unreachable-host",
        sign=re.compile(r"getaddrinfo (?:ENOTFOUND|EAI_AGAIN) (?!localhost|base\b|db\b)[\w-]+(?:\.[\w-]+)+"),
        hint="the build asks a host that cannot be reached from this machine: make the page when it is asked for,"
        " or let the machine reach it",
        mend=Mend.MACHINE,
    ),
    FailureClass(
        code="prerender-failed",
        sign=re.compile(
            r"Error occurred prerendering page|Export encountered an? errors? on|Failed to collect page data for"
        ),
        hint="a page fails while it is made at build: correct it, or let it be made when it is asked for",
    ),
    FailureClass(
        code="type-error",
        sign=re.compile(r"^\s*Type error: |\berror\s+TS\d+\b|\berror ts\(\d+\)|Failed to type check"),
        hint="correct the types that the log names",
    ),
    FailureClass(
        code="check-failed",
        sign=re.compile(
            r"\u2716 \d+ problems? \([1-9]|Code style issues|svelte-check found [1-9]|Oops! Something went wrong! :\("
            r"|Some errors were emitted while running checks|Test Files\s+\d+ failed|^Test Suites:.* \d+ failed"
        ),
        hint="a check in the build script fails: correct what it names, or take the check out of the script `build`",
    ),
)

CLASSES: Mapping[str, tuple[FailureClass, ...]] = {
    "install": (DISK, _FILE, _FORK, _ENGINES, *_INSTALL, _COMMAND),
    "build": (DISK, _FILE, _FORK, _MEMORY, _ENGINES, *_BUILD),
}
"""By step; the first that matches counts."""
