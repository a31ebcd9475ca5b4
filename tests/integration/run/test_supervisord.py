"""Instances under a real supervisord: started, proved, given up, stopped, taken over."""

import asyncio
import json
import os
import signal
import socket
import sys

import pytest

from drafterd.domain.model import InstanceStatus, Limits
from drafterd.domain.names import InstanceId
from drafterd.leases import is_free
from tests.builders import eventually
from tests.integration.run.conftest import SERVER, World, fetch

READY, FAILED, STARTING = InstanceStatus.READY, InstanceStatus.FAILED, InstanceStatus.STARTING


async def test_a_started_instance_becomes_ready_and_answers(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    seen = await world.until(spec.id, READY)
    assert seen.address == spec.address
    assert seen.pid is not None
    assert world.marked(spec.id) == {seen.pid}
    assert await fetch(spec.address) == "hello\n"
    assert spec.id in world.changes


async def test_starting_twice_is_starting_once(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    first = await world.until(spec.id, READY)
    await world.runtime.start(spec)
    assert (await world.until(spec.id, READY)).pid == first.pid


async def test_a_page_of_errors_is_an_answer(world: World):
    spec = world.spec(environment={"STATUS": "500"})
    await world.runtime.start(spec)
    await world.until(spec.id, READY)


async def test_many_start_at_once(world: World):
    many = [world.spec(draft=f"demo{number}", port=30_000 + number) for number in range(6)]
    await asyncio.gather(*(world.runtime.start(spec) for spec in many))
    for spec in many:
        await world.until(spec.id, READY)
    assert len(world.marked()) == 6


async def test_an_environment_arrives_unchanged_and_stands_in_no_ini(world: World):
    values = {
        "PERCENT": "100% %(here)s %(ENV_PATH)s",
        "QUOTES": """a"b'c`id`$(id)\\""",
        "NEWLINE": "one\n[program:evil]\ncommand=/bin/true\n",
        "COMMENT": "a ;b #c",
        "UNICODE": "grüße ☃",
    }
    show = world.layout.state / "environment.json"
    code = f"import json,os; open({str(show)!r},'w').write(json.dumps(dict(os.environ)))\n" + SERVER
    spec = world.spec(code, environment=values)
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    arrived = json.loads(show.read_text())
    marks = {"DRAFTERD_INSTANCE": spec.id, "DRAFTERD_STATE": str(world.layout.state)}
    assert {name: value for name, value in arrived.items() if name != "LC_CTYPE"} == {**spec.environment, **marks}
    text = "".join(file.read_text() for file in (world.layout.run / "supervisor").rglob("*.conf"))
    assert not any(word in text for word in ("evil", "`id`", "ENV_PATH", "grüße"))
    assert world.layout.spec(spec.id).stat().st_mode & 0o777 == 0o600


async def test_limits_hold_in_the_program(world: World):
    show = world.layout.state / "limits.json"
    code = (
        "import json,resource as r\n"
        f"open({str(show)!r},'w').write(json.dumps([r.getrlimit(r.RLIMIT_NOFILE), r.getrlimit(r.RLIMIT_CORE)]))\n"
    )
    spec = world.spec(code + SERVER, limits=Limits(open_files=200))
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    assert json.loads(show.read_text()) == [[200, 200], [0, 0]]


async def test_a_server_that_never_listens(world: World):
    world.start_timeout = 1.5
    await world.begin()
    spec = world.spec("import time\nprint('\\x1b[31mwaiting\\x1b[0m', flush=True)\ntime.sleep(1000)")
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "never-listened"
    assert problem.tail == ("waiting",)
    assert not world.marked(spec.id)


async def test_a_server_that_accepts_and_says_nothing(world: World):
    world.start_timeout = 1.5
    await world.begin()
    code = "import os,socket,time\ns=socket.create_server(('127.0.0.1',int(os.environ['PORT'])))\ntime.sleep(1000)"
    spec = world.spec(code)
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "never-answered"


async def test_a_server_that_exits_says_how_and_hides_secrets(world: World):
    code = "import os,sys\nprint('no database at', os.environ['API_TOKEN'], flush=True)\nsys.exit(7)"
    spec = world.spec(code, environment={"API_TOKEN": "hush-hush-hush"})
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "exited"
    assert "exit status 7" in problem.summary
    assert problem.tail[-1] == "no database at [API_TOKEN]"
    await world.runtime.stop(spec.id)
    assert await world.instance(spec.id) is None


async def test_a_server_that_ends_well_has_ended_all_the_same(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    await world.steady(spec.id)
    await fetch(spec.address, "/end")
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "exited"


async def test_a_command_that_does_not_exist(world: World):
    spec = world.spec(argv=("/nowhere/node", "server.js"))
    await world.runtime.start(spec)
    problem = (await world.until(spec.id, FAILED)).problem
    assert problem is not None
    assert problem.code == "exited"
    assert "cannot start" in problem.tail[-1]


@pytest.mark.parametrize("answering", [True, False])
async def test_a_port_that_a_stranger_holds(world: World, answering: bool):
    spec = world.spec()
    if answering:
        stranger = await asyncio.start_server(_answer, "127.0.0.1", spec.address.port)
        close = stranger.close
    else:
        silent = socket.create_server(("127.0.0.1", spec.address.port))
        close = silent.close
    try:
        await world.runtime.start(spec)
        problem = (await world.until(spec.id, FAILED)).problem
        assert problem is not None
        assert problem.code == "port-taken"
        assert not world.marked(spec.id)
    finally:
        close()
    await world.runtime.start(spec)
    await world.until(spec.id, READY)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    writer.close()


async def test_a_stop_leaves_no_process_and_no_listener(world: World):
    stubborn = (
        "import os,signal,socket,time\n"
        "listener=socket.create_server(('127.0.0.1',int(os.environ['PORT'])+1))\n"
        "if os.fork()==0:\n"
        "    os.setsid(); signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "    time.sleep(1000)\n"
    )
    spec = world.spec(stubborn + SERVER)
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    assert len(world.marked(spec.id)) == 2
    await world.runtime.stop(spec.id)
    assert not world.marked(spec.id)
    assert is_free(spec.address.port)
    assert is_free(spec.address.port + 1)
    assert spec.id not in await world.runtime.observe()
    assert not world.layout.spec(spec.id).exists()
    assert not list(world.layout.programs.iterdir())
    await world.runtime.stop(spec.id)
    await world.runtime.stop(InstanceId("never.r1"))


async def test_a_crash_is_followed_by_a_new_start_and_a_new_probe(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    first = await world.until(spec.id, READY)
    await world.steady(spec.id)
    assert first.pid is not None
    os.kill(first.pid, signal.SIGKILL)

    async def again() -> bool:
        seen = await world.instance(spec.id)
        return seen is not None and seen.status is READY and seen.pid != first.pid

    await eventually(again, within=15)
    seen = await world.instance(spec.id)
    assert seen is not None
    assert seen.restarts == 1
    assert await fetch(spec.address) == "hello\n"


async def test_a_crash_loop_is_seen_and_ended(world: World):
    code = "import threading,os\nthreading.Timer(2.3, lambda: os._exit(9)).start()\n"
    spec = world.spec(code + SERVER)
    await world.runtime.start(spec)
    seen = await world.until(spec.id, FAILED, within=40)
    assert seen.problem is not None
    assert seen.problem.code == "crash-loop"
    assert "exit status 9" in seen.problem.summary
    assert not world.marked(spec.id)


async def test_a_new_daemon_takes_over_what_runs(world: World):
    spec, bad = world.spec(), world.spec("import sys; sys.exit(5)", draft="bad")
    await world.runtime.start(spec)
    await world.runtime.start(bad)
    first = await world.until(spec.id, READY)
    await world.until(bad.id, FAILED)
    await world.begin()
    seen = await world.until(spec.id, READY)
    assert seen.pid == first.pid
    assert seen.address == spec.address
    again = await world.until(bad.id, FAILED)
    assert again.address == bad.address
    assert again.problem is not None
    assert "exit status 5" in again.problem.summary
    await world.runtime.stop(spec.id)
    assert is_free(spec.address.port)


async def test_a_program_whose_specification_is_lost_is_ended_and_can_be_started(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    await world.end()
    world.layout.spec(spec.id).unlink()
    await world.begin()
    await world.until(spec.id, InstanceStatus.STOPPED)
    assert not world.marked(spec.id)
    await world.runtime.start(spec)
    await world.until(spec.id, READY)


async def test_a_changed_specification_replaces_what_runs(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    await world.runtime.start(world.spec(port=spec.address.port, environment={"GREETING": "changed"}))
    await world.until(spec.id, READY)
    assert await fetch(spec.address) == "changed\n"


async def test_a_killed_supervisord_leaves_no_orphan(world: World):
    spec = world.spec()
    await world.runtime.start(spec)
    first = await world.until(spec.id, READY)
    assert world.supervisord.pid is not None
    os.kill(world.supervisord.pid, signal.SIGKILL)
    await world.supervisord.ensure()
    assert not world.marked()
    await world.until(spec.id, InstanceStatus.STOPPED)
    await world.runtime.start(spec)
    seen = await world.until(spec.id, READY)
    assert seen.pid != first.pid


async def test_node_gets_the_preload_and_no_options_of_the_draft(world: World):
    code = (
        "require('http').createServer((q,r)=>{r.writeHead(302,{Location:'/there'});"
        "r.end(process.env.NODE_OPTIONS)}).listen(process.env.PORT,process.env.HOSTNAME)"
    )
    node = next(folder for folder in os.environ["PATH"].split(":") if os.access(f"{folder}/node", os.X_OK))
    environment = {"NODE_OPTIONS": "--inspect", "DRAFTERD_PREFIX": "/api/draft/demo"}
    spec = world.spec(argv=(f"{node}/node", "-e", code), environment=environment)
    await world.runtime.start(spec)
    await world.until(spec.id, READY)
    reader, writer = await asyncio.open_connection(spec.address.host, spec.address.port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    assert "Location: /api/draft/demo/there" in answer
    assert "--inspect" not in answer
    assert sys.executable not in answer
