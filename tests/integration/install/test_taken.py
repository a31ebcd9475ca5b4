"""Ports and sockets that somebody else holds."""

import os
import pwd
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drafterd.config import Config
from drafterd.install import choices as places
from drafterd.install import taken
from drafterd.install.choices import Choices, Proxy
from drafterd.install.ground import Ground
from tests.builders import free_port

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="being somebody else needs root")


@dataclass(frozen=True)
class Server(Ground):
    """This machine, with what a systemd would say of our units."""

    said: dict[str, dict[str, str]] = field(default_factory=dict)

    def states(self, units: Iterable[str]) -> dict[str, dict[str, str]]:
        return {unit: self.said.get(unit, {"ActiveState": "inactive"}) for unit in units}


def running(unit: str, pid: int) -> Server:
    """A server on which this process is a service of ours."""
    return Server(said={unit: {"ActiveState": "active", "MainPID": str(pid)}})


def configured(first: int) -> Config:
    listen = {"api": 0, "edge": 1, "proxy": 2}
    given = {f"{key}.listen": f"127.0.0.1:{first + offset}" for key, offset in listen.items()}
    return Config.load(None, overrides={**given, "proxy.dashboard": f"127.0.0.1:{first + 3}"}, environ={})


def chosen(proxy: Proxy = Proxy.TRAEFIK) -> Choices:
    return Choices(programs=Path(sys.executable).parent, public_url="http://x.example.org", proxy=proxy)


@pytest.fixture
def first() -> int:
    return free_port(4)


@pytest.mark.parametrize(
    ("offset", "key"), list(enumerate(["api.listen", "edge.listen", "proxy.listen", "proxy.dashboard"]))
)
def test_a_taken_port_is_told_with_who_has_it(first, offset, key):
    config = configured(first)
    assert list(taken.ports(Server(), chosen(), config)) == []
    with socket.create_server(("127.0.0.1", first + offset)):
        (finding,) = taken.ports(Server(), chosen(), config)
    assert finding.grave
    assert f"{key}: 127.0.0.1:{first + offset} is taken by" in finding.what
    assert f"(pid {os.getpid()})" in finding.what
    assert "stop that one" in finding.mend


def test_the_port_of_a_proxy_that_is_there_already_is_its_own(first):
    with socket.create_server(("127.0.0.1", first + 2)):
        assert list(taken.ports(Server(), chosen(Proxy.SYSTEM_NGINX), configured(first))) == []


def test_a_listener_of_the_other_kind_of_address_is_in_the_way_too(first):
    with socket.create_server(("::", first), family=socket.AF_INET6, dualstack_ipv6=True):
        config = Config.load(None, overrides={"proxy.listen": f"127.0.0.1:{first}"}, environ={})
        assert f"proxy.listen: 127.0.0.1:{first} is taken by" in told(Server(), config)


@pytest.mark.parametrize(("unit", "offset"), [(places.DAEMON, 0), (places.DAEMON, 1), (places.TRAEFIK, 2)])
def test_what_our_running_service_holds_is_ours(first, unit, offset):
    with socket.create_server(("127.0.0.1", first + offset)):
        assert told(running(unit, os.getpid()), configured(first)) == ""


def test_a_service_of_ours_elsewhere_does_not_hide_that_the_new_address_is_taken(first):
    """Else the socket would be stopped, and could not be started at the new one."""
    with subprocess.Popen(["sleep", "60"]) as ours, socket.create_server(("127.0.0.1", first)):
        try:
            for unit in (places.DAEMON, places.TRAEFIK):
                assert f"api.listen: 127.0.0.1:{first} is taken by" in told(running(unit, ours.pid), configured(first))
        finally:
            ours.kill()


def test_all_addresses_of_a_port_that_we_hold_one_of_are_free_for_us(first):
    with socket.create_server(("127.0.0.1", first)):
        everywhere = Config.load(None, overrides={"proxy.listen": f"0.0.0.0:{first}"}, environ={})
        assert "proxy.listen" not in told(running(places.TRAEFIK, os.getpid()), everywhere)
        assert f"proxy.listen: 0.0.0.0:{first} is taken by" in told(Server(), everywhere)


def test_an_address_that_this_machine_has_not_is_told_as_that(first):
    config = Config.load(None, overrides={"proxy.listen": f"192.0.2.1:{first}"}, environ={})
    assert "proxy.listen: this machine has no address 192.0.2.1" in told(Server(), config)


def told(server: Server, config: Config) -> str:
    return "\n".join(finding.what for finding in taken.ports(server, chosen(), config))


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@contextmanager
def supervisord(path: Path, user: int = 0) -> Iterator[None]:
    """Something that listens as one would that this user runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        os.seteuid(user)
        try:
            server.listen()
        finally:
            os.seteuid(0)
        yield


def asked(server: Server, path: Path) -> str:
    return "\n".join(finding.what for finding in taken.supervisor(server, path))


def test_a_supervisord_that_does_not_listen_is_told(folder):
    assert f"no supervisord answers at {folder}/s" in asked(Server(), folder / "s")


@as_root
def test_only_a_supervisord_that_runs_as_drafts_do_is_taken(folder, monkeypatch):
    with supervisord(folder / "root"):
        assert "is root, and would run every draft as root" in asked(Server(), folder / "root")
    with supervisord(folder / "nobody", pwd.getpwnam("nobody").pw_uid):
        assert "runs as nobody, who may not read what drafts are started with" in asked(Server(), folder / "nobody")
        monkeypatch.setattr(taken, "RUN_USER", "nobody")
        assert asked(Server(), folder / "nobody") == ""


@as_root
def test_our_own_supervisord_is_none_of_the_administrators(folder):
    """It would be stopped, and nobody would run the drafts."""
    ours = running(places.SUPERVISOR, os.getpid())
    with supervisord(folder / "s"):
        assert "the supervisord of drafterd, which would end" in asked(ours, folder / "s")
