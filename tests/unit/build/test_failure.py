"""From what npm and Next.js print to a problem; the texts are theirs."""

import errno
from pathlib import Path

import pytest

from drafterd.build import failure
from drafterd.build.firsterror import first_error
from drafterd.domain.interfaces import Exceeded, Outcome
from drafterd.domain.model import Build, BuildStatus, Limits, Mend, Problem
from drafterd.domain.names import DraftId

ROOT = Path("/state/drafts/x/builds/1/src")
FAILED = Outcome(code=1, seconds=3.0)


def _problem(step: str, text: str, outcome: Outcome = FAILED):
    return failure.of_step(step, outcome, text.splitlines(), root=ROOT, now=1000.0, retry=60.0).problem


@pytest.mark.parametrize(
    ("text", "summary", "where"),
    [
        (
            "./app/page.tsx:3:1\nError: Module not found: Can't resolve 'x'\n  1 | import x",
            "Error: Module not found: Can't resolve 'x'",
            "app/page.tsx:3:1",
        ),
        (
            "Running\napp/page.tsx(1,35): error TS2322: Type 'string' is not assignable\nFailed to type check.",
            "app/page.tsx(1,35): error TS2322: Type 'string' is not assignable",
            "app/page.tsx:1:35",
        ),
        (
            "Failed to compile.\n\n./app/[id]/page.tsx:7:9\nType error: Type 'number' is not assignable to type 'string'.",
            "Type error: Type 'number' is not assignable to type 'string'.",
            "app/[id]/page.tsx:7:9",
        ),
        (
            "file:///state/drafts/x/builds/1/src/build.js:3\nlet a = ;\n   ^\n\nSyntaxError: Unexpected token ';'\n at w (node:x:1:1)",
            "SyntaxError: Unexpected token ';'",
            "build.js:3",
        ),
        (
            "> x@1.0.0 build\n> node error.js\n\nError: no luck\n    at Object.<anonymous> (/state/drafts/x/builds/1/src/error.js:5:7)",
            "Error: no luck",
            "error.js:5:7",
        ),
        (
            "Error: Turbopack build failed with 1 errors:\n./a.css:2:1\nParsing CSS failed",
            "Parsing CSS failed",
            "a.css:2:1",
        ),
        ('npm error Missing script: "build"\nnpm error A complete log', 'Missing script: "build"', "step build"),
    ],
)
def test_the_first_error_and_its_place(text, summary, where):
    problem = _problem("build", text)
    assert problem.summary == summary
    assert problem.where == where
    assert problem.mend is Mend.DRAFT
    assert problem.retry_at is None


@pytest.mark.parametrize(
    ("text", "code", "mend", "retried"),
    [
        ("npm error code ENOTFOUND\nnpm error syscall getaddrinfo", "npm-network", Mend.MACHINE, True),
        ("npm error code ECONNREFUSED", "npm-network", Mend.MACHINE, True),
        ("npm error code E503", "npm-network", Mend.MACHINE, True),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "npm-network", Mend.MACHINE, True),
        ("npm warn tar TAR_ENTRY_ERROR ENOSPC: no space left on device, write", "disk-full", Mend.MACHINE, True),
        ("npm error code ERESOLVE\nnpm error ERESOLVE could not resolve", "peer-conflict", Mend.DRAFT, False),
        ("npm error code E404\nnpm error 404 Not Found - GET x", "no-such-package", Mend.DRAFT, False),
        ("npm error code 1\nnpm error command failed", "install-script", Mend.DRAFT, False),
        ("a script of the draft says ECONNREFUSED", "install-failed", Mend.DRAFT, False),
    ],
)
def test_who_can_mend_a_failed_install(text, code, mend, retried):
    problem = _problem("install", text)
    assert (problem.code, problem.mend) == (code, mend)
    assert problem.retry_at == (1060.0 if retried else None)


def test_npms_code_and_sentence_are_the_summary():
    text = "npm error code ERESOLVE\nnpm error ERESOLVE unable to resolve dependency tree\nnpm error\nnpm error While resolving"
    assert _problem("install", text).summary == "ERESOLVE: unable to resolve dependency tree"


@pytest.mark.parametrize(
    ("outcome", "text"),
    [
        (Outcome(code=None, signal=9), ""),
        (Outcome(code=137), ""),
        (FAILED, "Next.js build worker exited with code: null and signal: SIGKILL"),
    ],
)
def test_a_killed_build_is_told_from_a_failed_one(outcome, text):
    problem = _problem("build", text, outcome)
    assert problem.code == "build-killed"
    assert "SIGKILL" in problem.summary
    assert problem.mend is Mend.MACHINE


def test_a_full_heap_is_the_operators_to_mend():
    problem = _problem("build", "FATAL ERROR: JavaScript heap out of memory\nFailed to type check.", Outcome(code=134))
    assert problem.code == "out-of-memory"
    assert "heap out of memory" in problem.summary
    assert problem.mend is Mend.MACHINE


def test_the_end_of_the_time_is_told_with_the_step():
    error = failure.of_step(
        "build", Outcome(code=None, signal=15, timed_out=True, seconds=600.0), ["waiting"], root=ROOT, now=0, retry=0
    )
    assert error.timed_out
    assert error.problem.code == "build-timeout"
    assert error.problem.step == "build"
    assert error.problem.tail == ("waiting",)


def test_the_tail_is_short_and_names_no_folder_of_ours():
    problem = _problem("build", "\n".join([f"{ROOT}/a.js line {number} {'x' * 5000}" for number in range(100)]))
    assert len(problem.tail) == 40
    assert problem.tail[-1].startswith("a.js line 99")
    assert max(map(len, problem.tail)) <= 1000


def test_a_silent_failure_still_has_a_summary():
    assert _problem("build", "").summary == "the build step ended with exit code 1"


def test_hostile_lines_cost_no_time():
    lines = ["a." * 4000, "(" * 8000 + ".js", "x/" * 4000 + "error", "\x1b[" * 4000]
    assert _problem("build", "\n".join(lines)).code == "build-failed"
    assert first_error(["error " + "[" * 900])[1] == ""


def test_a_full_disk_and_other_faults_of_the_machine_are_tried_again():
    full = failure.of_system(OSError(errno.ENOSPC, "No space left"), "pack", now=5.0, retry=60.0).problem
    assert (full.code, full.mend, full.retry_at) == ("disk-full", Mend.MACHINE, 65.0)
    other = failure.of_system(OSError(errno.EIO, "Input/output error"), "pack", now=5.0, retry=60.0).problem
    assert (other.code, other.retry_at) == ("build-io", 65.0)


@pytest.mark.parametrize(
    ("line", "code", "mend"),
    [
        (
            " ERR_PNPM_FETCH_404  GET https://registry.npmjs.org/is-oddzz: Not Found - 404",
            "no-such-package",
            Mend.DRAFT,
        ),
        (" ERR_PNPM_NO_MATCHING_VERSION  No matching version found for is-odd@^9.0.1", "no-such-version", Mend.DRAFT),
        ('error Couldn\'t find package "is-oddzz" on the "npm" registry.', "no-such-package", Mend.DRAFT),
        ("\u27a4 YN0082: \u2502 is-odd@npm:^99: No candidates found", "no-such-version", Mend.DRAFT),
        ("error: GET https://registry.npmjs.org/is-oddzz - 404", "no-such-package", Mend.DRAFT),
        (
            " ERR_PNPM_META_FETCH_FAIL  GET https://gone.invalid/is-odd: reason: getaddrinfo ENOTFOUND gone.invalid",
            "npm-network",
            Mend.MACHINE,
        ),
        ("error Error: getaddrinfo ENOTFOUND gone.invalid", "npm-network", Mend.MACHINE),
        ("RequestError: getaddrinfo ENOTFOUND gone.invalid", "npm-network", Mend.MACHINE),
        ("error: DNSResolveFailed downloading package manifest is-odd", "npm-network", Mend.MACHINE),
    ],
)
def test_every_package_manager_says_it_in_its_own_words(line, code, mend):
    problem = _problem("install", f"Progress: resolved 1\n{line}\n\nThis error happened while installing")
    assert (problem.code, problem.mend) == (code, mend)
    assert problem.summary == line.strip()
    assert (problem.retry_at is None) == (mend is Mend.DRAFT)


def test_a_script_of_a_package_that_fails_says_what_it_said():
    text = """npm error code 1
npm error path /state/drafts/x/builds/1/src
npm error command failed
npm error command sh -c prisma generate
npm error Prisma schema loaded from prisma/schema.prisma
npm error Error: request to https://binaries.prisma.sh/all_commits/x failed, reason: getaddrinfo ENOTFOUND"""
    problem = _problem("install", text)
    assert problem.summary.startswith("Error: request to https://binaries.prisma.sh/")
    assert (problem.code, problem.mend) == ("unreachable-host", Mend.MACHINE)


@pytest.mark.parametrize(
    ("step", "text", "code", "mend"),
    [
        ("install", "npm error code ETARGET\nnpm error notarget No matching version", "no-such-version", Mend.DRAFT),
        ("install", "npm error code EINVALIDTAGNAME", "no-such-version", Mend.DRAFT),
        ("install", 'npm error code EUNSUPPORTEDPROTOCOL\nnpm error Unsupported URL Type "workspace:"', "workspace-protocol", Mend.DRAFT),
        ("install", 'error: Workspace dependency "ui" not found', "workspace-protocol", Mend.DRAFT),
        ("install", "npm error code EBADENGINE", "wrong-engine", Mend.DRAFT),
        ("install", "npm error code E401\nnpm error Incorrect or missing password.", "private-package", Mend.CONFIG),
        ("install", " ERR_PNPM_FETCH_403  GET https://registry.npmjs.org/@x/y: Forbidden - 403", "private-package", Mend.CONFIG),
        ("install", "npm error code E503", "npm-network", Mend.MACHINE),
        ("install", " ERR_PNPM_FETCH_503  GET https://registry.npmjs.org/x: Service Unavailable - 503", "npm-network", Mend.MACHINE),
        ("install", "npm error code ENOENT\nnpm error syscall spawn git", "git-missing", Mend.MACHINE),
        ("install", "npm error code 128\nnpm error fatal: unable to access: Could not resolve host: github.com", "unreachable-host", Mend.MACHINE),
        ("install", "npm error code 128\nnpm error command git --no-replace-objects ls-remote ssh://x\nnpm error Permission denied (publickey).", "git-dependency", Mend.DRAFT),
        ("install", "npm error code 1\nnpm error command failed\nnpm error gyp ERR! not ok", "install-script", Mend.DRAFT),
        ("install", "Error: request to https://binaries.prisma.sh/x failed, reason: getaddrinfo ENOTFOUND", "unreachable-host", Mend.MACHINE),
        ("build", 'npm error Missing script: "build"', "missing-script", Mend.DRAFT),
        ("build", "sh: 1: our-tool: not found", "missing-command", Mend.DRAFT),
        ("build", "memory allocation of 4294967296 bytes failed", "out-of-memory", Mend.MACHINE),
        ("build", "Failed to fetch `Inter` from Google Fonts.", "unreachable-host", Mend.MACHINE),
        ("build", "Module not found: Can't resolve '@vercel/turbopack-next/internal/font/google/font'", "unreachable-host", Mend.MACHINE),
        ("build", "Error: NEXT_PUBLIC_SUPABASE_URL is required", "missing-variables", Mend.CONFIG),
        ("build", 'Error: supabaseUrl is required.\nError occurred prerendering page "/"', "missing-variables", Mend.CONFIG),
        ("build", "FirebaseError: Firebase: Error (auth/invalid-api-key).", "missing-variables", Mend.CONFIG),
        ("build", "./app/page.jsx:2:1\nParsing ecmascript source code failed", "syntax-error", Mend.DRAFT),
        ("build", "Error: \n  x Unexpected token `div`. Expected jsx identifier", "syntax-error", Mend.DRAFT),
        ("build", "[PARSE_ERROR] Unexpected token\n   \u256d\u2500[ src/a.js:1:11 ]", "syntax-error", Mend.DRAFT),
        ("build", "Module not found: Can't resolve '@/components/ui/button'", "missing-file", Mend.DRAFT),
        ("build", "[UNRESOLVED_IMPORT] Could not resolve './Gone' in src/a.js", "missing-file", Mend.DRAFT),
        ("build", "Module not found: Can't resolve 'an-invented-name'", "missing-package", Mend.DRAFT),
        ("build", 'Rolldown failed to resolve import "an-invented-name" from "/x/a.js".', "missing-package", Mend.DRAFT),
        ("build", '[MISSING_EXPORT] "x" is not exported by "src/b.js".', "missing-export", Mend.DRAFT),
        ("build", "Export Foo doesn't exist in target module", "missing-export", Mend.DRAFT),
        ("build", "You cannot use different slug names for the same dynamic path ('id' !== 'slug').", "conflicting-routes", Mend.DRAFT),
        ("build", 'Error: Event handlers cannot be passed to Client Component props.\nError occurred prerendering page "/"', "client-component", Mend.DRAFT),
        ("build", 'useSearchParams() should be wrapped in a suspense boundary at page "/x".', "missing-boundary", Mend.DRAFT),
        ("build", 'TypeError: fetch failed\n[cause]: Error: connect ECONNREFUSED 127.0.0.1:3000\nError occurred prerendering page "/"', "needs-server", Mend.DRAFT),
        ("build", "TypeError: fetch failed\n[cause]: Error: getaddrinfo ENOTFOUND api.example.com", "unreachable-host", Mend.MACHINE),
        ("build", 'TypeError: x is undefined\nError occurred prerendering page "/shop"', "prerender-failed", Mend.DRAFT),
        ("build", "src/a.ts(1,7): error TS2322: no", "type-error", Mend.DRAFT),
        ("build", "\u2716 3 problems (2 errors, 1 warning)", "check-failed", Mend.DRAFT),
        ("build", "Error: no luck", "build-failed", Mend.DRAFT),
    ],
)  # fmt: skip
def test_each_class_has_its_code(step, text, code, mend):
    problem = _problem(step, text)
    assert (problem.code, problem.mend) == (code, mend)
    assert problem.hint


@pytest.mark.parametrize(
    ("text", "summary", "where"),
    [
        (
            '\u2717 Build failed in 84ms\n\n[MISSING_EXPORT] "x" is not exported by "b.js".\n   \u256d\u2500[ src/a.js:1:9 ]',
            '[MISSING_EXPORT] "x" is not exported by "b.js".',
            "src/a.js:1:9",
        ),
        (
            "Error: something before\nFATAL ERROR: Reached heap limit - JavaScript heap out of memory\nFailed to type check.",
            "FATAL ERROR: Reached heap limit - JavaScript heap out of memory",
            "step build",
        ),
    ],
)
def test_what_vite_and_node_say_last_is_told(text, summary, where):
    problem = _problem("build", text)
    assert (problem.summary, problem.where) == (summary, where)


def _build(number: int, code: str, *, key: str = "k", retry_at: float | None = 1060.0) -> Build:
    problem = Problem(code=code, summary="x", retry_at=retry_at)
    return Build(
        draft=DraftId("x"),
        number=number,
        key=key,
        status=BuildStatus.FAILED,
        created=0.0,
        finished=1000.0,
        problem=problem,
    )


@pytest.mark.parametrize(
    ("earlier", "wait"),
    [
        ([], 60),
        ([_build(1, "npm-network")], 120),
        ([_build(2, "npm-network"), _build(1, "npm-network")], 240),
        ([_build(2, "build-io"), _build(1, "npm-network")], 60),
        ([_build(2, "npm-network", key="other")], 60),
        ([_build(number, "npm-network") for number in range(29, 0, -1)], 3600),
    ],
)
def test_each_try_waits_longer(earlier, wait):
    last = _build(30, "npm-network")
    found = failure.backed_off(last, [last, *earlier])
    assert found.problem is not None
    assert found.problem.retry_at == 1000.0 + wait


def test_what_is_not_tried_again_does_not_wait():
    last = _build(30, "build-failed", retry_at=None)
    assert failure.backed_off(last, [last]) == last


@pytest.mark.parametrize(
    ("exceeded", "code", "said", "mend"),
    [
        (Exceeded.MEMORY, "out-of-memory", "more than 3 GB of memory", Mend.CONFIG),
        (Exceeded.PROCESSES, "too-many-processes", "more than 1152 processes", Mend.DRAFT),
        (Exceeded.OUTPUT, "too-much-output", "without an end", Mend.DRAFT),
        (Exceeded.DISK, "too-much-disk", "more than 2 GB into its folders", Mend.DRAFT),
        (Exceeded.FULL, "disk-full", "was filling the disk", Mend.MACHINE),
    ],
)
def test_a_limit_has_its_own_code_and_says_its_number(exceeded, code, said, mend):
    problem = failure.of_step(
        "build",
        Outcome(code=None, signal=9, timed_out=True, exceeded=exceeded),
        ["JavaScript heap out of memory", "last"],
        root=ROOT,
        now=1000.0,
        retry=60.0,
        limits=Limits(memory=3 << 30, processes=1152),
        disk_max=2 << 30,
    ).problem
    assert (problem.code, problem.mend) == (code, mend)
    assert said in problem.summary
    assert problem.tail[-1] == "last"
    assert (problem.retry_at == 1060.0) is (mend is Mend.MACHINE)


@pytest.mark.parametrize(
    "line",
    [
        "/bin/sh: 1: Cannot fork",
        "sh: fork: retry: Resource temporarily unavailable",
        "bash: fork: Resource temporarily unavailable",
        "Error: spawn /usr/bin/node EAGAIN",
    ],
)
def test_a_refused_fork_is_named(line):
    assert _problem("build", line).code == "too-many-processes"


@pytest.mark.parametrize("line", ["Error: EFBIG: file too large, write", "head: error writing: File too large"])
def test_a_file_that_may_not_grow_further_is_named(line):
    assert _problem("build", line).code == "file-too-large"


def test_a_full_disk_is_told_from_full_temporary_files():
    def problem(free):
        lines = ["Error: ENOSPC: no space left on device, write"]
        return failure.of_step("build", FAILED, lines, root=ROOT, now=1000.0, retry=60.0, disk_free=free).problem

    assert (problem(10_000).code, problem(10_000).retry_at) == ("disk-full", 1060.0)
    assert (problem(10 << 30).code, problem(10 << 30).mend, problem(10 << 30).retry_at) == (
        "temporary-full",
        Mend.DRAFT,
        None,
    )


def test_an_error_number_of_npm_is_no_signal():
    assert _problem("build", "npm error code ENOENT", Outcome(code=254)).code == "build-failed"
