"""Which package manager a folder asks for."""

import json
import os

import pytest

from drafterd.fix import managers
from drafterd.fix.folder import Folder
from drafterd.fix.package import parse

CLASSIC = "# yarn lockfile v1\n\n\nzod@^3:\n"
LOCKS = {
    "package-lock.json": '{"packages": {"node_modules/zod": {}}}',
    "pnpm-lock.yaml": "lockfileVersion: '9.0'\n\nimporters:\n  zod\n",
    "yarn.lock": CLASSIC,
    "bun.lock": '{"packages": {"zod": []}}',
}


@pytest.fixture
def chosen(tmp_path):
    """Of files (text, or text with its age in seconds) and fields of package.json."""

    def choose(files, **package):
        for name, given in files.items():
            text, age = given if isinstance(given, tuple) else (given, 0)
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
            os.utime(tmp_path / name, (1_700_000_000 - age,) * 2)
        data = json.dumps(package).encode()
        (tmp_path / "package.json").write_bytes(data)
        return managers.of(Folder(tmp_path), parse(data))

    return choose


@pytest.mark.parametrize(
    ("files", "manager"),
    [
        ({}, "npm"),
        ({"package-lock.json": "{}"}, "npm"),
        ({"npm-shrinkwrap.json": "{}"}, "npm"),
        ({"pnpm-lock.yaml": "lockfileVersion: 5.4\n"}, "pnpm@7"),
        ({"pnpm-lock.yaml": "lockfileVersion: '6.0'\n"}, "pnpm@8"),
        ({"pnpm-lock.yaml": "lockfileVersion: '9.0'\n"}, "pnpm@10"),
        ({"pnpm-lock.yaml": "lockfileVersion: '14.0'\n"}, "pnpm"),
        ({"pnpm-lock.yaml": '\r\nlockfileVersion: "9.0"\r\n'}, "pnpm@10"),
        ({"pnpm-lock.yaml": "<<<<<<< HEAD\n"}, "pnpm@10"),
        ({"pnpm-lock.yaml": b"\0\xff"}, "pnpm@10"),
        ({"yarn.lock": CLASSIC}, "yarn@1"),
        ({"yarn.lock": ""}, "yarn@1"),
        ({"yarn.lock": "", ".yarnrc.yml": ""}, "yarn@4"),
        ({"yarn.lock": "# x\n\n__metadata:\n  version: 6\n  cacheKey: 8\n"}, "yarn@3"),
        ({"yarn.lock": "# x\n\n__metadata:\n  version: 8\n  cacheKey: 10c0\n"}, "yarn@4"),
        ({"yarn.lock": "# x\n\n__metadata:\n  version: 10\n"}, "yarn@4"),
        ({"bun.lock": "{}"}, "bun@1"),
        ({"bun.lockb": b"\0bun"}, "bun@1"),
        ({"bun.lock": "{}", "bun.lockb": b"\0bun"}, "bun@1"),
    ],
)
def test_the_lock_file_says_manager_and_version(chosen, files, manager):
    assert chosen(files) == managers.Choice(manager=manager)


@pytest.mark.parametrize(
    ("asked", "lock", "manager"),
    [
        ("pnpm@9.1.0", "", "pnpm@9.1.0"),
        ("pnpm@9.1.0+sha512.ab12/=", "", "pnpm@9.1.0"),
        ("pnpm@9.1.0", "lockfileVersion: '9.0'\n", "pnpm@9.1.0"),
        ("pnpm@11.2.3", "lockfileVersion: '9.0'\n", "pnpm@11.2.3"),
        ("pnpm@8.6.0", "lockfileVersion: '9.0'\n", "pnpm@10"),
        ("pnpm@9.1.0", "lockfileVersion: '6.0'\n", "pnpm@8"),
        ("yarn@4.1.0", "lockfileVersion: '9.0'\n", "pnpm@10"),
        ("pnpm", "", "pnpm@10"),
        ("yarn@4.1.0", "", "yarn@4.1.0"),
        ("yarn@1.22.22", "", "yarn@1.22.22"),
        ("bun@1.1.0", "", "bun@1"),
        ("npm@10.2.0", "", "npm"),
        ("pnpm@latest", "", "npm"),
        ("pnpm@9.1.0 --registry=https://evil.test", "", "npm"),
        ("pnpm@../../x", "", "npm"),
        ("evil@1.0.0", "", "npm"),
        (["pnpm@9.1.0"], "", "npm"),
    ],
)
def test_the_version_asked_for_is_taken_where_it_reads_the_lock(chosen, asked, lock, manager):
    files = {"pnpm-lock.yaml": lock} if lock else {}
    assert chosen(files, packageManager=asked).manager == manager


def test_engines_of_development_name_a_manager_too(chosen):
    assert chosen({}, devEngines={"packageManager": {"name": "pnpm", "version": "^9.2.0"}}).manager == "pnpm@9.2.0"
    assert chosen({}, devEngines={"packageManager": {"name": "yarn", "version": ">=3 <5"}}).manager == "yarn@1"


def test_a_yarn_that_does_not_read_the_lock_is_not_taken(chosen):
    assert chosen({"yarn.lock": CLASSIC}, packageManager="yarn@4.1.0").manager == "yarn@1"
    berry = {"yarn.lock": "__metadata:\n  version: 8\n"}
    assert chosen(berry, packageManager="yarn@1.22.0").manager == "yarn@4"
    assert chosen(berry, packageManager="yarn@4.1.0").manager == "yarn@4.1.0"


@pytest.mark.parametrize(
    ("ranges", "files", "manager"),
    [
        ("workspace:*", {}, "pnpm@10"),
        ("workspace:*", {"pnpm-workspace.yaml": "packages: []\n"}, "pnpm@10"),
        ("catalog:", {"pnpm-workspace.yaml": "catalog: {}\n"}, "pnpm@10"),
        ("catalog:", {}, "bun@1"),
        ("workspace:^", {".yarnrc.yml": ""}, "yarn@4"),
        ("workspace:*", {"package-lock.json": "{}"}, "pnpm@10"),
        ("workspace:*", {"bun.lock": "{}"}, "bun@1"),
        ("^1.0.0", {"pnpm-workspace.yaml": "packages: []\n"}, "npm"),
    ],
)
def test_protocols_that_npm_does_not_know_need_another_manager(chosen, ranges, files, manager):
    assert chosen(files, dependencies={"x": ranges}).manager == manager


def test_of_several_locks_the_newest_wins_and_that_is_said(chosen):
    found = chosen({"package-lock.json": ("{}", 9000), "pnpm-lock.yaml": LOCKS["pnpm-lock.yaml"]})
    assert found.manager == "pnpm@10"
    (problem,) = found.problems
    assert problem.code == "several-locks"
    assert (
        problem.summary
        == "pnpm-lock.yaml and package-lock.json are both there: pnpm-lock.yaml is used, for it is the newest"
    )

    found = chosen({"package-lock.json": "{}", "pnpm-lock.yaml": (LOCKS["pnpm-lock.yaml"], 9000)})
    assert found.manager == "npm"


def test_locks_of_the_same_time_are_told_apart_by_what_they_hold(chosen):
    found = chosen({"package-lock.json": "{}", "bun.lock": LOCKS["bun.lock"]}, dependencies={"zod": "3"})
    assert found.manager == "bun@1"
    assert "it alone has every dependency" in found.problems[0].summary
    found = chosen({"package-lock.json": LOCKS["package-lock.json"], "bun.lock": "{}"}, dependencies={"zod": "3"})
    assert found.manager == "npm"
    found = chosen({name: LOCKS[name] for name in ("package-lock.json", "yarn.lock")}, dependencies={"zod": "3"})
    assert found.manager == "npm"


def test_the_manager_that_is_named_wins_over_a_newer_lock(chosen):
    found = chosen(
        {"package-lock.json": "{}", "pnpm-lock.yaml": (LOCKS["pnpm-lock.yaml"], 9000)}, packageManager="pnpm@10.1.0"
    )
    assert found.manager == "pnpm@10.1.0"
    assert "package.json names pnpm" in found.problems[0].summary
