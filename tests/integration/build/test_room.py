"""A build for which the disk is full: what can be made again gives way to it."""

import pytest

from drafterd.domain.model import BuildStatus
from tests.disks import mounted, mounts
from tests.integration.build.world import World

pytestmark = pytest.mark.skipif(not mounts(), reason="a small disk cannot be mounted here")

LARGE = "require('fs').mkdirSync('dist'); require('fs').writeFileSync('dist/index.html', 'x'.repeat(4e6));"


@pytest.fixture
def world(tmp_path):
    with mounted(tmp_path / "disk", 10_000) as disk:
        yield World(disk)


async def test_a_build_that_finds_the_disk_full_is_done_once_more_when_caches_were_deleted(world):
    kept = world.layout.downloads / "sha512" / "kept"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"x" * 7_000_000)
    async with world.running():
        build = await world.build(world.drop_script(LARGE))
    assert build.status is BuildStatus.SUCCEEDED, build.problem
    assert not kept.exists()
    assert "the disk was full: what can be made again was deleted" in world.log(1)


async def test_where_nothing_can_be_deleted_the_disk_is_said_to_be_full(world):
    kept = world.layout.state / "somebody-elses"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"x" * 7_000_000)
    async with world.running():
        build = await world.build(world.drop_script(LARGE))
    assert build.problem is not None
    assert build.problem.code == "disk-full"
    assert kept.exists()
