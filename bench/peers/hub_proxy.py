"""Drives jupyterhub-traefik-proxy, with that package's own interpreter: a line in, a line out.

`fill FILE` writes the routes of a file at once, `add ID TARGET` and `remove ID` are its own calls.
Nothing of drafterd is imported here: the package lives in an environment of its own.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

from jupyterhub_traefik_proxy.fileprovider import TraefikFileProviderProxy
from jupyterhub_traefik_proxy.traefik_utils import deep_merge


def path_of(draft):
    """The draft's address, as it wants it."""
    return f"/api/draft/{draft}/"


async def main(folder, web, api):
    """Start its Traefik, then do as we are told."""
    proxy = TraefikFileProviderProxy(
        public_url=f"http://{web}",
        traefik_api_url=f"http://{api}",
        traefik_api_username="bench",
        traefik_api_password="bench",  # on the loopback, for a minute
        static_config_file=f"{folder}/static.toml",
        dynamic_config_file=f"{folder}/rules.toml",
        should_start=True,
        check_route_timeout=60,
    )
    await proxy.start()
    try:
        print(f"ready {proxy.traefik_process.pid}", flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            await act(proxy, *line.split())
            print("done", flush=True)
    finally:
        with contextlib.suppress(OSError):
            await proxy.stop()


async def act(proxy, word, *values):
    """One order."""
    if word == "add":
        await proxy.add_route(path_of(values[0]), values[1], {})
    elif word == "remove":
        await proxy.delete_route(path_of(values[0]))
    else:
        await fill(proxy, await asyncio.to_thread(Path(values[0]).read_text))


async def fill(proxy, lines):
    """All at once: a call for each would take a second each."""
    routes: dict[str, object] = {}
    facts: dict[str, object] = {}
    for line in lines.splitlines():
        draft, target = line.split()
        found, about = proxy._dynamic_config_for_route(path_of(draft), target, {})  # noqa: SLF001 - no other way
        deep_merge(routes, found)
        deep_merge(facts, about)
    await proxy._apply_dynamic_config(routes, facts)  # noqa: SLF001 - no other way


asyncio.run(main(*sys.argv[1:]))
