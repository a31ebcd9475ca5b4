"""Memory and Prisma's client."""

import json

import pytest

from drafterd.build.repairs.variant import Variant
from tests.unit.build.repairs.situations import NEXT, PACKAGE, chosen, situation

HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\nFailed to type check."
PRISMA = '@prisma/client did not initialize yet. Please run "prisma generate"'
SCHEMA = {"prisma/schema.prisma": "model A {}"}


def test_a_heap_fits_the_memory(tmp_path):
    found = chosen(situation(tmp_path, HEAP, memory=8_000_000_000))
    assert found is not None
    assert found.repair.code == "heap"
    assert found.remedy.variant.build_environment == {"NODE_OPTIONS": "--max-old-space-size=6000"}


@pytest.mark.parametrize(
    "said",
    [
        "Next.js build worker exited with code: null and signal: SIGKILL\nFailed to type check.",
        "npm error signal SIGKILL",
        "Killed",
    ],
)
def test_what_was_killed_gets_a_smaller_heap_and_one_worker(tmp_path, said):
    found = chosen(situation(tmp_path, said, memory=8_000_000_000))
    assert found is not None
    assert found.repair.code == "heap"
    assert found.remedy.variant.build_environment == {"NODE_OPTIONS": "--max-old-space-size=4000"}
    assert found.remedy.variant.flags == {"one-worker"}


def test_other_options_stay(tmp_path):
    variant = Variant(recipe=NEXT, build_environment={"NODE_OPTIONS": "--openssl-legacy-provider"})
    found = chosen(situation(tmp_path, HEAP, memory=8_000_000_000, variant=variant))
    assert found is not None
    options = found.remedy.variant.build_environment["NODE_OPTIONS"]
    assert options == "--openssl-legacy-provider --max-old-space-size=6000"


@pytest.mark.parametrize("memory", [0, 1_000_000_000])
def test_without_memory_nothing_else_is_tried(tmp_path, memory):
    assert chosen(situation(tmp_path, HEAP, memory=memory)) is None


@pytest.mark.parametrize(
    "said",
    [
        PRISMA,
        "Module not found: Can't resolve '.prisma/client/default'",
        "Error: Cannot find module '.prisma/client/index-browser'",
        "Module not found: Can't resolve '@/generated/prisma'",
        "Module not found: Can't resolve '../generated/prisma/client'",
        "lib/db.ts(1,10): error TS2305: Module '\"@prisma/client\"' has no exported member 'User'.",
    ],
)
def test_the_client_is_made_first(tmp_path, said):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "^6", "prisma": "^6"}}
    found = chosen(situation(tmp_path, said, package=package, files=SCHEMA))
    assert found is not None
    assert found.repair.code == "prisma-client"
    assert found.remedy.variant.before_build == (("prisma", "generate"),)
    assert not found.remedy.reinstall


def test_its_program_is_installed_in_the_clients_version(tmp_path):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "6.19.0"}}
    found = chosen(situation(tmp_path, PRISMA, package=package, files=SCHEMA))
    assert found is not None
    assert found.remedy.reinstall
    assert json.loads(found.remedy.files["package.json"] or b"")["devDependencies"] == {"prisma": "6.19.0"}


def test_without_a_schema_there_is_nothing_to_make(tmp_path):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "^6", "prisma": "^6"}}
    assert chosen(situation(tmp_path, PRISMA, package=package)) is None
