"""A real server that speaks like S3, in a process of its own."""

import asyncio
import os
import sys

import aiohttp
import boto3
import pytest

from tests.builders import eventually, free_port

KEYS = {"AWS_ACCESS_KEY_ID": "AKIATESTKEY", "AWS_SECRET_ACCESS_KEY": "a-very-secret-key"}


@pytest.fixture
def credentials(monkeypatch, tmp_path):
    """Ours, and nothing of the machine's own."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
async def endpoint(credentials, tmp_path):
    """Its address."""
    port = free_port()
    with (tmp_path / "s3.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}"

    async def answers() -> bool:
        assert process.returncode is None, (tmp_path / "s3.log").read_text()
        try:
            async with aiohttp.ClientSession() as http, http.get(f"{url}/moto-api/"):
                return True
        except aiohttp.ClientError:
            return False

    try:
        await eventually(answers, within=30, every=0.1)
        yield url
    finally:
        process.kill()
        await process.wait()


@pytest.fixture
def service(endpoint):
    """A client of it, with a bucket `pages`."""
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="pages")
    yield client
    client.close()
