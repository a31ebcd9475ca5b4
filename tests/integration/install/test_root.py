"""`drafterd install --root`: laid into a folder, again, over an older one, with what somebody changed; taken away."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from drafterd.domain.errors import ConfigError, MachineFailed
from drafterd.install import choices as places
from drafterd.install import machine, perform, removal
from drafterd.install.choices import Choices
from drafterd.install.ground import Ground
from drafterd.install.laid import first_settings
from drafterd.install.plan import Verdict, digest

ANYWHERE = """
from drafterd.install import machine
machine._environment = lambda ground, choices: iter(())
from drafterd.cli import main
main()
"""
"""The command but for its look at where the environment of these tests lies: that may be anywhere."""

NOBODY = 65534
NEEDS = ("systemd-sysusers", "systemd-tmpfiles", "systemctl")

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="making users and giving folders away needs root"),
    pytest.mark.skipif(not all(map(shutil.which, NEEDS)), reason="systemd is not installed here"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "etc").mkdir(parents=True)
    (folder / "etc" / "os-release").write_text('ID=debian\nVERSION_ID="12"\n')
    return folder


def run(command: str, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", ANYWHERE, command, "--root", str(root), *options]
    return subprocess.run(words, capture_output=True, text=True, timeout=100, check=False)


def contents(root: Path) -> dict[str, bytes]:
    """Every plain file, but for the system's own list of users."""
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    own = ("passwd", "group", "shadow", "gshadow", ".pwd.lock", "os-release")
    return {name: path.read_bytes() for name, path in found.items() if Path(name).name.rstrip("-") not in own}


def installed(root: Path) -> None:
    done = run("install", root, "--systemd")
    assert done.returncode == 0, done.stderr


def test_it_is_laid_down_twice_and_taken_away(root):
    empty = contents(root)
    installed(root)
    first = contents(root)
    assert (root / "etc/systemd/system/multi-user.target.wants/drafterd.target").is_symlink()
    assert (root / "etc/drafterd/credentials").stat().st_mode & 0o777 == 0o700
    assert "drafterd-run:" in (root / "etc/passwd").read_text()
    installed(root)
    assert contents(root) == first

    done = run("uninstall", root)
    assert done.returncode == 0, done.stderr
    left = contents(root).keys() - empty.keys()
    assert left == {
        "etc/drafterd/drafterd.yaml",
        "etc/drafterd/credentials/credentials.env",
        "var/lib/drafterd/routes/traefik/drafts.yml",
        "var/lib/drafterd/routes/nginx/drafts.map",
    }
    assert not (root / "etc/systemd/system/multi-user.target.wants/drafterd.target").is_symlink()
    assert "Nothing is installed" in run("uninstall", root).stderr

    (root / "srv/drafts/mine").mkdir()
    assert run("uninstall", root, "--purge").returncode == 0
    assert contents(root) == empty
    assert (root / "srv/drafts/mine").is_dir()


def test_a_dry_run_and_a_diff_change_nothing(root):
    before = contents(root)
    done = run("install", root, "--systemd", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "/etc/systemd/system/drafterd.service" in done.stdout
    assert "systemd-tmpfiles" in done.stdout
    done = run("install", root, "--systemd", "--diff")
    assert "+WatchdogSec=30" in done.stdout
    assert contents(root) == before
    installed(root)
    before = contents(root)
    assert run("uninstall", root, "--dry-run").returncode == 0
    assert contents(root) == before


def test_two_at_once_are_one_too_many(root):
    before = contents(root)
    with Ground(root).alone():
        for command in (("install", "--systemd"), ("uninstall",)):
            done = run(command[0], root, *command[1:])
            assert done.returncode == 1
            assert "is being installed or removed here just now" in done.stderr
        assert contents(root) == before
        assert run("install", root, "--systemd", "--dry-run").returncode == 0


def test_what_is_going_to_be_done_is_said_first(root):
    said = run("install", root, "--systemd").stderr
    plan, _, done = said.partition("\nremember what is laid down")
    for line in ("write      /etc/systemd/system/drafterd.service", "systemd-sysusers", "systemd-tmpfiles", "enable"):
        assert line in plan
        assert line.split()[-1] in done


def test_what_was_changed_is_kept_and_the_new_one_lies_beside_it(root):
    installed(root)
    unit, conf = root / "etc/systemd/system/drafterd.service", root / "etc/drafterd/supervisord.conf"
    conf.write_text(conf.read_text() + "; mine\n")
    done = run("install", root, "--systemd")
    assert done.returncode == 0
    assert "supervisord.conf.new" not in done.stderr, "nothing new is there to be compared"

    # As if an older drafterd had laid down other ones, of which one was changed since.
    record = root / "etc/drafterd/installed.json"
    known = json.loads(record.read_text())
    older = b"[Unit]\nDescription=older\n"
    unit.write_bytes(older)
    known["files"]["/etc/systemd/system/drafterd.service"] = [digest(older)]
    known["files"]["/etc/drafterd/supervisord.conf"] = [digest(b"older")]
    record.write_text(json.dumps(known))
    done = run("install", root, "--systemd")
    assert done.returncode == 0
    assert "supervisord.conf was changed by you" in done.stderr
    assert conf.read_text().endswith("; mine\n")
    assert "[supervisord]" in conf.with_name("supervisord.conf.new").read_text()
    assert "WatchdogSec=30" in unit.read_text()

    assert run("uninstall", root).returncode == 0
    assert conf.exists()
    assert not conf.with_name("supervisord.conf.new").exists()
    assert not unit.exists()


def test_another_proxy_takes_the_files_of_the_first_away(root):
    installed(root)
    (root / "etc/nginx/conf.d").mkdir(parents=True)
    with (root / "etc/group").open("a") as groups:
        groups.write("www-data:x:33:\n")
    settings = root / "etc/drafterd/drafterd.yaml"
    settings.write_text(settings.read_text().replace('kind: "traefik"', "kind: nginx"))
    done = run("install", root, "--systemd", "--proxy", "system-nginx")
    assert done.returncode == 0, done.stderr
    assert not (root / "etc/systemd/system/drafterd-traefik.service").exists()
    assert (root / "etc/nginx/conf.d/drafterd.conf").exists()
    before = contents(root)
    installed(root)  # what was chosen last time counts
    assert contents(root) == before


def broken(root: Path, what: str) -> tuple[str, ...]:
    """Break something; the options to install with."""
    settings = root / "etc/drafterd/drafterd.yaml"
    if what in ("unknown key", "state", "kind", "secrets"):
        installed(root)
    match what:
        case "unknown key":
            settings.write_text(settings.read_text() + "nonsense: 1\n")
        case "state":
            settings.write_text(settings.read_text().replace("/var/lib/drafterd", "/elsewhere"))
        case "kind":
            settings.write_text(settings.read_text().replace('kind: "traefik"', "kind: nginx"))
        case "secrets":
            (root / "etc/drafterd/credentials/credentials.env").write_text("what is this\n")
        case "default site":
            (root / "etc/nginx/conf.d").mkdir(parents=True)
            (root / "etc/nginx/sites-enabled").mkdir(parents=True)
            (root / "etc/nginx/sites-enabled/default").symlink_to("/etc/nginx/sites-available/default")
            return ("--proxy", "system-nginx")
        case "no nginx":
            return ("--proxy", "system-nginx")
        case "drafts":
            return ("--drafts", "/srv/my drafts")
        case "key":
            settings.parent.mkdir()
            tls = '{certificate: /etc/ssl/a.pem, key: /etc/ssl/a.key, plain: "0.0.0.0:80"}'
            text = first_settings(Choices(programs=Path("/opt"), public_url="https://a.example", listen="0.0.0.0:443"))
            settings.write_text(text.replace("#tls: {}", f"tls: {tls}"))
        case "listen":
            return ("--listen", "nowhere")
        case "word":
            return ("--proxy", "apache")
        case "record's word":
            installed(root)
            record = root / "etc/drafterd/installed.json"
            record.write_text(record.read_text().replace('"proxy": "traefik"', '"proxy": "weird"'))
        case "record":
            (root / "etc/drafterd").mkdir()
            (root / "etc/drafterd/installed.json").write_text("[1]")
        case "folder":
            (root / "etc/drafterd/supervisord.conf").mkdir(parents=True)
    return ()


@pytest.mark.parametrize(
    ("system", "noted"),
    [
        ('ID=debian\nVERSION_ID="12"\n', False),
        ('ID=debian\nVERSION_ID="13"\n', False),
        ('ID=ubuntu\nVERSION_ID="24.04"\n', True),
        ("ID=arch\n", True),
        ("", True),
    ],
)
def test_where_it_was_never_tried_that_is_said(root, system, noted):
    (root / "etc" / "os-release").write_text(system)
    found = list(machine._system(Ground(root)))
    assert [(finding.grave, "tried on Debian 12 and 13" in finding.mend) for finding in found] == [
        (False, True)
    ] * noted


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("unknown key", "nonsense"),
        ("state", "the units know /var/lib/drafterd only"),
        ("kind", "proxy.kind"),
        ("secrets", "NAME=value"),
        ("default site", "sites-enabled/default"),
        ("no nginx", "apt-get install nginx-light"),
        ("drafts", "drafts: '/srv/my drafts' holds a blank"),
        ("key", "/etc/ssl/a.pem cannot be read"),
        ("listen", "proxy.listen"),
        ("word", "system-traefik"),
        ("record", "installed.json cannot be understood"),
        ("record's word", "/etc/drafterd/installed.json: proxy: found 'weird'"),
        ("folder", "supervisord.conf cannot be read"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(root, what, said):
    options = broken(root, what)
    before = contents(root)
    done = run("install", root, "--systemd", *options)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert contents(root) == before


def test_without_root_it_says_so(root):
    words = [sys.executable, "-m", "drafterd", "install", "--systemd", "--root", str(root)]
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words]
    if subprocess.run([*as_nobody[:-2], "--help"], capture_output=True, timeout=60, check=False).returncode != 0:
        pytest.skip("this Python lies in a folder that only its owner may enter")
    done = subprocess.run(as_nobody, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "only root may install" in done.stderr


@contextlib.contextmanager
def seen_by_nobody() -> Iterator[tuple[Ground, Choices]]:
    """An installation on a folder, looked at without any right."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        ground = Ground(Path(name))
        choices = Choices(programs=Path(sys.executable).parent, public_url="http://drafts.example.org")
        perform.perform(perform.decide(ground, choices, perform.configuration(ground, choices)), lambda _step: None)
        os.seteuid(NOBODY)
        try:
            yield ground, choices
        finally:
            os.seteuid(0)


def test_whoever_is_not_root_may_look_at_what_would_be_done_over_an_installation():
    with seen_by_nobody() as (ground, choices):
        os.seteuid(0)
        ground.at(places.SETTINGS).chmod(0o644)
        os.seteuid(NOBODY)
        config = perform.configuration(ground, choices)
        found = list(machine._secrets(ground, config))
        decided = perform.decide(ground, choices, config)
    assert [finding.grave for finding in found] == [False]
    assert {change.verdict for change in decided.changes} == {Verdict.SAME, Verdict.OWN}


def test_whoever_may_not_read_the_configuration_is_told_who_may():
    with seen_by_nobody() as (ground, choices), pytest.raises(ConfigError, match="Permission denied") as raised:
        perform.configuration(ground, choices)
    assert "as root or as a member" in raised.value.hint


def test_a_machine_without_systemd_is_told(monkeypatch):
    if Path("/run/systemd/system").is_dir():
        pytest.skip("this one has it")
    (finding,) = machine.ready(Ground(), writing=True)
    assert "systemd does not run this machine" in finding.what
    assert "drafterd up" in finding.mend


def test_a_failure_says_where_it_stands_and_it_goes_on_from_there(root):
    ground = Ground(root)
    choices = Choices(programs=Path(sys.executable).parent, public_url="http://drafts.example.org")
    (root / "etc/tmpfiles.d").write_text("a file where a folder should be")
    decided = perform.decide(ground, choices, perform.configuration(ground, choices))
    said: list[str] = []
    with pytest.raises(MachineFailed, match=r"stopped after: write /etc/sysusers.d/drafterd.conf"):
        perform.perform(decided, said.append)
    (root / "etc/tmpfiles.d").unlink()
    again = perform.decide(ground, choices, perform.configuration(ground, choices))
    assert {change.verdict for change in again.changes} == {Verdict.SAME, Verdict.NEW}
    perform.perform(again, said.append)
    assert {c.verdict for c in perform.decide(ground, choices, again.config).changes} <= {Verdict.SAME, Verdict.OWN}


def test_a_removal_that_was_cut_short_is_taken_up(root):
    installed(root)
    ground = Ground(root)
    for name, step in removal.steps(removal.decide(ground, purge=False)):
        if name.endswith("drafterd.target"):
            break  # killed here
        step()
    removal.perform(removal.decide(ground, purge=False), lambda _name: None)
    assert not list((root / "etc/systemd/system").glob("drafterd*"))
