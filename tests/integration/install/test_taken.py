"""Ports and sockets that somebody else holds."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drafterd.config import Config
from drafterd.domain.model import Address
from drafterd.install import taken
from drafterd.install.choices import Choices, Proxy
from drafterd.install.ground import Ground
from tests.builders import free_port


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
    assert list(taken.ports(Ground(), chosen(), config)) == []
    with socket.create_server(("127.0.0.1", first + offset)):
        (finding,) = taken.ports(Ground(), chosen(), config)
    assert finding.grave
    assert f"{key}: 127.0.0.1:{first + offset} is taken by" in finding.what
    assert f"(pid {os.getpid()})" in finding.what
    assert "stop that one" in finding.mend


def test_the_port_of_a_proxy_that_is_there_already_is_its_own(first):
    with socket.create_server(("127.0.0.1", first + 2)):
        assert list(taken.ports(Ground(), chosen(Proxy.SYSTEM_NGINX), configured(first))) == []


def test_both_kinds_of_address_are_looked_at():
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        assert not taken.free(Address("::1", server.getsockname()[1]))


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
