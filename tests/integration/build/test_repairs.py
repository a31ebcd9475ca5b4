"""A step that fails is tried again in another way, and what was done is on record."""

from drafterd.domain.model import BuildStatus
from tests.integration.build.world import BUILT, WRITES_DIST, World


async def test_an_invented_package_is_proposed_and_never_installed(tmp_path):
    async with World(tmp_path).running() as world:
        script = "console.error(\"Error: Module not found: Can't resolve 'surely-invented-name'\"); process.exit(1)"
        build = await world.build(world.drop_script(script))
        assert build.status is BuildStatus.FAILED
        assert build.problem is not None
        assert build.repairs == ()
        assert "surely-invented-name" in build.problem.proposals[0]


async def test_a_build_without_room_for_another_try_stays_failed(tmp_path):
    async with World(tmp_path).running() as world:
        says = "console.error('error:0308010C:digital envelope routines::unsupported');"
        build = await world.build(world.drop_script(f"{says} process.exit(1)"))
        assert build.status is BuildStatus.FAILED
        assert [repair.code for repair in build.repairs] == ["old-openssl"]


async def test_the_second_try_gets_what_the_repair_gives(tmp_path):
    async with World(tmp_path).running() as world:
        script = (
            "if (!process.env.NODE_OPTIONS) {"
            "console.error('error:0308010C:digital envelope routines::unsupported'); process.exit(1) }" + WRITES_DIST
        )
        build = await world.build(world.drop_script(script, recipe=BUILT))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        assert [repair.code for repair in build.repairs] == ["old-openssl"]
