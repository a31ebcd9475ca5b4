"""From what npm and Next.js print to a problem; the texts are theirs."""

import errno
from pathlib import Path

import pytest

from drafterd.build import failure
from drafterd.build.firsterror import first_error
from drafterd.domain.interfaces import Outcome
from drafterd.domain.model import Mend

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
    assert problem.code == "build-failed"
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
        ("npm error code ERESOLVE\nnpm error ERESOLVE could not resolve", "install-failed", Mend.DRAFT, False),
        ("npm error code E404\nnpm error 404 Not Found - GET x", "install-failed", Mend.DRAFT, False),
        ("npm error code 1\nnpm error command failed", "install-failed", Mend.DRAFT, False),
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
    assert problem.code == "build-failed"
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
        (" ERR_PNPM_FETCH_404  GET https://registry.npmjs.org/is-oddzz: Not Found - 404", "install-failed", Mend.DRAFT),
        (" ERR_PNPM_NO_MATCHING_VERSION  No matching version found for is-odd@^9.0.1", "install-failed", Mend.DRAFT),
        ('error Couldn\'t find package "is-oddzz" on the "npm" registry.', "install-failed", Mend.DRAFT),
        ("\u27a4 YN0082: \u2502 is-odd@npm:^99: No candidates found", "install-failed", Mend.DRAFT),
        ("error: GET https://registry.npmjs.org/is-oddzz - 404", "install-failed", Mend.DRAFT),
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
