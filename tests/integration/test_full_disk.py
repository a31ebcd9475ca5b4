"""A daemon whose whole state lies on a disk that fills up."""

import subprocess
from functools import partial
from pathlib import Path

import pytest

from tests.builders import eventually
from tests.server import Server, node_server

SIZE = 24
"""Megabytes of the disk."""

MOUNT = f'mount -t tmpfs -o size={SIZE}m none "$0" && exec "$@"'


def namespaces():
    return subprocess.run(["unshare", "-Urm", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.timeout(180)
@pytest.mark.skipif(not namespaces(), reason="no user namespaces: a small disk cannot be mounted here")
async def test_what_serves_goes_on_and_the_rest_is_built_once_there_is_space(tmp_path):
    server = Server(tmp_path)
    server.state.mkdir()
    server.around = ("unshare", "-Urm", "sh", "-c", MOUNT, str(server.state))
    async with server:
        assert server.process is not None
        server.state = Path(f"/proc/{server.process.pid}/root{server.state}")
        server.drop("good", node_server())
        await server.until("good", "ready")
        filler = fill(server.state)

        server.drop("late", node_server("late"))
        server.drop("good", node_server("changed"))

        for draft in ("late", "good"):
            problem = await eventually(partial(problem_of, server, draft), within=30)
            assert (problem["code"], problem["mend"]) == ("disk-full", "machine")
            assert problem["retry_at"]
        assert (await server.visit("/api/draft/good/"))[:2] == (200, "hello /")

        filler.unlink()
        await server.until("late", "ready", within=60)
        await eventually(lambda: answers(server, "good", "changed /"), within=60)
        assert not (await server.draft("good"))["problem"]


def fill(folder):
    """Leave no space for a build, and none for anything else."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue
    return filler


async def problem_of(server, draft):
    return (await server.draft(draft)).get("problem")


async def answers(server, draft, text):
    return (await server.visit(f"/api/draft/{draft}/"))[1] == text
