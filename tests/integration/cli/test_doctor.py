"""`doctor` and `up`'s first look, on this machine as it is."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from drafterd import doctor
from drafterd.cli import app
from drafterd.config import Config
from drafterd.doctor import isolation, machine, places, services, tools
from drafterd.sandbox import probe
from drafterd.toolchain import which
from tests.builders import free_port


@pytest.fixture
def listeners():
    ports: dict[str, str] = {}
    for key in ("proxy.listen", "api.listen", "edge.listen", "proxy.dashboard"):
        port = free_port()
        while f"127.0.0.1:{port}" in ports.values():
            port = free_port()
        ports[key] = f"127.0.0.1:{port}"
    return ports


@pytest.fixture
def config(tmp_path, listeners):
    folders = {"drafts": str(tmp_path / "d"), "state": str(tmp_path / "s")}
    first = free_port(11)
    pool = {"ports.first": first, "ports.last": first + 10}
    return Config.load(None, environ={}, overrides={**folders, **listeners, **pool})


def examine(config, **known):
    return doctor.examine(doctor.Case(config=config, **known))


def preflight(config):
    return doctor.preflight(doctor.Case(config=config))


def look(at, config, **known):
    """One look, where all of them would take a second."""
    return by_name(at(doctor.Case(config=config, **known)))


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_everything_has_a_finding_and_each_bad_one_a_way_to_mend_it(config):
    found = by_name(examine(config))
    expected = {"python", "node", "npm", "supervisord", "traefik", "drafts", "state", "api.listen", "edge.listen"}
    expected |= {
        "limits",
        "proxy.listen",
        "ports",
        "memory",
        "disk",
        "build.sandbox",
        "run.sandbox",
        "credentials",
        "daemon",
    }
    assert expected <= set(found)
    assert all(finding.mend for finding in found.values() if finding.level is not doctor.Level.OK)
    assert not any(finding.mend for finding in found.values() if finding.level is doctor.Level.OK)
    assert found["node"].level is doctor.Level.OK
    assert "isolation: " in found["run.sandbox"].detail


def test_a_machine_without_walls_is_told_and_refused_where_they_are_asked_for(config, monkeypatch):
    monkeypatch.setattr(probe, "find", lambda: None)
    finding = by_name(examine(config))["build.sandbox"]
    assert finding.level is doctor.Level.WARNING
    assert "isolation: none" in finding.detail
    assert "no bubblewrap" in finding.detail
    assert preflight(config) == ()
    strict = config.model_copy(update={"run": config.run.model_copy(update={"sandbox": "bubblewrap"})})
    (finding,) = preflight(strict)
    assert (finding.name, finding.level) == ("run.sandbox", doctor.Level.ERROR)
    assert "pip install" in finding.detail
    assert finding.mend


def test_a_firewall_that_is_asked_for_and_cannot_be_had_is_an_error(config, monkeypatch):
    monkeypatch.setattr(probe, "find", lambda: None)
    assert "run.network" not in by_name(examine(config))
    fenced, auto = (
        config.model_copy(update={"run": config.run.model_copy(update={"network": word})})
        for word in ("fenced", "auto")
    )
    (finding,) = preflight(fenced)
    assert (finding.name, finding.level) == ("run.network", doctor.Level.ERROR)
    assert "shared" in finding.mend
    assert by_name(examine(auto))["run.network"].level is doctor.Level.WARNING
    assert preflight(auto) == ()


def test_addresses_with_a_password_are_named_and_not_shown(config, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://operator:hunter2hunter2@proxy:3128")
    finding = next(each for each in examine(config) if "https_proxy" in each.detail)
    assert (finding.name, finding.level) == ("registry", doctor.Level.WARNING)
    assert finding.detail.startswith("https_proxy holds a password")
    assert "hunter2" not in repr(finding)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert not [each for each in examine(config) if "https_proxy" in each.detail]


@contextmanager
def registry(clock=timedelta(0)):
    """One that has nothing, and a clock of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response_only(404)
            self.send_header("Date", format_datetime(datetime.now(UTC) + clock, usegmt=True))
            self.end_headers()

        def log_message(self, *_words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_a_registry_that_answers_says_what_time_it_is(config, monkeypatch):
    with registry() as url:
        monkeypatch.setenv("npm_config_registry", url)
        found = by_name(examine(config))
        assert {found[name].level for name in ("names", "registry", "clock")} == {doctor.Level.OK}
    with registry(timedelta(hours=1)) as url:
        monkeypatch.setenv("npm_config_registry", url)
        clock = by_name(examine(config))["clock"]
    assert clock.level is doctor.Level.WARNING
    assert re.fullmatch(r"(3599|3600) s behind the registry's", clock.detail)
    assert "chrony" in clock.mend


def test_a_registry_that_is_not_there_is_named_without_its_path(config, monkeypatch):
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_port()}/secret-path/")
    found = by_name(examine(config))
    assert found["registry"].level is doctor.Level.WARNING
    assert "http://127.0.0.1 is not reached: " in found["registry"].detail
    assert "refused" in found["registry"].detail
    assert "secret-path" not in repr(found)
    assert "clock" not in found
    assert preflight(config) == ()


def test_a_registry_that_is_no_web_address_is_not_opened(config, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("npm_config_registry", f"file://{tmp_path}/file")
    found = by_name(examine(config))
    assert (found["registry"].level, found["registry"].detail) == (
        doctor.Level.WARNING,
        "it is no http or https address",
    )
    assert "clock" not in found


def test_a_name_that_nobody_knows_is_told(config, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "https://registry.invalid/")
    found = by_name(examine(config))
    assert found["names"].level is doctor.Level.WARNING
    assert "registry.invalid" in found["names"].detail
    assert "resolv.conf" in found["names"].mend


def test_a_registry_behind_a_proxy_needs_no_names_here(config, monkeypatch):
    with registry() as url:  # asked for another's address, a server is a proxy
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("npm_config_registry", "http://registry.invalid/")
        found = by_name(examine(config))
    assert "names" not in found
    assert found["registry"].detail == "http://registry.invalid answers, through 127.0.0.1"


def test_the_node_that_is_passed_over_is_named(config, monkeypatch, tmp_path):
    other = tmp_path / "node"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert by_name(examine(config))["node"].detail.endswith(f"; not {other}, which stands on PATH")


def test_logs_that_others_may_read_are_told(config):
    logs = config.layout().logs
    logs.mkdir(parents=True)
    logs.chmod(0o755)
    finding = by_name(examine(config))["logs of drafts"]
    assert (finding.level, finding.mend) == (doctor.Level.WARNING, f"chmod o-rwx {logs}")
    logs.chmod(0o750)
    assert by_name(examine(config))["logs of drafts"].level is doctor.Level.OK


def test_looking_leaves_nothing_behind(config, tmp_path):
    examine(config)
    assert list(tmp_path.iterdir()) == []


@contextmanager
def listening(port, *words):
    """Another process that listens on a port; `words` stand in its command line."""
    code = "import socket,sys;s=socket.create_server(('127.0.0.1',int(sys.argv[1])));print(flush=True);sys.stdin.read()"
    argv = [sys.executable, "-c", code, str(port), *words]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdout.readline()
        try:
            yield process.pid
        finally:
            process.stdin.close()


def test_a_taken_port_is_named_with_its_holder_and_the_option(config):
    with listening(config.proxy.listen.port) as pid:
        (finding,) = preflight(config)
    assert finding.name == "proxy.listen"
    assert f"(pid {pid})" in finding.detail
    assert "--listen" in finding.mend
    assert preflight(config) == ()


def test_a_proxy_of_ours_that_outlived_its_daemon_is_no_stranger(config):
    with listening(config.proxy.listen.port, f"--configFile={config.layout().state}/routes/traefik.yml"):
        findings = by_name(examine(config))
    assert findings["proxy.listen"].level is doctor.Level.OK
    assert "held by this drafterd" in findings["proxy.listen"].detail


def test_an_empty_pool_of_ports_is_an_error(config):
    port = free_port()
    narrow = config.model_copy(update={"ports": config.ports.model_copy(update={"first": port, "last": port})})
    with socket.create_server(("127.0.0.1", port)):
        found = by_name(examine(narrow))["ports"]
    assert found.level is doctor.Level.ERROR
    assert found.detail.startswith("0 of 1 free")


def test_a_file_where_a_folder_belongs_is_an_error(config, tmp_path):
    (tmp_path / "d").write_text("")
    assert [finding.name for finding in preflight(config)] == ["drafts"]


def test_a_supervisord_of_others_is_asked_for_at_its_socket(config, tmp_path):
    path = tmp_path / "supervisor.sock"
    others = config.model_copy(update={"runtime": config.runtime.model_copy(update={"socket": path})})
    assert "supervisor's socket" not in by_name(examine(config))
    gone = by_name(examine(others))["supervisor's socket"]
    assert gone.level is doctor.Level.WARNING
    assert gone.detail == f"{path}: No such file or directory"
    assert "drafterd-supervisor" in gone.mend
    with socket.socket(socket.AF_UNIX) as supervisord:
        supervisord.bind(str(path))
        supervisord.listen()
        assert by_name(examine(others))["supervisor's socket"].level is doctor.Level.OK


# A server that was installed as services: a shell there has not what the daemon's unit has.

UNITS = ("drafterd-api.socket", "drafterd-supervisor.service", "drafterd-traefik.service", "drafterd.service")
WELL = doctor.Told(
    version="1.0",
    sandbox="bubblewrap (isolation: full: a; drafts share the network); builds: bubblewrap (full: b)",
    limits="by the kernel (control groups, version 2)",
    failing={},
)


def server(tmp_path, proxy="traefik", down=(), **changes):
    file = tmp_path / "credentials" / "credentials.env"
    if not file.exists():
        file.parent.mkdir()
        file.write_text(
            "DATABASE_URL=postgresql://a:b@c/d\nGOOGLE_CLIENT_ID=i\nGOOGLE_CLIENT_SECRET=s\nGROQ_API_KEY=k\n"
        )
    known = {
        "proxy": proxy,
        "services": dict.fromkeys(UNITS, "active") | dict.fromkeys(down, "failed"),
        "environ": {"CREDENTIALS_DIRECTORY": str(file.parent)},
        "credentials": file,
    }
    return doctor.Server(**known | changes)


@contextmanager
def all_served(config):
    with ExitStack() as stack:
        for address in config.listeners().values():
            stack.enter_context(socket.create_server((address.host, address.port)))
        yield


def test_a_server_that_is_well_has_nothing_to_mend(config, tmp_path, monkeypatch):
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    with all_served(config):
        found = by_name(examine(config, server=server(tmp_path), told=WELL))
    assert found["services"].detail == "4 units are active"
    assert found["credentials"].detail == "all given"
    assert "database" not in found
    assert found["daemon"].detail.startswith("1.0 answers at ")
    assert (found["isolation"].level, found["isolation"].detail) == (doctor.Level.OK, WELL.sandbox)
    assert found["limits"].detail == f"memory and processes are bounded {WELL.limits}"
    assert found["proxy.listen"].detail == f"{config.proxy.listen} is held by drafterd-traefik.service"
    assert found["api.listen"].detail == f"{config.api.listen} is held by drafterd-api.socket"
    assert not {finding.name for finding in found.values() if finding.level is doctor.Level.ERROR}
    # What this shell has, and the daemon's unit has not, is not told for it.
    assert not found.keys() & {"build.sandbox", "run.sandbox", "build.network", "open files"}


def test_on_a_server_nobody_there_is_a_fault(config, tmp_path):
    down = ("drafterd.service", "drafterd-traefik.service")
    found = by_name(examine(config, server=server(tmp_path, down=down), silence="its service does not run"))
    for name, mend in {
        "drafterd.service": "systemctl start drafterd.service",
        "drafterd-traefik.service": "systemctl start drafterd-traefik.service",
        "daemon": "journalctl -u drafterd.service",
        "proxy.listen": "systemctl restart drafterd-traefik.service",
        "api.listen": "systemctl restart drafterd-api.socket",
    }.items():
        assert found[name].level is doctor.Level.ERROR
        assert mend in found[name].mend
    assert found["daemon"].detail.endswith("its service does not run")
    assert "services" not in found


def test_on_a_server_a_stranger_in_the_proxys_place_is_named(config, tmp_path):
    stopped = server(tmp_path, down=["drafterd-traefik.service"])
    with listening(config.proxy.listen.port) as pid:
        finding = look(places.ports, config, server=stopped)["proxy.listen"]
    assert finding.level is doctor.Level.ERROR
    assert f"(pid {pid})" in finding.detail


def test_what_the_living_daemon_says_is_not_well_is_told_with_what_mends_it(config):
    told = replace(WELL, failing={"proxy": "the proxy does not answer"})
    finding = look(services.daemon, config, told=told)["proxy"]
    assert (finding.level, finding.detail) == (doctor.Level.ERROR, "the proxy does not answer")
    assert finding.mend


@pytest.mark.parametrize(
    ("sandbox", "mend"),
    [
        ("plain (isolation: none: no bubblewrap)", "trust"),
        ("bubblewrap (isolation: full: a); builds: plain (none: why)", "trust"),
        ("users (isolation: uid-only: a)", "namespaces"),
        ("bubblewrap (isolation: full: a); builds: bubblewrap (full: b; builds share the network: c)", "slirp4netns"),
    ],
)
def test_weak_walls_of_the_living_daemon_are_told(config, sandbox, mend):
    finding = look(isolation.sandboxes, config, told=replace(WELL, sandbox=sandbox))["isolation"]
    assert finding.level is doctor.Level.WARNING
    assert mend in finding.mend


def test_what_only_root_may_read_is_not_called_missing(config, tmp_path):
    finding = look(places.credentials, config, server=server(tmp_path, environ=None))["credentials"]
    assert (finding.level, finding.mend) == (doctor.Level.WARNING, "run `doctor` as root")


def test_memory_is_what_the_slice_of_drafts_leaves(config, tmp_path):
    found = look(machine.memory, config, server=server(tmp_path, room=300_000_000))["memory"]
    assert "some 3 small drafts more, which is what drafterd-drafts.slice leaves them" in found.detail


def test_an_nginx_of_the_system_has_a_finding(config):
    nginx = config.model_copy(update={"proxy": config.proxy.model_copy(update={"kind": "nginx", "managed": False})})
    found = look(tools.proxy, nginx)["nginx"]
    assert found.level is doctor.Level.OK
    assert found.detail.endswith("/nginx")


def test_a_traefik_that_others_run_says_itself_which_it_is(config):
    others = config.model_copy(update={"proxy": config.proxy.model_copy(update={"managed": False})})
    gone = look(tools.proxy, others)["traefik"]
    assert (gone.level, gone.detail) == (doctor.Level.WARNING, f"none says its version at {config.proxy.dashboard}")
    argv = [str(which("traefik")), f"--entryPoints.traefik.address={config.proxy.dashboard}", "--api.insecure=true"]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as traefik:
        try:
            found = waited(lambda: look(tools.proxy, others)["traefik"])
        finally:
            traefik.terminate()
    assert re.fullmatch(rf"3\.\d+\.\d+, at {config.proxy.dashboard}", found.detail)


def waited(look):
    """A finding once it is good."""
    deadline = time.monotonic() + 30
    while (found := look()).level is not doctor.Level.OK and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def call(monkeypatch, folder, *words, **environ):
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, list(words), env=environ)


def environment(listeners):
    return {f"DRAFTERD_{key.upper().replace('.', '__')}": address for key, address in listeners.items()}


def test_doctor_ends_with_1_only_when_something_essential_is_wrong(monkeypatch, tmp_path, listeners):
    good = call(monkeypatch, tmp_path, "doctor", "--json", **environment(listeners))
    assert good.exit_code == 0
    assert json.loads(good.stdout)["ok"] is True
    (tmp_path / "c.yaml").write_text("settel: 1s\n")
    bad = call(monkeypatch, tmp_path, "doctor", "--config", "c.yaml", **environment(listeners))
    assert bad.exit_code == 1
    assert "did you mean settle?" in bad.stdout
    assert "traefik" in bad.stdout  # the rest is looked at all the same


def test_up_says_at_once_what_it_lacks(monkeypatch, tmp_path, listeners):
    host, _, port = listeners["proxy.listen"].partition(":")
    with socket.create_server((host, int(port))):
        result = call(monkeypatch, tmp_path, "up", "--sample", **environment(listeners))
    assert result.exit_code == 1
    assert f"proxy.listen: {listeners['proxy.listen']} is taken by" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_up_on_the_state_of_a_living_daemon_is_refused(monkeypatch, tmp_path, listeners):
    monkeypatch.chdir(tmp_path)
    run = Config.load(None, environ={}).layout().run
    run.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as daemon:
        daemon.bind(str(run / "drafterd.sock"))
        daemon.listen()
        result = call(monkeypatch, tmp_path, "up", **environment(listeners))
    assert result.exit_code == 1
    assert "another drafterd works on" in result.stderr
