"""Places that were chosen and cannot be used, and certificates that the proxy could not read."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from drafterd.config import Config
from drafterd.domain.errors import MachineFailed
from drafterd.install import certificate, machine, paths, perform
from drafterd.install.choices import Choices, Proxy, Supervisor
from drafterd.install.ground import Ground

NUMBER = 4711
"""Of the user and the group that Traefik runs as."""


def chosen(**changes) -> Choices:
    programs = changes.pop("programs", Path("/opt/drafterd/bin"))
    return Choices(programs=programs, public_url="https://drafts.example.org", **changes)


def said(ground: Ground, choices: Choices, **values: object) -> list[str]:
    given = {"drafts": "/srv/drafts"} | values
    return [finding.what for finding in paths.examine(ground, choices, Config.load(None, overrides=given, environ={}))]


@pytest.mark.parametrize(
    ("drafts", "why"),
    [
        ("/srv/my drafts", "holds a blank"),
        ("/srv/100%", "a sign that units cannot hold"),
        ('/srv/a"b', "a sign that units cannot hold"),
        ("/srv/a'b", "a sign that units cannot hold"),
        ("/srv/a\\b", "a sign that units cannot hold"),
        ("/srv/$HOME", "a sign that units cannot hold"),
        ("/srv/a\nb", "a sign that units cannot hold"),
        ("/home/alice/drafts", "lies below /home"),
        ("/root/drafts", "lies below /root"),
        ("/tmp/drafts", "lies below /tmp"),
        ("/var/tmp/drafts", "lies below /var/tmp"),
        ("/srv/../home/alice", "goes back up"),
        ("drafts", "does not begin at /"),
        ("/etc/drafts", "is the system's"),
        ("/srv", "holds more than drafts"),
    ],
)
def test_a_folder_that_cannot_hold_the_drafts_is_refused(tmp_path, drafts, why):
    (what,) = said(Ground(tmp_path), chosen(), drafts=drafts)
    assert what.startswith("drafts: ")
    assert why in what


@pytest.mark.parametrize("drafts", ["/srv/drafts", "/data/entwürfe", "/mnt/disk-1/a_b.c+d@e"])
def test_other_folders_are_not(tmp_path, drafts):
    assert said(Ground(tmp_path), chosen(), drafts=drafts) == []


def test_where_links_lead_counts_too():
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        link = Path(name) / "drafts"
        link.symlink_to("/home/alice")
        (what,) = said(Ground(), chosen(), drafts=str(link))
    assert "lies below /home" in what


def test_the_socket_of_an_existing_supervisord_is_looked_at_too(tmp_path):
    choices = chosen(supervisor=Supervisor.EXISTING)
    (what,) = said(Ground(tmp_path), choices, **{"runtime.socket": "/tmp/supervisor.sock"})
    assert "runtime.socket: '/tmp/supervisor.sock' lies below /tmp" in what
    assert said(Ground(tmp_path), chosen(), **{"runtime.socket": "/tmp/supervisor.sock"}) == []


@pytest.mark.parametrize(
    ("place", "why"), [("/opt/my env", "holds a blank"), ("/opt/$x", "units cannot hold"), ("/home/a/b", "below /home")]
)
def test_an_environment_that_units_cannot_name_or_see_is_refused(tmp_path, place, why):
    (finding, *_) = machine._environment(Ground(tmp_path), chosen(programs=Path(place, "bin")))
    assert f"the environment '{place}'" in finding.what
    assert why in finding.what


@dataclass(frozen=True)
class Talking(Ground):
    """A machine whose systemd warns of a unit, and takes it."""

    words: str = ""

    def run(self, argv, *, aside=False) -> str:
        return self.words if aside else ""

    def states(self, units) -> dict[str, dict[str, str]]:
        return {}


def test_a_unit_that_systemd_only_warns_of_is_refused():
    def check(words: str) -> None:
        ground = Talking(words=words)
        config = Config.load(None, overrides={"drafts": "/srv/drafts"}, environ={})
        choices = chosen(programs=Path(sys.executable).parent)
        perform.check_units(perform.decide(ground, choices, config))

    check("/lib/systemd/system/rescue.service:9: Unknown key name, ignoring.")
    with pytest.raises(MachineFailed, match="Path is not absolute"):
        check("/tmp/x/drafterd.service:45: Path is not absolute, ignoring: drafts")


@pytest.fixture
def folder() -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("giving files away needs root")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "etc/ssl").mkdir(parents=True)
        yield Path(name)


def trouble(root: Path, choices: Choices, file: str = "/etc/ssl/both.pem") -> str:
    tls = {
        "proxy.tls.certificate": file,
        "proxy.tls.key": file,
        "proxy.listen": "0.0.0.0:443",
        "public_url": "https://drafts.example.org",
    }
    config = Config.load(None, overrides=tls, environ={})
    return "\n".join(f"{one.what}: {one.mend}" for one in certificate.examine(Ground(root), choices, config))


def test_a_key_that_traefik_may_not_read_is_told_with_what_mends_it(folder):
    key = folder / "etc/ssl/both.pem"
    assert "/etc/ssl/both.pem cannot be read: No such file" in trouble(folder, chosen())
    key.write_bytes(b"x")
    key.chmod(0o640)
    assert "systemd-sysusers --inline 'u drafterd-traefik" in trouble(folder, chosen())
    (folder / "etc/group").write_text(f"drafterd-traefik:x:{NUMBER}:\n")
    assert "chgrp drafterd-traefik /etc/ssl/both.pem; chmod g+r" in trouble(folder, chosen())
    assert "cannot be read" not in trouble(folder, chosen(proxy=Proxy.SYSTEM_NGINX)), "root reads it for nginx"
    os.chown(key, 0, NUMBER)
    assert trouble(folder, chosen()) == ""
    key.parent.chmod(0o700)
    assert "may not enter /etc/ssl: chgrp drafterd-traefik /etc/ssl; chmod g+x /etc/ssl" in trouble(folder, chosen())
    assert "lies below /home" in trouble(folder, chosen(), "/home/alice/key.pem")


def pair(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate and its key."""
    certificate_file, key = folder / f"{name}.pem", folder / f"{name}.key"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=drafts.example.org")
    words = ("openssl", "req", "-x509", *kind, "-keyout", str(key), "-out", str(certificate_file))
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    return certificate_file, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed here")
def test_a_key_of_another_certificate_is_told(tmp_path):
    first, second = pair(tmp_path, "first"), pair(tmp_path, "second")

    def told(certificate_file: Path, key: Path) -> list[str]:
        tls = {"proxy.tls.certificate": certificate_file, "proxy.tls.key": key, "public_url": "https://a.example.org"}
        config = Config.load(None, overrides=tls, environ={})
        found = certificate.examine(Ground(), chosen(proxy=Proxy.SYSTEM_NGINX), config)
        return [finding.what for finding in found]

    assert told(*first) == []
    (what,) = told(first[0], second[1])
    assert "certificate and key cannot be used" in what
    assert "MISMATCH" in what
