"""A release that another user runs: what its group may do, and what nobody else is given."""

import os
import stat
from pathlib import Path

import pytest

from drafterd.build.sharing import share


def modes(root: Path) -> dict[str, int]:
    return {path.relative_to(root).as_posix(): stat.S_IMODE(path.lstat().st_mode) for path in root.rglob("*")}


@pytest.fixture
def release(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "sub").mkdir(parents=True)
    (app / "server.js").write_text("1")
    (app / "sub" / "run").write_text("1")
    (app / "server.js").chmod(0o640)
    (app / "sub" / "run").chmod(0o700)
    (app / "sub").chmod(0o755)
    return app


def test_the_group_gets_what_the_owner_has_and_others_keep_what_they_had(release):
    assert share(release, os.getegid()) == 4
    assert modes(release) == {"server.js": 0o660, "sub": 0o775, "sub/run": 0o770}
    assert share(release, os.getegid()) == 0, "it is repeatable"


def test_it_follows_no_link_and_gives_away_nothing_that_has_another_name(release, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("secret")
    outside.chmod(0o600)
    (release / "link").symlink_to(outside)
    (release / "dead").symlink_to("/nowhere")
    stored = tmp_path / "stored"
    stored.write_text("shared by many")
    stored.chmod(0o640)
    (release / "hard").hardlink_to(stored)
    share(release, os.getegid())
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    assert stat.S_IMODE(stored.stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_the_group_changes_and_what_is_another_users_stays(release):
    (release / "sub" / "theirs").write_text("1")
    os.chown(release / "sub" / "theirs", 12345, 12345)
    share(release, 54321)
    assert (release / "server.js").stat().st_gid == 54321
    assert (release / "sub" / "theirs").stat().st_gid == 12345
