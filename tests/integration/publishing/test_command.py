"""`drafterd publish` into a bucket, as an operator runs it: a process of its own, and keys in its environment."""

import asyncio
import os
import sys

from tests.integration.publishing.test_bucket import held
from tests.unit.publishing.sites import ONE, TWO, a_state


async def drafterd(*words):
    """Its exit code and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drafterd", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "NO_COLOR": "1"},
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, " ".join(output.decode().split())


async def test_each_release_replaces_the_one_before(tmp_path, store, endpoint, service, monkeypatch):
    words = ("publish", "hello", "--to", "s3://pages/shop", "--endpoint", endpoint, "--config")
    file = str(a_state(tmp_path))
    code, said = await drafterd(*words, file)
    assert (code, "hello r1: 4 copied, 0 as they were, 0 deleted" in said) == (0, True), said
    assert held(service, "shop/") == ONE

    a_state(tmp_path, 2, TWO)
    code, said = await drafterd(*words, file, "--dry-run")
    assert (code, "delete _next/static/a1.js" in said) == (0, True), said
    assert held(service, "shop/") == ONE
    code, said = await drafterd(*words, file)
    assert (code, "hello r2: 3 copied, 1 as they were, 1 deleted" in said) == (0, True), said
    assert held(service, "shop/") == TWO

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another-secret")
    code, said = await drafterd(*words, file)
    assert (code, "SignatureDoesNotMatch" in said, "another-secret" in said) == (1, True, False), said
    assert held(service, "shop/") == TWO
