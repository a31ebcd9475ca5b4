"""What a draft locked is unlocked when its server is stopped, where the daemon is another user."""

import os
import stat
import subprocess
import sys
from pathlib import Path

from drafterd.domain.model import InstanceStatus
from drafterd.files import remove_tree
from drafterd.run import loosen
from tests.integration.run.conftest import SERVER, World

LOCKS = "import os; os.makedirs('locked/deep'); os.chmod('locked/deep', 0); os.chmod('locked', 0o500)\n"


async def test_a_stop_unlocks_what_the_server_locked(world: World):
    await world.supervisord.ensure()
    runtime = await world.begin()
    release = world.layout.release(*_parts(world))
    app = release / "app"
    app.mkdir(parents=True)
    specs = world.layout.spec(world.spec().id).parent
    specs.mkdir()
    specs.chmod(0o2750)
    spec = world.spec(f"import os; os.chdir({str(app)!r})\n{LOCKS}{SERVER}")
    await runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    assert mode(app / "locked") == 0o500
    await runtime.stop(spec.id)
    assert mode(app / "locked") & 0o770 == 0o770
    assert mode(app / "locked" / "deep") & 0o770 == 0o770
    assert not world.layout.spec(spec.id).exists()


async def test_one_that_is_the_same_user_is_left_alone(world: World):
    await world.supervisord.ensure()
    runtime = await world.begin()
    app = world.layout.release(*_parts(world)) / "app"
    app.mkdir(parents=True)
    spec = world.spec(f"import os; os.chdir({str(app)!r})\n{LOCKS}{SERVER}")
    await runtime.start(spec)
    await world.until(spec.id, InstanceStatus.READY)
    await runtime.stop(spec.id)
    assert mode(app / "locked") == 0o500


def test_no_depth_is_too_deep_and_no_link_is_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    top = tmp_path / "top"
    top.mkdir()
    (top / "link").symlink_to(outside)
    here = Path.cwd()
    os.chdir(top)
    try:
        for _ in range(1500):
            Path("d" * 20).mkdir(mode=0o700)
            os.chdir("d" * 20)
    finally:
        os.chdir(here)
    command = [sys.executable, "-I", "-S", loosen.__file__, str(top)]
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
    assert mode(outside) == 0o700
    assert mode(top / ("d" * 20)) & 0o770 == 0o770
    remove_tree(top)  # nobody else could


def _parts(world: World):
    spec = world.spec()
    return spec.draft, spec.release


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
