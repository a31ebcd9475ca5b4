"""Repairs of the dependencies."""

import json

import pytest

from tests.unit.build.repairs.situations import PACKAGE, chosen, situation

LOCK = {"package-lock.json": "{}"}


@pytest.mark.parametrize(
    "said",
    [
        "Error: Cannot find module @rollup/rollup-linux-x64-gnu. npm has a bug related to optional dependencies",
        "Error: Cannot find module '../lightningcss.linux-x64-gnu.node'",
        "Error: Cannot find native binding. npm has a bug related to optional dependencies",
        "Error: Cannot find module '@tailwindcss/oxide-linux-x64-gnu'",
        "\u2a2f Failed to load SWC binary for linux/x64, see more info here: https://nextjs.org/docs",
        'The package "@esbuild/linux-x64" could not be found, and is needed by esbuild.',
    ],
)
def test_a_lock_of_another_machine_goes_with_what_it_installed(tmp_path, said):
    found = chosen(situation(tmp_path, said, files=LOCK))
    assert found is not None
    assert found.repair.code == "other-platform"
    assert found.remedy.files == {"package-lock.json": None}
    assert (found.remedy.reinstall, found.remedy.afresh, found.remedy.variant.locked) == (True, True, False)


def test_without_a_lock_it_has_another_reason(tmp_path):
    assert chosen(situation(tmp_path, "Error: Cannot find native binding.")) is None


@pytest.mark.parametrize(
    "said",
    [
        'npm error ERROR: Failed to set up chrome v131.0.6778.204! Set "PUPPETEER_SKIP_DOWNLOAD" env variable to skip download.',
        "npm error The Cypress App could not be downloaded.",
        "npm error [sentry-cli] Downloading from https://downloads.sentry-cdn.com/sentry-cli/2.39.1/x",
    ],
)
def test_programs_for_tests_are_not_fetched(tmp_path, said):
    found = chosen(situation(tmp_path, said, step="install"))
    assert found is not None
    assert found.repair.code == "skip-downloads"
    assert found.remedy.variant.environment["PUPPETEER_SKIP_DOWNLOAD"] == "true"


@pytest.mark.parametrize("step", ["install", "build"])
def test_the_package_of_a_command_is_installed(tmp_path, step):
    package = {**PACKAGE, "dependencies": {"@prisma/client": "^6.1.0"}}
    found = chosen(situation(tmp_path, "sh: 1: prisma: not found", step=step, package=package))
    assert found is not None
    assert found.repair.code == "missing-packages"
    written = json.loads(found.remedy.files["package.json"] or b"")
    assert written["dependencies"] == {"@prisma/client": "^6.1.0", "prisma": "^6.1.0"}


def test_a_check_whose_command_nobody_knows_is_left_out(tmp_path):
    package = {"scripts": {"build": "our-lint && vite build"}}
    found = chosen(situation(tmp_path, "sh: 1: our-lint: not found", package=package))
    assert found is not None
    assert found.repair.code == "without-checks"
