"""Memory and Prisma's client."""

import json

import pytest

from drafterd.build.repairs import ladder
from drafterd.build.repairs.variant import Variant
from tests.unit.build.repairs.situations import NEXT, PACKAGE, situation

HEAP = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\nFailed to type check."
PRISMA = '@prisma/client did not initialize yet. Please run "prisma generate"'
SCHEMA = {"prisma/schema.prisma": "model A {}"}


def test_a_heap_fits_the_memory(tmp_path):
    found = ladder.next_step(situation(tmp_path, HEAP, memory=8_000_000_000), [])
    assert found is not None
    assert found.repair.code == "heap"
    assert found.remedy.variant.build_environment == {"NODE_OPTIONS": "--max-old-space-size=6000"}


def test_other_options_stay(tmp_path):
    variant = Variant(recipe=NEXT, build_environment={"NODE_OPTIONS": "--openssl-legacy-provider"})
    found = ladder.next_step(situation(tmp_path, HEAP, memory=8_000_000_000, variant=variant), [])
    assert found is not None
    options = found.remedy.variant.build_environment["NODE_OPTIONS"]
    assert options == "--openssl-legacy-provider --max-old-space-size=6000"


@pytest.mark.parametrize("memory", [0, 1_000_000_000])
def test_without_memory_nothing_else_is_tried(tmp_path, memory):
    assert ladder.next_step(situation(tmp_path, HEAP, memory=memory), []) is None


def test_the_client_is_made_first(tmp_path):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "^6", "prisma": "^6"}}
    found = ladder.next_step(situation(tmp_path, PRISMA, package=package, files=SCHEMA), [])
    assert found is not None
    assert found.repair.code == "prisma-client"
    assert found.remedy.variant.before_build == (("prisma", "generate"),)
    assert not found.remedy.reinstall


def test_its_program_is_installed_in_the_clients_version(tmp_path):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "6.19.0"}}
    found = ladder.next_step(situation(tmp_path, PRISMA, package=package, files=SCHEMA), [])
    assert found is not None
    assert found.remedy.reinstall
    assert json.loads(found.remedy.files["package.json"])["devDependencies"] == {"prisma": "6.19.0"}


def test_without_a_schema_there_is_nothing_to_make(tmp_path):
    package = {**PACKAGE, "dependencies": {"next": "16", "@prisma/client": "^6", "prisma": "^6"}}
    assert ladder.next_step(situation(tmp_path, PRISMA, package=package), []) is None
