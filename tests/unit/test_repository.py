"""The repository's own rules: sizes, tests beside modules, documents that keep up with the code, locks."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from drafterd.web import builds, drafts, protection, releases, system

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "drafterd"
TESTS = ROOT / "tests"
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_LINES = 400
FORBIDDEN_NAMES = {"utils", "util", "helpers", "manager", "common", "base", "misc"}

TESTED_BY: Mapping[str, tuple[str, ...]] = {
    "unit/domain/test_plan.py": ("domain/expiry.py",),
    "integration/route/test_contract.py": (
        "route/file_proxy.py",
        "route/nginx.py",
        "route/nginx_start.py",
        "route/tls.py",
    ),
    "integration/test_nginx.py": ("daemon/proxies.py",),
    "unit/route/test_table.py": ("route/record.py",),
    "integration/build/test_queue.py": (
        "build/commands.py",
        "build/foreign.py",
        "build/job.py",
        "build/notice.py",
        "build/release.py",
        "build/threads.py",
        "build/unsteady.py",
    ),
    "integration/build/test_repairs.py": ("build/mending.py",),
    "integration/build/test_steps.py": ("build/packages.py",),
    "unit/build/repairs": ("build/repairs/situation.py",),
    "unit/build/repairs/test_suspense.py": ("build/repairs/reach.py",),
    "unit/build/test_failure.py": ("build/failure_classes.py",),
    "integration/sandbox/test_network.py": ("fence/main.py",),
    "integration/test_process.py": ("process_table.py",),
    "integration/sandbox/test_groups.py": ("sandbox/enter.py",),
    "integration/sandbox/test_firewall.py": ("daemon/fencing.py",),
    "integration/cli": (
        "cli/act.py",
        "cli/asking.py",
        "cli/build.py",
        "cli/check.py",
        "cli/client.py",
        "cli/config.py",
        "cli/failures.py",
        "cli/fix.py",
        "cli/installed.py",
        "cli/live.py",
        "cli/logs.py",
        "cli/look.py",
        "cli/output.py",
        "cli/up.py",
        "daemon/offline.py",
        "doctor/case.py",
        "doctor/finding.py",
        "doctor/isolation.py",
        "doctor/machine.py",
        "doctor/network.py",
        "doctor/places.py",
        "doctor/services.py",
        "doctor/tools.py",
    ),
    "unit/config/test_load.py": (
        "config/checks.py",
        "config/draft.py",
        "config/proxy.py",
        "config/section.py",
        "config/credentials.py",
        "config/masking.py",
        "config/sources.py",
    ),
    "integration/test_bad_input.py": (
        "daemon/house.py",
        "daemon/lifetime.py",
        "daemon/listeners.py",
        "daemon/settings.py",
        "reconcile/control.py",
        "reconcile/logs.py",
        "reconcile/loop.py",
        "reconcile/observe.py",
        "reconcile/perform.py",
    ),
    "unit/fix/test_next_config.py": ("fix/config_syntax.py",),
    "unit/fix/test_drafts.py": (
        "fix/edits.py",
        "fix/registry.py",
    ),
    "unit/fix/test_env_literals.py": (
        "fix/literal_places.py",
        "fix/literal_values.py",
        "fix/masks.py",
    ),
    "unit/fix/test_server_files.py": ("fix/imports.py",),
    "unit/fix/test_package_json.py": ("fix/package.py",),
    "integration/test_rollback.py": (
        "cli/rollback.py",
        "reconcile/rollback.py",
    ),
    "integration/test_operator.py": ("reconcile/purge.py",),
    "integration/run/test_managed.py": (
        "run/configuration.py",
        "run/owner.py",
    ),
    "integration/hostile/test_servers.py": ("run/guard.py",),
    "integration/run/test_processes.py": ("run/usage.py",),
    "integration/run/test_supervisord.py": (
        "run/plugin.py",
        "run/push.py",
        "run/watched.py",
    ),
    "integration/sandbox/test_contract.py": (
        "build/exceeded.py",
        "sandbox/plain.py",
        "sandbox/disk.py",
        "sandbox/keep.py",
        "sandbox/use.py",
        "sandbox/walk.py",
        "sandbox/watch.py",
    ),
    "integration/web/test_api.py": (
        "metrics.py",
        "web/dashboard.py",
        "web/build_logs.py",
        "web/events.py",
        "web/listen.py",
        "web/log_stream.py",
        "web/logs.py",
        "web/openapi.py",
        "web/operations.py",
        "web/build_shapes.py",
        "web/shapes.py",
    ),
    "integration/web/test_entrance.py": (
        "reconcile/gate.py",
        "web/protection.py",
    ),
    "integration/web/test_edge.py": (
        "domain/media.py",
        "web/answers.py",
        "web/files.py",
        "web/pages.py",
        "web/visits.py",
    ),
    "integration/install/test_root.py": (
        "cli/install.py",
        "install/finding.py",
        "install/others.py",
        "install/taken.py",
    ),
    "unit/install/test_laid.py": ("install/choices.py",),
    "integration/cli/test_publish.py": ("daemon/publication.py",),
    "integration/test_wheel.py": ("__main__.py",),
}
"""Modules that no test imports by name, under the tests (a file, or a folder of them) that go through them."""

UNTESTED: Mapping[str, str] = {
    "domain/interfaces.py": "protocols only: each implementation has its own tests",
}
"""Modules with nothing to test, and why."""


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def test_no_module_is_long():
    long = {relative(path): lines for path in MODULES if (lines := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}


def test_module_names_say_something():
    assert [relative(path) for path in MODULES if path.stem in FORBIDDEN_NAMES] == []


def test_every_module_says_what_it_is_for():
    assert [relative(path) for path in MODULES if ast.get_docstring(ast.parse(path.read_text())) is None] == []


@cache
def importers() -> Mapping[str, frozenset[Path]]:
    """Which modules the tests import, and which tests do."""
    found: dict[str, set[Path]] = {}
    for test in (path for level in ("unit", "integration") for path in (TESTS / level).rglob("test_*.py")):
        for node in ast.walk(ast.parse(test.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                    found.setdefault(name, set()).add(test)
    return {name: frozenset(tests) for name, tests in found.items()}


def holds_tests(place: Path) -> bool:
    return place.is_file() or any(place.glob("test_*.py"))


def is_tested(module: str) -> bool:
    """Whether it has a test file of the same path, one that imports it by name, or one in the list."""
    inside = Path(module)
    twins = [TESTS / level / inside.parent / f"test_{inside.stem}.py" for level in ("unit", "integration")]
    return (
        any(path.is_file() for path in twins)
        or ".".join(("drafterd", *inside.with_suffix("").parts)) in importers()
        or any(module in modules and holds_tests(TESTS / place) for place, modules in TESTED_BY.items())
    )


def test_every_module_has_its_tests_or_a_reason():
    modules = [relative(path) for path in MODULES if path.name != "__init__.py"]
    assert [module for module in modules if module not in UNTESTED and not is_tested(module)] == []


def test_the_lists_of_modules_are_current():
    listed = [*UNTESTED, *(module for modules in TESTED_BY.values() for module in modules)]
    assert [module for module in listed if not (PACKAGE / module).is_file()] == []


CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")
CODE_ARGUMENT = {"failed": 0, "_Class": 0, "Told": 0, "HttpProblem": 1}
"""Calls that take a problem's code by position, and which one."""


def codes_in(tree: ast.AST) -> Iterator[str]:
    """The codes of problems that a module makes."""
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Call):
            found += [word.value for word in node.keywords if word.arg == "code"]
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            place = CODE_ARGUMENT.get(name)
            found += node.args[place : place + 1] if place is not None else []
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found += (
                [node.value] if any(isinstance(target, ast.Name) and target.id == "code" for target in targets) else []
            )
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 4:
            found.append(node.value.elts[0])
        for value in found:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.fullmatch(value.value):
                yield value.value


def codes_of_the_package() -> set[str]:
    return {code for path in MODULES for code in codes_in(ast.parse(path.read_text()))}


def test_every_problem_is_documented():
    listed = set(re.findall(r"^\| `([a-z0-9-]+)` \|", (ROOT / "docs" / "problems.md").read_text(), re.MULTILINE))
    made = codes_of_the_package()
    assert len(made) > 20, "the search finds too little to be right"
    assert sorted(made - listed) == [], "not in docs/problems.md"


def test_what_the_operator_mends_is_told_how_to_look_for():
    problems = (ROOT / "docs" / "problems.md").read_text()
    operators = set(re.findall(r"^\| `([a-z0-9-]+)` \|.*\| (?:machine|config) \|$", problems, re.MULTILINE))
    rows = re.findall(r"^\| (`.*?) \|", (ROOT / "docs" / "troubleshooting.md").read_text(), re.MULTILINE)
    told = {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row)}
    assert len(operators) > 15, "the search finds too little to be right"
    assert sorted(operators - told) == [], "not in docs/troubleshooting.md"
    assert sorted(told - set(re.findall(r"^\| `([a-z0-9-]+)` \|", problems, re.MULTILINE))) == [], "no such code"


def test_every_operation_is_documented():
    listed = set(re.findall(r"^\| ([A-Z]+) `([^`]+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))
    parts = (builds, drafts, protection, releases, system)
    offered = {(one.method, one.path) for part in parts for one in part.OPERATIONS}
    assert offered ^ listed == {("GET", "/openapi.json"), ("GET", "/")}


def test_links_between_documents_lead_somewhere():
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    dead = [
        f"{document.name}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
        if not (document.parent / target).exists()
    ]
    assert dead == []


def test_make_has_its_targets():
    makefile = (ROOT / "Makefile").read_text()
    assert [
        name
        for name in ["setup", "lint", "test", "e2e", "bench", "run"]
        if not re.search(rf"^{name}:", makefile, re.MULTILINE)
    ] == []


def test_lock_holds_hashes_and_no_addresses():
    lock = (ROOT / "requirements.lock").read_text()
    assert "://" not in lock
    assert not re.search(r"^-|^[^#\s].* @ ", lock, re.MULTILINE), "options or direct references"
    blocks = re.split(r"\n(?=[a-z])", lock, flags=re.IGNORECASE)
    assert [block.split()[0] for block in blocks[1:] if "--hash=sha256:" not in block] == []


def test_lock_covers_the_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    names = {re.match(r"[A-Za-z0-9_-]+", one)[0].lower() for one in wanted} - {"drafterd"}  # type: ignore[index]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    assert sorted(names - locked) == [], "run `make lock`"


SAMPLE = ROOT / "etc" / "sample"


def test_sample_lock_holds_no_download_addresses():
    packages = json.loads((SAMPLE / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in package for package in packages.values())
    assert all("integrity" in package for name, package in packages.items() if name)


def test_sample_has_the_faults_that_the_fixes_mend():
    package = json.loads((SAMPLE / "package.json").read_text())
    assert "start" not in package["scripts"]
    assert "-p 3000" in package["scripts"]["dev"]
    assert "standalone" not in (SAMPLE / "next.config.mjs").read_text()
    assert "'https://api.groq.com/openai/v1'" in (SAMPLE / "app" / "api" / "chat" / "route.js").read_text()
    assert not (SAMPLE / ".env.local").exists()


def test_sample_needs_nothing_but_the_registry():
    assert not [path for path in SAMPLE.rglob("*.jsx") if "next/font/google" in path.read_text()]
