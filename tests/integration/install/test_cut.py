"""Killed between any two steps and run again, an installation or a removal ends as one that nothing happened to."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from drafterd.domain.errors import MachineFailed
from drafterd.install import choices as places
from drafterd.install import perform, removal
from drafterd.install.choices import Choices
from drafterd.install.ground import Ground
from drafterd.install.perform import Installation

SERVICES = (places.SUPERVISOR, places.TRAEFIK, places.SOCKET, places.DAEMON)
READS = {places.TRAEFIK: places.CONFIG / "traefik.yml", places.SUPERVISOR: places.CONFIG / "supervisord.conf"}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """The power stays on here, so that nothing has to reach the disk."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


class Killed(BaseException):
    """The installation ends here, without another word."""


@dataclass(frozen=True)
class Server(Ground):
    """A folder that plays the running machine, and as much of systemd as tells what a service was started with.

    Attributes:
        lives: Changes until the installation is killed.
        ran: What was run.
        loaded: Units as systemd read them last.
        started: By service: its unit and its file as they were at its start.
    """

    lives: list[int] = field(default_factory=lambda: [1000])
    ran: list[str] = field(default_factory=list)
    loaded: dict[str, bytes] = field(default_factory=dict)
    started: dict[str, tuple[bytes, bytes]] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return True

    def at(self, path: Path) -> Path:
        return self.root / path.relative_to("/")

    def write(self, path: Path, data: bytes, mode: int) -> None:
        self._live_on()
        super().write(path, data, mode)

    def remove(self, path: Path) -> None:
        self._live_on()
        super().remove(path)

    def run(self, argv: Sequence[str], *, aside: bool = False) -> str:
        match argv:
            case ("systemctl", "show", _, *units):
                return "\n".join(map(self._shown, units))
            case ("systemctl", "is-active", "--quiet", unit):
                assert unit in self.started
                return ""
            case (program, *_) if program.endswith("/drafterd"):
                return ""
        self._live_on()
        self.ran.append(" ".join(argv))
        match argv:
            case ("systemctl", "daemon-reload"):
                self.loaded.clear()
                self.loaded.update({path.name: path.read_bytes() for path in self.at(places.UNITS).glob("drafterd*")})
            case ("systemctl", "start", *units):
                self._start(unit for unit in units if unit not in self.started)
            case ("systemctl", "restart", *units):
                self._start(units)
            case ("systemctl", "stop", *units):
                for unit in units:
                    if self.started.pop(unit, None) is None and unit not in self.loaded:
                        raise MachineFailed(f"Failed to stop {unit}: Unit {unit} not loaded.")
        return ""

    def _shown(self, unit: str) -> str:
        load = "loaded" if unit in self.loaded else "not-found"
        return f"Id={unit}\nLoadState={load}\nActiveState={'active' if unit in self.started else 'inactive'}\n"

    def _start(self, units) -> None:
        for unit in units:
            file = READS.get(unit)
            self.started[unit] = self.loaded[unit], self.at(file).read_bytes() if file else b""

    def _live_on(self) -> None:
        if not self.lives[0]:
            raise Killed
        self.lives[0] -= 1

    def files(self) -> Mapping[str, bytes]:
        return {str(path.relative_to(self.root)): path.read_bytes() for path in self.root.rglob("*") if path.is_file()}


def decided(server: Server) -> Installation:
    choices = Choices(programs=Path("/opt/drafterd/bin"), public_url="http://drafts.example.org")
    return perform.decide(server, choices, perform.configuration(server, choices))


def install(server: Server, *, lives: int = 1000) -> bool:
    """Whether it came to its end."""
    server.lives[0] = lives
    server.ran.clear()
    try:
        perform.perform(decided(server), lambda _step: None)
    except Killed:
        return False
    return True


def elsewhere(server: Server) -> None:
    """The administrator wants API and proxy at other addresses."""
    settings = server.at(places.SETTINGS)
    text = settings.read_text().replace("0.0.0.0:80", "0.0.0.0:8080")
    settings.write_text(text + 'api: {listen: "127.0.0.1:9000"}\n')


def nothing(_server: Server) -> None:
    """The first installation there."""


def installed(server: Server) -> None:
    assert install(server)
    elsewhere(server)


def crashing(server: Server) -> None:
    """The daemon does not run, the proxy does."""
    installed(server)
    del server.started[places.DAEMON]


def new(folder: Path, before: Callable[[Server], None]) -> Server:
    folder.mkdir()
    server = Server(folder)
    before(server)
    return server


@pytest.mark.parametrize("before", [nothing, installed, crashing])
def test_a_cut_at_any_step_is_taken_up_to_the_same_end(tmp_path, before):
    whole = new(tmp_path / "whole", before)
    assert install(whole)
    assert whole.started.keys() >= set(SERVICES)
    for lives in count():
        server = new(tmp_path / f"cut-{lives}", before)
        if install(server, lives=lives):
            break
        assert install(server)
        assert server.files() == whole.files()
        assert server.started == whole.started
    assert lives > len(whole.ran) + 2  # each command was cut, and more


@pytest.mark.parametrize("before", [installed, crashing])
def test_every_unit_that_runs_with_an_older_file_is_started_anew(tmp_path, before):
    server = new(tmp_path / "server", before)
    assert install(server)
    assert b"ListenStream=127.0.0.1:9000" in server.started[places.SOCKET][0]
    assert b"0.0.0.0:8080" in server.started[places.TRAEFIK][1]


def test_nothing_but_the_daemon_is_started_anew_where_nothing_is_new(tmp_path):
    server = new(tmp_path / "server", installed)
    assert install(server)
    assert install(server)
    assert [words for words in server.ran if "restart" in words or "stop" in words] == [
        "systemctl restart drafterd.service"
    ]


def test_that_supervisord_waits_for_a_restart_is_said_after_a_cut_too(tmp_path):
    server = new(tmp_path / "server", nothing)
    assert not perform.waits_for_restart(decided(server))
    assert install(server)
    (server.at(places.CONFIG) / "supervisord.conf").unlink()
    assert perform.waits_for_restart(decided(server))
    assert not install(server, lives=5)
    assert perform.waits_for_restart(decided(server))
    assert install(server)
    assert not perform.waits_for_restart(decided(server))


def uninstall(server: Server, *, lives: int = 1000) -> bool:
    """Whether it came to its end."""
    for _, step in removal.steps(removal.decide(server, purge=False)):
        if not lives:
            return False
        lives -= 1
        step()
    return True


def test_a_removal_that_was_cut_anywhere_is_taken_up(tmp_path):
    for lives in count():
        server = new(tmp_path / f"cut-{lives}", installed)
        if uninstall(server, lives=lives):
            break
        server.run(("systemctl", "daemon-reload"))
        assert uninstall(server)
        assert server.started == {}
        assert server.files().keys() == {"etc/drafterd/drafterd.yaml", "etc/drafterd/credentials/credentials.env"}
    assert lives > len(SERVICES)


@pytest.mark.parametrize("unit", [*SERVICES, places.TARGET])
def test_a_unit_that_somebody_deleted_stops_no_removal(tmp_path, unit):
    server = new(tmp_path / "server", installed)
    enabled = server.at(places.UNITS) / "multi-user.target.wants" / places.TARGET
    enabled.parent.mkdir()
    enabled.symlink_to(places.UNITS / places.TARGET)
    (server.at(places.UNITS) / unit).unlink()
    server.started.pop(unit, None)
    server.run(("systemctl", "daemon-reload"))
    assert uninstall(server)
    assert not any("stop" in words and unit in words for words in server.ran)
    assert enabled.is_symlink() is (unit != places.TARGET)  # else `systemctl disable` takes it
