"""What is nginx's own: how it is reloaded, and that it keeps connections to servers."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from drafterd.domain.errors import ProxyRejected
from drafterd.domain.routing import Target
from drafterd.route import nginx_static
from tests.builders import eventually
from tests.integration.route.conftest import NGINX, World, echoing, free_address, opened, serving


@pytest.fixture
async def nginx(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path, "nginx") as found:
        yield found


async def test_one_that_the_system_runs_is_tested_and_reloaded_by_commands(nginx: World) -> None:
    test = nginx_static.test_command(NGINX, nginx.folder / "nginx" / "nginx.conf")
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
    main = nginx.folder / "nginx" / "nginx.conf"
    await nginx.proxy.close()
    nginx.proxy = nginx.adapter(test=(), pid_file=None, pools_file=None)
    async with serving(echoing("one")) as one, asyncio.TaskGroup() as tasks:
        waits = tasks.create_task(nginx.publish(d1=Target(address=one)))
        await eventually(lambda: "p:d1" in nginx.routes_file.read_text())
        os.kill(int(nginx_static.pid_file(main).read_text()), signal.SIGHUP)
        await waits
        assert (await nginx.seen("/api/draft/d1"))["by"] == "one"


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
