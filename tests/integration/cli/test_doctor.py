"""`doctor` and `up`'s first look, on this machine as it is."""

import json
import os
import re
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from typer.testing import CliRunner

from drafterd import doctor
from drafterd.cli import app
from drafterd.config import Config
from drafterd.sandbox import probe
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


def by_name(findings):
    return {finding.name: finding for finding in findings}


def test_everything_has_a_finding_and_each_bad_one_a_way_to_mend_it(config):
    found = by_name(doctor.examine(config))
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
    finding = by_name(doctor.examine(config))["build.sandbox"]
    assert finding.level is doctor.Level.WARNING
    assert "isolation: none" in finding.detail
    assert "no bubblewrap" in finding.detail
    assert doctor.preflight(config) == ()
    strict = config.model_copy(update={"run": config.run.model_copy(update={"sandbox": "bubblewrap"})})
    (finding,) = doctor.preflight(strict)
    assert (finding.name, finding.level) == ("run.sandbox", doctor.Level.ERROR)
    assert "pip install" in finding.detail
    assert finding.mend


def test_a_firewall_that_is_asked_for_and_cannot_be_had_is_an_error(config, monkeypatch):
    monkeypatch.setattr(probe, "find", lambda: None)
    assert "run.network" not in by_name(doctor.examine(config))
    fenced, auto = (
        config.model_copy(update={"run": config.run.model_copy(update={"network": word})})
        for word in ("fenced", "auto")
    )
    (finding,) = doctor.preflight(fenced)
    assert (finding.name, finding.level) == ("run.network", doctor.Level.ERROR)
    assert "shared" in finding.mend
    assert by_name(doctor.examine(auto))["run.network"].level is doctor.Level.WARNING
    assert doctor.preflight(auto) == ()


def test_addresses_with_a_password_are_named_and_not_shown(config, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://operator:hunter2hunter2@proxy:3128")
    finding = next(each for each in doctor.examine(config) if "https_proxy" in each.detail)
    assert (finding.name, finding.level) == ("registry", doctor.Level.WARNING)
    assert finding.detail.startswith("https_proxy holds a password")
    assert "hunter2" not in repr(finding)
    monkeypatch.setenv("https_proxy", "http://proxy:3128")
    assert not [each for each in doctor.examine(config) if "https_proxy" in each.detail]


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
        found = by_name(doctor.examine(config))
        assert {found[name].level for name in ("names", "registry", "clock")} == {doctor.Level.OK}
    with registry(timedelta(hours=1)) as url:
        monkeypatch.setenv("npm_config_registry", url)
        clock = by_name(doctor.examine(config))["clock"]
    assert clock.level is doctor.Level.WARNING
    assert re.fullmatch(r"(3599|3600) s behind the registry's", clock.detail)
    assert "chrony" in clock.mend


def test_a_registry_that_is_not_there_is_named_without_its_path(config, monkeypatch):
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_port()}/secret-path/")
    found = by_name(doctor.examine(config))
    assert found["registry"].level is doctor.Level.WARNING
    assert "http://127.0.0.1 is not reached: " in found["registry"].detail
    assert "refused" in found["registry"].detail
    assert "secret-path" not in repr(found)
    assert "clock" not in found
    assert doctor.preflight(config) == ()


def test_a_registry_that_is_no_web_address_is_not_opened(config, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("npm_config_registry", f"file://{tmp_path}/file")
    found = by_name(doctor.examine(config))
    assert (found["registry"].level, found["registry"].detail) == (
        doctor.Level.WARNING,
        "it is no http or https address",
    )
    assert "clock" not in found


def test_a_name_that_nobody_knows_is_told(config, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "https://registry.invalid/")
    found = by_name(doctor.examine(config))
    assert found["names"].level is doctor.Level.WARNING
    assert "registry.invalid" in found["names"].detail
    assert "resolv.conf" in found["names"].mend


def test_a_registry_behind_a_proxy_needs_no_names_here(config, monkeypatch):
    with registry() as url:  # asked for another's address, a server is a proxy
        monkeypatch.setenv("http_proxy", url)
        monkeypatch.setenv("npm_config_registry", "http://registry.invalid/")
        found = by_name(doctor.examine(config))
    assert "names" not in found
    assert found["registry"].detail == "http://registry.invalid answers, through 127.0.0.1"


def test_the_node_that_is_passed_over_is_named(config, monkeypatch, tmp_path):
    other = tmp_path / "node"
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert by_name(doctor.examine(config))["node"].detail.endswith(f"; not {other}, which stands on PATH")


def test_logs_that_others_may_read_are_told(config):
    logs = config.layout().logs
    logs.mkdir(parents=True)
    logs.chmod(0o755)
    finding = by_name(doctor.examine(config))["logs of drafts"]
    assert (finding.level, finding.mend) == (doctor.Level.WARNING, f"chmod o-rwx {logs}")
    logs.chmod(0o750)
    assert by_name(doctor.examine(config))["logs of drafts"].level is doctor.Level.OK


def test_looking_leaves_nothing_behind(config, tmp_path):
    doctor.examine(config)
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
        (finding,) = doctor.preflight(config)
    assert finding.name == "proxy.listen"
    assert f"(pid {pid})" in finding.detail
    assert "--listen" in finding.mend
    assert doctor.preflight(config) == ()


def test_a_proxy_of_ours_that_outlived_its_daemon_is_no_stranger(config):
    with listening(config.proxy.listen.port, f"--configFile={config.layout().state}/routes/traefik.yml"):
        findings = by_name(doctor.examine(config))
    assert findings["proxy.listen"].level is doctor.Level.OK
    assert "held by this drafterd" in findings["proxy.listen"].detail


def test_an_empty_pool_of_ports_is_an_error(config):
    port = free_port()
    narrow = config.model_copy(update={"ports": config.ports.model_copy(update={"first": port, "last": port})})
    with socket.create_server(("127.0.0.1", port)):
        found = by_name(doctor.examine(narrow))["ports"]
    assert found.level is doctor.Level.ERROR
    assert found.detail.startswith("0 of 1 free")


def test_a_file_where_a_folder_belongs_is_an_error(config, tmp_path):
    (tmp_path / "d").write_text("")
    assert [finding.name for finding in doctor.preflight(config)] == ["drafts"]


def test_a_supervisord_of_others_is_asked_for_at_its_socket(config, tmp_path):
    path = tmp_path / "supervisor.sock"
    others = config.model_copy(update={"runtime": config.runtime.model_copy(update={"socket": path})})
    assert "supervisor's socket" not in by_name(doctor.examine(config))
    gone = by_name(doctor.examine(others))["supervisor's socket"]
    assert gone.level is doctor.Level.WARNING
    assert gone.detail == f"{path}: No such file or directory"
    assert "drafterd-supervisor" in gone.mend
    with socket.socket(socket.AF_UNIX) as supervisord:
        supervisord.bind(str(path))
        supervisord.listen()
        assert by_name(doctor.examine(others))["supervisor's socket"].level is doctor.Level.OK


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
