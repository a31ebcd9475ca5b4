"""What a draft prints is masked before supervisord writes it, and nothing of it is lost."""

import json
from pathlib import Path

import pytest

from drafterd.domain.model import InstanceStatus
from tests.builders import eventually
from tests.integration.run.conftest import SERVER, World

SECRETS = {"API_TOKEN": "hush-hush-hush", "KEY_FILE": "-----BEGIN X-----\nsecond-line-of-it\nthird-line-of-it\n"}
PRINTS = """
import os, sys, time
def say(data):
    os.write(1, data)
    time.sleep(0.05)
token = os.environ["API_TOKEN"].encode()
say(b"one " + token + b" two\\n")
say(b"cut " + token[:5]); say(token[5:] + b"\\n")
say(os.environ["KEY_FILE"].encode())
os.write(2, b"\\xff\\xfe bytes, " + token + b"\\n")
"""
MASKED = b"one [API_TOKEN] two\ncut [API_TOKEN]\n[KEY_FILE]\n\xff\xfe bytes, [API_TOKEN]\n"


@pytest.fixture
def plugin() -> bool:
    return True


def log_of(world: World) -> Path:
    return world.layout.logs / "demo.r1.log"


async def written(world: World, end: bytes) -> bytes:
    """The log as soon as it ends so."""

    async def ends() -> bytes | None:
        log = log_of(world)
        text = log.read_bytes() if log.exists() else b""
        return text if text.endswith(end) else None

    found: bytes = await eventually(ends)
    return found


async def test_no_secret_is_on_disk(world: World):
    await world.runtime.start(world.spec(PRINTS + SERVER, environment=SECRETS))
    assert await written(world, b"listening\n") == MASKED + b"listening\n"


async def test_a_line_that_has_not_ended_is_there(world: World):
    await world.runtime.start(world.spec("print('compiling', end='', flush=True)\n" + SERVER))
    assert await written(world, b"compilinglistening\n") == b"compilinglistening\n"


@pytest.mark.parametrize("ends", ["sys.exit(0)", "os._exit(3)", "os.kill(os.getpid(), 9)"])
async def test_what_waited_is_written_at_the_end(world: World, ends: str):
    code = f"import os,sys\nos.write(1, b'last words: hush-h')\n{ends}"
    await world.runtime.start(world.spec(code, environment=SECRETS))
    await written(world, b"last words: hush-h")


async def test_what_waited_is_written_when_it_is_stopped(world: World):
    code = "import os,time\nos.write(1, b'last words: hush-h')\ntime.sleep(60)"
    spec = world.spec(code, environment=SECRETS)
    await world.runtime.start(spec)
    await written(world, b"last words: ")
    await world.runtime.stop(spec.id)
    await written(world, b"last words: hush-h")


async def test_a_program_that_changes_its_secrets_is_masked_with_the_new_ones(world: World):
    for value in ("first-value-of-it", "second-value-of-it"):
        spec = world.spec(f"print('has', {value!r}, flush=True)\n" + SERVER, environment={"API_TOKEN": value})
        await world.runtime.start(spec)
        await world.until(spec.id, InstanceStatus.READY)
        await world.runtime.stop(spec.id)
    assert log_of(world).read_bytes() == b"has [API_TOKEN]\nlistening\n" * 2


async def test_a_specification_that_cannot_be_read_does_no_harm(world: World):
    spec = world.spec(environment=SECRETS)
    await world.runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    await world.steady(spec.id)
    file = world.layout.spec(spec.id)
    file.write_text(json.dumps({"environment": 1}))
    await world.runtime.stop(spec.id)
    again = world.spec(environment=SECRETS)
    await world.runtime.start(again)
    await world.until(again.id, InstanceStatus.READY)
