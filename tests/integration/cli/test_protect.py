"""`protect`, `share` and `config hash`: what they print, what they change."""

import asyncio
import json

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from drafterd.cli import app
from drafterd.domain.names import DraftId
from drafterd.domain.protection import matches
from tests.integration.web.world import a_world

HELLO = DraftId("hello")


@pytest.fixture
async def world(tmp_path):
    """The server's log would stand among what the command prints: both are one process here."""
    with capture_logs():
        async with a_world(tmp_path) as made:
            yield made


async def call(world, *words, stdin=""):
    """In a thread: the server answers in this one."""
    return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--socket", str(world.socket)], input=stdin)


async def test_a_password_is_made_and_printed_once(world):
    result = await call(world, "protect", "hello")
    assert result.exit_code == 0, result.output
    password = result.stdout.strip()
    assert len(password) == 16
    assert password not in result.stderr
    assert "hello is protected" in result.stderr
    assert await world.gate.sign_in(HELLO, password, "me") is not None
    assert password not in (world.state / "access" / "hello.json").read_text()


async def test_a_password_of_ones_own(world):
    result = await call(world, "protect", "hello", "--stdin", stdin="correct horse\n")
    assert (result.exit_code, result.stdout) == (0, "")
    assert await world.gate.sign_in(HELLO, "correct horse", "me") is not None
    assert (await call(world, "protect", "hello", "--stdin", stdin="short\n")).exit_code == 2


async def test_off_and_links_only(world):
    assert json.loads((await call(world, "protect", "hello", "--links-only", "--json")).stdout)["password"] is False
    assert world.gate.is_protected(HELLO)
    assert (await call(world, "protect", "hello", "--off")).exit_code == 0
    assert not world.gate.is_protected(HELLO)
    assert (await call(world, "protect", "hello", "--off", "--stdin")).exit_code == 2


async def test_a_link_is_printed_and_taken_back(world):
    assert (await call(world, "share", "hello")).exit_code == 6
    await world.gate.protect(HELLO, None)
    result = await call(world, "share", "hello", "--for", "90m")
    assert result.exit_code == 0
    token = result.stdout.strip().rpartition("/")[2]
    assert world.gate.redeem(HELLO, token) is not None
    assert token not in result.stderr
    assert (await call(world, "share", "hello", "--for", "soon")).exit_code == 2
    assert (await call(world, "share", "hello", "--revoke")).exit_code == 0
    assert world.gate.redeem(HELLO, token) is None


def test_the_hash_for_the_configuration():
    result = CliRunner().invoke(app, ["config", "hash"], input="correct horse\n")
    assert result.exit_code == 0
    assert matches("correct horse", result.stdout.strip())
