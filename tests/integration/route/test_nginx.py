"""What is nginx's own: how it is reloaded, and that it keeps connections to servers."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import aiohttp
import psutil
import pytest
from aiohttp import web

from drafterd import resources
from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import Target
from drafterd.route import nginx_static
from drafterd.route.nginx_start import end_leftovers
from tests.builders import eventually
from tests.integration.route.conftest import NGINX, World, echoing, free_address, opened, serving


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, "nginx") as found:
        yield found


async def test_one_that_the_system_runs_is_tested_and_reloaded_by_commands(nginx: World) -> None:
    test = nginx_static.test_command(NGINX, nginx.main)
    await nginx.proxy.close()
    nginx.proxy = nginx.adapter(test=test, reload=(*test[:-2], "-s", "reload"), pid_file=None, pools_file=None)
    async with serving(echoing("one")) as one:
        await nginx.publish(d1=Target(address=one))
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one"


async def test_a_command_that_fails_says_why_and_changes_nothing(nginx: World) -> None:
    async with serving(echoing("one")) as one:
        table = await nginx.publish(d1=Target(address=one))
        await nginx.proxy.close()
        nginx.proxy = nginx.adapter(reload=("/bin/sh", "-c", "echo no rights >&2; exit 3"), pid_file=None)
        with pytest.raises(ProxyRejected, match="no rights"):
            await nginx.publish(d1=Target(address=one), d2=Target(address=one))
        assert await nginx.proxy.observe() == table
        nginx.proxy = nginx.adapter(reload=("/nowhere/nginx",), pid_file=None)
        with pytest.raises(ProxyRejected, match="cannot be run"):
            await nginx.publish(d2=Target(address=one))


async def test_one_that_others_reload_is_waited_for(nginx: World) -> None:
    main = nginx.main
    await nginx.proxy.close()
    nginx.proxy = nginx.adapter(test=(), pid_file=None, pools_file=None)
    async with serving(echoing("one")) as one, asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(nginx.publish(d1=Target(address=one)))
        await eventually(lambda: "p:d1" in nginx.routes_file.read_text())
        os.kill(int(nginx_static.pid_file(main).read_text()), signal.SIGHUP)
        await waits
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one"


async def test_others_who_miss_a_change_are_told_again(nginx: World) -> None:
    """As systemd does, while a reload is under way."""
    await nginx.proxy.close()
    nginx.proxy = nginx.adapter(test=(), pid_file=None, pools_file=None)
    async with serving(echoing("one")) as one, asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(nginx.publish(d1=Target(address=one)))
        await eventually(lambda: "p:d1" in nginx.routes_file.read_text())
        missed = nginx.routes_file.stat().st_mtime_ns
        await eventually(lambda: nginx.routes_file.stat().st_mtime_ns > missed, within=5)
        os.kill(int(nginx_static.pid_file(nginx.main).read_text()), signal.SIGHUP)
        await waits
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one"


@pytest.mark.parametrize("whose", ["ours", "of the system"])
async def test_streams_outlive_a_reload_but_not_for_ever(nginx: World, whose: str) -> None:
    more = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b"data: first\n\n")
        await more.wait()
        await stream.write(b"data: second\n\n")
        await asyncio.Event().wait()
        return stream

    line = f"worker_shutdown_timeout {nginx_static.DRAIN:g}s;"
    kept = nginx.main.read_text()
    assert line in kept
    if whose == "ours":
        nginx.main.write_text(kept.replace(line, "worker_shutdown_timeout 2s;"))
    else:
        sample = (resources.folder("etc") / "nginx" / "drafterd-main.conf").read_text()
        assert line in sample
        own = nginx.folder / "90-drafterd.conf"
        own.write_text(sample.replace(line, "worker_shutdown_timeout 2s;"))
        nginx.main.write_text(kept.replace(line, f"include {nginx.folder}/90-*.conf;"))

    def workers() -> set[int]:
        assert nginx.process is not None
        return {child.pid for child in psutil.Process(nginx.process.pid).children()}

    async with serving(handler) as server, serving(echoing("two")) as two:
        await nginx.publish(d1=Target(address=server))  # a reload: workers from now on have the short time
        async with nginx.ask("/api/draft/d1/events") as response:
            assert await asyncio.wait_for(response.content.readany(), 5) == b"data: first\n\n"
            older = workers()
            await nginx.publish(d1=Target(address=two))
            more.set()
            assert await asyncio.wait_for(response.content.readany(), 5) == b"data: second\n\n"
            assert workers() & older, "who has the stream"
            with pytest.raises(aiohttp.ClientError):
                await asyncio.wait_for(response.content.readany(), 10)
        await eventually(lambda: not workers() & older)


async def test_connections_to_servers_are_kept(nginx: World) -> None:
    connections = set()

    async def handler(request: web.Request) -> web.StreamResponse:
        connections.add(request.transport)
        return web.Response(text="x")

    async with serving(handler) as server:
        await nginx.publish(d1=Target(address=server))
        for _ in range(20):
            async with nginx.ask("/api/draft/d1") as response:
                assert response.status == 200
    assert len(connections) <= 2 * 2, "one for each worker, or few more"


async def test_a_daemon_that_is_away_is_told_of_without_one(nginx: World) -> None:
    """A protected draft is shut then; what needs no daemon is served."""
    async with serving(echoing("one")) as one:
        await nginx.stop()
        await nginx.proxy.close()
        nginx.settings = replace(nginx.settings, edge=free_address())
        nginx.proxy = nginx.adapter()
        nginx.proxy.prepare()
        await nginx.start()
        await nginx.publish(
            d1=Target(address=one),
            shut=Target(address=one, protected=True),
            slash=Target(address=one, protected=True, strip="/api/draft/slash"),
            down=Target(address=free_address()),
        )
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one"
        for draft in ("shut/a?b", "slash", "slash/a", "down", "nobody/"):
            for method, accept, kind in (
                ("GET", "text/html,*/*", "text/html"),
                ("POST", "*/*", "application/problem+json"),
            ):
                body = b"x" * 300_000 if method == "POST" else None
                path, headers = f"/api/draft/{draft}", {"Accept": accept}
                async with nginx.ask(path, method=method, headers=headers, data=body) as response:
                    assert (response.status, response.content_type) == (503, kind), path
                    assert response.headers["Retry-After"] == "3"
                    assert response.headers["Cache-Control"] == "no-store"
                    assert response.headers["X-Robots-Tag"] == "noindex"
                    text = await response.text()
                    assert "Back in a moment" in text or json.loads(text)["code"] == "daemon-away"


async def test_what_a_killed_one_left_is_ended_and_nobody_else(nginx: World, tmp_path: Path) -> None:
    record = nginx_static.group_file(nginx.main)
    boot, group, started = record.read_text().split()
    async with serving(echoing("one")) as one:
        await nginx.publish(d1=Target(address=one))
        await nginx.stop(signal.SIGKILL)
        stale = tmp_path / "stale.group"
        for words in (
            (str(uuid.uuid4()), group, started),  # before the machine was started anew
            (boot, group, str(int(started) + 10**6)),  # longer ago than these live
            (boot, "nonsense", started),
            (group,),
        ):
            stale.write_text(" ".join(words))
            assert end_leftovers(stale) == 0, words
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one", "its workers live on"
        assert end_leftovers(record) >= 1
        assert not await nginx.proxy.alive()


async def test_a_number_that_is_another_programs_by_now_is_left_alone(nginx: World, tmp_path: Path) -> None:
    """Also where that is a living nginx: of another user, it could not even be ended."""
    boot, group, started = nginx_static.group_file(nginx.main).read_text().split()
    stale = tmp_path / "stale.group"
    stale.write_text(f"{boot} {group} {int(started) - 1}")
    assert end_leftovers(stale) == 0
    assert await nginx.proxy.alive()


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
async def test_what_may_not_be_ended_does_not_keep_nginx_from_starting(nginx: World) -> None:
    another = ("setpriv", "--reuid=65533", "--regid=65533", "--clear-groups", sys.executable, "-c")
    program = "from drafterd.route.nginx_start import *; print(end_leftovers(Path('/dev/stdin')))"

    def ask(program: str) -> tuple[int, str]:
        record = nginx_static.group_file(nginx.main).read_text()
        done = subprocess.run([*another, program], input=record, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.strip()

    if (await asyncio.to_thread(ask, "import drafterd.route"))[0] != 0:
        pytest.skip("this Python lies in a folder that only its owner may enter")
    assert await asyncio.to_thread(ask, program) == (0, "0")
    assert await nginx.proxy.alive()
