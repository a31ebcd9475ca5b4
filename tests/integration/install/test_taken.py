"""Ports and sockets that somebody else holds."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from drafterd.config import Config
from drafterd.install import choices as places
from drafterd.install import taken
from drafterd.install.choices import Choices, Proxy
from drafterd.install.ground import Ground
from tests.builders import free_port


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


def test_a_supervisord_that_is_root_is_refused(folder):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(folder / "s"))
        (nobody,) = taken.supervisor(folder / "s")
        assert "no supervisord answers" in nobody.what
        server.listen()
        found = list(taken.supervisor(folder / "s"))
    assert ["is root" in finding.what for finding in found] == ([True] if os.geteuid() == 0 else [])
