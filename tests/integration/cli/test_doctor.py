"""`doctor` and `up`'s first look, on this machine as it is."""

import json
import socket
import subprocess
import sys
from contextlib import contextmanager

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
    expected |= {"proxy.listen", "ports", "memory", "disk", "build.sandbox", "run.sandbox", "credentials", "daemon"}
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
