"""`up` as people use it: one process tree, a static draft, Ctrl-C, nothing left."""

import asyncio
import os
import pty
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from tests.builders import eventually, free_port

URL = re.compile(r"http://localhost:(\d+)/api/draft/page\s")


@pytest.fixture
def environ():
    ports: set[int] = set()
    while len(ports) < 4:
        ports.add(free_port())
    keys = ("PROXY__LISTEN", "API__LISTEN", "EDGE__LISTEN", "PROXY__DASHBOARD")
    listeners = {f"DRAFTERD_{key}": f"127.0.0.1:{port}" for key, port in zip(keys, ports, strict=True)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DRAFTERD_")}
    return {**kept, **listeners, "DRAFTERD_SETTLE": "0s", "TERM": "xterm"}


@pytest.fixture
def folder():
    # The system takes no socket whose path is long, and pytest's own folders are.
    with tempfile.TemporaryDirectory(prefix="up-") as name:
        page = Path(name) / ".drafts/page"
        page.mkdir(parents=True)
        (page / "index.html").write_text("<h1>hello</h1>")
        yield Path(name)


@asynccontextmanager
async def up(folder, environ, **streams):
    # As a shell starts it: whoever runs the tests without a terminal may ignore that one is closed.
    as_a_shell = ("env", "--default-signal=HUP")
    process = await asyncio.create_subprocess_exec(
        *as_a_shell,
        sys.executable,
        "-m",
        "drafterd",
        "up",
        cwd=folder,
        env=environ,
        stdin=subprocess.DEVNULL,
        **streams,
    )
    try:
        async with asyncio.timeout(60):
            yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.communicate()


def left_of(folder):
    """Processes that name the folder or work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            if str(folder) in " ".join(process.cmdline()) or process.cwd().startswith(str(folder)):
                found.append(process)
        except psutil.Error:
            continue
    return found


def page(url):
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


async def test_without_a_terminal_it_prints_lines_and_the_url_as_the_only_result(folder, environ):
    async with up(folder, environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        url = (await process.stdout.readline()).decode()
        assert URL.fullmatch(url)
        assert b"<h1>hello</h1>" in await asyncio.to_thread(page, url.strip() + "/")
        again = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drafterd", "up", cwd=folder, env=environ, stderr=subprocess.PIPE
        )
        _, refused = await again.communicate()
        assert again.returncode == 1
        assert b"another drafterd works on" in refused
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
        assert (process.returncode, out) == (0, b"")
    said = err.decode()
    assert "\x1b" not in said
    assert "The dashboard: http://127.0.0.1:" in said
    assert re.search(r"^page  live", said, re.MULTILINE)
    assert "Traceback" not in said, said
    await eventually(lambda: not left_of(folder))


async def test_on_a_terminal_it_shows_a_table_and_the_url(folder, environ):
    ours, theirs = pty.openpty()
    seen = bytearray()
    asyncio.get_running_loop().add_reader(ours, lambda: seen.extend(os.read(ours, 65536)))
    try:
        async with up(folder, environ, stdout=theirs, stderr=theirs) as process:
            await eventually(lambda: URL.search(text_of(seen)) and re.search("page +ready", text_of(seen)), within=40)
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 0
        await eventually(lambda: "Stopped." in text_of(seen))
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)
        os.close(theirs)
    assert "Traceback" not in text_of(seen)
    await eventually(lambda: not left_of(folder))


@pytest.mark.parametrize("moment", ["supervisor.sock", "drafterd.sock"])
async def test_closing_the_terminal_leaves_nothing_running(folder, environ, moment):
    """While it starts, and once it runs."""
    ours, theirs = pty.openpty()
    async with up(folder, environ, stdout=theirs, stderr=theirs) as process:
        await eventually((folder / ".drafterd/run" / moment).exists, within=30, every=0.002)
        os.close(theirs)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert await process.wait() in {0, 130}
    await eventually(lambda: not left_of(folder))


async def test_term_while_it_starts_leaves_nothing_running(folder, environ):
    async with up(folder, environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        await eventually((folder / ".drafterd/run/supervisor").exists, within=30, every=0.002)
        process.send_signal(signal.SIGTERM)
        assert await process.wait() in {0, 130}
    await eventually(lambda: not left_of(folder))


def text_of(seen):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode(errors="replace"))
