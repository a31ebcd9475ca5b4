"""The server's files: units that systemd accepts, users and folders that fit, a supervisord that starts."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import jinja2
import pytest
import yaml

from drafterd import files, resources
from drafterd.config import Config
from drafterd.install.choices import Choices
from drafterd.install.ground import TIMEOUT
from drafterd.install.laid import first_settings
from tests.builders import eventually, free_port

SCRIPTS = Path(sysconfig.get_path("scripts"))
UNITS = sorted(
    path
    for path in resources.folder("systemd").iterdir()
    if path.suffix in {".service", ".slice", ".socket", ".path", ".target"}
)
MOST_EXPOSED = {"drafterd.service": 32, "drafterd-supervisor.service": 32}
"""Tenths of a point of `systemd-analyze security`; 2.0 of 10 for what makes no walls."""

pytestmark = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")


def render(folder: Path, **places: str) -> Path:
    """All of `systemd/` with real paths in it."""
    folder.mkdir()
    values = {"bin": str(SCRIPTS), "config": "/etc/drafterd", "drafts": "/srv/drafts"}
    values |= {
        "api": "127.0.0.1:8740",
        "edge": "127.0.0.1:8741",
        "reader": "drafterd-traefik",
        "services": "drafterd.service",
    }
    values |= places
    for path in resources.folder("systemd").iterdir():
        template = jinja2.Template(path.read_text(), undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        (folder / path.name).write_text(template.render(values))
    return folder


def run(*argv: str | Path, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ | (environment or {}),
    )


def verify(units: Path) -> subprocess.CompletedProcess[str]:
    # The trailing colon: then systemd's own units, which these lean on.
    return run(
        "systemd-analyze",
        "verify",
        "--man=no",
        *(units / unit.name for unit in UNITS),
        environment={"SYSTEMD_UNIT_PATH": f"{units}:"},
    )


def test_units_verify_clean(tmp_path):
    done = verify(render(tmp_path / "units"))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_verify_sees_a_missing_program(tmp_path):
    done = verify(render(tmp_path / "units", bin="/nowhere"))
    assert done.returncode != 0
    assert "/nowhere/drafterd" in done.stderr


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS if unit.suffix == ".service"])
def test_exposure_is_low(tmp_path, unit):
    units = render(tmp_path / "units")
    most = MOST_EXPOSED.get(unit, 20)
    done = run("systemd-analyze", "security", "--offline=yes", f"--threshold={most}", units / unit)
    assert done.returncode == 0, done.stdout.splitlines()[-1]


def test_exposure_sees_an_open_unit(tmp_path):
    unit = tmp_path / "open.service"
    unit.write_text("[Service]\nExecStart=/bin/true\n")
    assert run("systemd-analyze", "security", "--offline=yes", "--threshold=32", unit).returncode != 0


def test_no_secret_comes_by_environment():
    for unit in UNITS:
        assert "Environment" not in [line.partition("=")[0] for line in unit.read_text().splitlines()]


@pytest.mark.parametrize("unit", [unit.name for unit in UNITS if unit.suffix in {".service", ".path"}])
def test_no_unit_gives_up_for_good(unit):
    """By default systemd refuses the sixth start in ten seconds, and all that follow."""
    text = (resources.folder("systemd") / unit).read_text()
    assert "StartLimitIntervalSec=0" in text.partition("[Unit]")[2].partition("\n[")[0]
    assert "TriggerLimitBurst" not in text


def test_supervisord_is_never_reloaded():
    assert "ExecReload" not in (resources.folder("systemd") / "drafterd-supervisor.service").read_text()


def test_no_service_may_take_longer_than_the_installation_waits_for_it():
    for unit in UNITS:
        limits = re.findall(r"^Timeout(?:Start|Stop)Sec=(\d+)$", unit.read_text(), re.MULTILINE)
        assert sum(map(int, limits)) < TIMEOUT


@pytest.mark.skipif(shutil.which("apparmor_parser") is None, reason="AppArmor's parser is not installed here")
def test_the_profile_is_one_that_apparmor_reads(tmp_path):
    text = (resources.folder("etc") / "apparmor").read_text()
    if not Path("/etc/apparmor.d/abi/4.0").exists():  # older ones know nothing of namespaces, but all the rest
        text = text.replace("<abi/4.0>", "<abi/3.0>").replace("  userns,\n", "")
    profile = tmp_path / "drafterd"
    for content, fine in ((text, True), (text.replace("profile", "nonsense"), False)):
        profile.write_text(content)
        done = run("apparmor_parser", "--skip-kernel-load", "--skip-cache", profile)
        assert (done.returncode == 0) is fine, done.stderr


class Root:
    """A folder that plays `/`, with our users and folders in it."""

    def __init__(self, folder: Path, units: Path) -> None:
        self.folder = folder
        for kind in ("sysusers", "tmpfiles"):
            target = folder / "usr" / "lib" / f"{kind}.d" / "drafterd.conf"
            target.parent.mkdir(parents=True)
            shutil.copy(units / f"drafterd.{kind}.conf", target)
        (folder / "etc").mkdir()
        self.said = [
            run("systemd-sysusers", f"--root={folder}", "drafterd.conf"),
            run("systemd-tmpfiles", f"--root={folder}", "--create", "drafterd.conf"),
        ]

    def number(self, file: str, name: str) -> int:
        rows = (line.split(":") for line in (self.folder / "etc" / file).read_text().splitlines())
        return next(int(row[2]) for row in rows if row[0] == name)

    def access(self, path: str) -> tuple[str, int, int]:
        found = (self.folder / path).lstat()
        return oct(found.st_mode & 0o7777), found.st_uid, found.st_gid

    def become(self, user: str, group: str, *more: str) -> list[str]:
        """The words that run a program as a unit's `User=`, `Group=` and `SupplementaryGroups=`."""
        groups = [str(self.number("group", name)) for name in (group, *more)]
        return [
            "setpriv",
            f"--reuid={self.number('passwd', user)}",
            f"--regid={groups[0]}",
            f"--groups={','.join(groups)}",
        ]


@pytest.fixture
def root(tmp_path) -> Iterator[Root]:
    if os.geteuid() != 0:
        pytest.skip("making users and giving folders away needs root")
    # Not below tmp_path: too long a name for a socket, and closed to other users.
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Root(Path(name), render(tmp_path / "units"))


def test_users_and_folders_are_made(root):
    assert [(done.returncode, "ailed" in done.stderr) for done in root.said] == [(0, False)] * 2
    daemon, traefik = root.number("passwd", "drafterd"), root.number("group", "drafterd-traefik")
    assert root.access("var/lib/drafterd/routes/traefik/drafts.yml") == ("0o640", daemon, traefik)
    assert root.access("srv/drafts") == ("0o2775", 0, root.number("group", "drafts"))
    assert root.access("etc/drafterd/credentials") == ("0o700", 0, 0)


@pytest.fixture
def supervisord(root) -> Iterator[Root]:
    """The sample configuration, run as its unit would."""
    as_run = root.become("drafterd-run", "drafts")
    if run(*as_run, sys.executable, "-c", "import supervisor").returncode != 0:
        pytest.skip("this Python lies in a folder that only its owner may enter")
    text = (resources.folder("etc") / "supervisord.conf").read_text()
    config = root.folder / "etc" / "drafterd" / "supervisord.conf"
    config.write_text(text.replace("/run/", f"{root.folder}/run/").replace("/var/", f"{root.folder}/var/"))
    with subprocess.Popen(
        [*as_run, sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--configuration", config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        umask=0o027,
    ) as process:
        yield root
        process.terminate()
        process.wait(20)


async def test_only_the_daemon_reaches_supervisord(supervisord):
    socket = supervisord.folder / "run" / "drafterd-supervisor" / "supervisor.sock"
    await eventually(socket.exists, within=20)
    assert supervisord.access("run/drafterd-supervisor/supervisor.sock") == (
        "0o660",
        supervisord.number("passwd", "drafterd-run"),
        supervisord.number("group", "drafterd"),
    )
    ask = [sys.executable, "-c", "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])", socket]
    assert run(*supervisord.become("drafterd", "drafts", "drafterd"), *ask).returncode == 0
    assert "PermissionError" in run(*supervisord.become("drafterd-traefik", "drafterd-traefik"), *ask).stderr


@pytest.fixture
def traefik(tmp_path) -> Iterator[tuple[str, Path]]:
    """The sample configuration on other ports; gives its API's address and its route file."""
    routes, port = tmp_path / "drafts.yml", free_port()
    routes.write_text("{}")  # as tmpfiles.d makes it
    text = (resources.folder("etc") / "traefik.yml").read_text()
    config = tmp_path / "traefik.yml"
    config.write_text(
        text.replace('"0.0.0.0:80"', '"127.0.0.1:0"')
        .replace("127.0.0.1:8742", f"127.0.0.1:{port}")
        .replace("/var/lib/drafterd/routes/traefik/drafts.yml", str(routes))
    )
    with subprocess.Popen([SCRIPTS / "traefik", f"--configFile={config}"], stdout=subprocess.DEVNULL) as process:
        yield f"http://127.0.0.1:{port}", routes
        process.terminate()
        process.wait(20)


async def test_traefik_takes_the_sample_and_the_first_routes(traefik):
    url, routes = traefik
    async with aiohttp.ClientSession(url) as client:

        async def enabled(router: str) -> bool:
            try:
                async with client.get(f"/api/http/routers/{router}") as answer:
                    return answer.status == 200 and (await answer.json())["status"] == "enabled"
            except aiohttp.ClientConnectionError:
                return False

        await eventually(lambda: enabled("ping@internal"), within=20)
        table = b'{"http": {"routers": {"a": {"rule": "Path(`/a`)", "service": "ping@internal"}}}}'
        files.write_atomic(routes, table)
        await eventually(lambda: enabled("a@file"), within=20)


def test_samples_agree_with_the_units():
    traefik = yaml.safe_load((resources.folder("etc") / "traefik.yml").read_text())
    folders = (resources.folder("systemd") / "drafterd.tmpfiles.conf").read_text()
    assert traefik["providers"]["file"]["filename"] in folders
    assert traefik["entryPoints"]["traefik"]["address"].startswith("127.0.0.1:")
    assert "inet_http_server" not in (resources.folder("etc") / "supervisord.conf").read_text()


def test_the_first_configuration_names_the_folders_that_are_made(tmp_path):
    choices = Choices(programs=SCRIPTS, public_url="http://drafts.example.org")
    file = tmp_path / "drafterd.yaml"
    file.write_text(first_settings(choices))
    config = Config.load(file)
    folders = (resources.folder("systemd") / "drafterd.tmpfiles.conf").read_text()
    for place in (config.layout().state, config.layout().run, config.layout().logs, config.supervisor_socket.parent):
        assert f"d {place} " in folders
