"""Requests per second through each proxy to the same server, with `wrk`; direct beside them.

The server is an nginx that answers out of its configuration: what is measured is the hop.
"""

import contextlib
import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

from bench.ways import free_address, process
from drafterd.domain.model import Address
from drafterd.domain.names import DraftId

CONNECTIONS = 16
SECONDS = 3
ROUNDS = 3
CALM, CALM_WITHIN = 15.0, 30.0
"""Percent of the machine that may be used before a measurement, and seconds to wait for it."""
TOOLS = ("wrk", "nginx")

_SERVER = """
daemon off; pid nginx.pid; worker_processes 1; error_log stderr crit;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;
  server { listen %s; location / { default_type text/plain; return 200 "the draft itself"; } }
}
"""
_RATE = re.compile(r"Requests/sec:\s+([0-9.]+)")
_FAILED = re.compile(r"(?:Socket errors:.*|Non-2xx.*)")


def missing(tools: Sequence[str] = TOOLS) -> list[str]:
    """The programs that would have to be installed first."""
    return [tool for tool in tools if not _found(tool)]


def _found(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin")


@contextlib.contextmanager
def fast_server() -> Iterator[Address]:
    """A server that is much faster than any proxy."""
    listen = free_address()
    with tempfile.TemporaryDirectory(prefix="drafterd-bench-") as name:
        folder = Path(name)
        (folder / "nginx.conf").write_text(_SERVER % listen)
        nginx = _found("nginx")
        assert nginx is not None
        with process((nginx, "-p", name, "-e", "stderr", "-c", str(folder / "nginx.conf")), folder):
            yield listen


def measure(webs: Mapping[str, Address], drafts: Mapping[str, DraftId]) -> dict[str, float]:
    """Each in turn, some rounds of it: medians of requests per second.

    Args:
        webs: Where to ask, by name.
        drafts: Which draft to ask for, by the same names.
    """
    found: dict[str, list[float]] = {name: [] for name in webs}
    _calm_down()
    for _ in range(ROUNDS):
        for name, web in webs.items():
            found[name].append(_rate(f"http://{web}/api/draft/{drafts[name]}"))
    return {name: round(statistics.median(rates)) for name, rates in found.items()}


def _calm_down() -> None:
    """Wait until the proxies have taken in their routes; where others use the machine, not for ever."""
    deadline = time.monotonic() + CALM_WITHIN
    while psutil.cpu_percent(1.0) > CALM and time.monotonic() < deadline:
        pass


def _rate(url: str) -> float:
    wrk = _found("wrk")
    assert wrk is not None
    words = (wrk, "-t", "1", "-c", str(CONNECTIONS), "-d", f"{SECONDS}s", "-H", "Host: localhost", url)
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=SECONDS + 30).stdout
    rate, failed = _RATE.search(output), _FAILED.search(output)
    if rate is None or failed:
        raise RuntimeError(f"{url}: {failed[0] if failed else output}")
    return float(rate[1])
