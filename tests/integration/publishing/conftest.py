"""A real server that speaks like S3, in a process of its own."""

import json
import os
import subprocess
import sys

import boto3
import pytest

from tests.builders import free_port
from tests.integration.publishing.places import REGION, Store


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """One that checks signatures and digests."""
    port = free_port()
    log = tmp_path_factory.mktemp("s3") / "s3.log"
    words = [sys.executable, "-m", "tests.integration.publishing.strict_server", str(port)]
    bare = {name: value for name, value in os.environ.items() if not _of_the_machine(name)}
    with log.open("wb") as output, subprocess.Popen(words, stdout=subprocess.PIPE, stderr=output, env=bare) as process:
        assert process.stdout
        keys = process.stdout.readline()
        assert keys, log.read_text()
        yield Store(f"http://127.0.0.1:{port}", json.loads(keys))
        process.kill()


def _of_the_machine(name):
    return name.startswith("AWS_") or name.lower().endswith("_proxy")


@pytest.fixture
def credentials(monkeypatch, tmp_path, store):
    """Those of the server's user, and nothing of the machine's own."""
    for name in filter(_of_the_machine, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name, value in store.keys.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def endpoint(credentials, store):
    """Its address."""
    return store.endpoint


@pytest.fixture
def service(endpoint):
    """A client of it, with an empty bucket `pages`."""
    client = boto3.session.Session().client("s3", endpoint_url=endpoint, region_name=REGION)
    client.create_bucket(Bucket="pages")
    yield client
    for entry in client.list_objects_v2(Bucket="pages").get("Contents", []):
        client.delete_object(Bucket="pages", Key=entry["Key"])
    client.delete_bucket(Bucket="pages")
    client.close()
