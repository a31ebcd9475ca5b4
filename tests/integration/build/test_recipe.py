"""What a recipe gives the build's command: words and variables, for the address that is built for."""

import pytest

from drafterd.domain.model import BuildStatus, Kind, Recipe
from tests.integration.build.world import World

RECIPE = Recipe(
    kind=Kind.STATIC,
    why="test",
    build=True,
    static_root="dist",
    prefixed=True,
    build_arguments=("--base={base}/",),
    build_environment={"WHERE": "{base}/", "CI": "false"},
)
SCRIPT = (
    "require('fs').mkdirSync('dist');"
    "require('fs').writeFileSync('dist/index.html', [...process.argv.slice(2), process.env.WHERE, process.env.CI].join())"
)


@pytest.mark.parametrize("base_path", ["", "/api/draft/hello"])
async def test_words_and_variables_are_for_the_address(tmp_path, base_path):
    async with World(tmp_path).running() as world:
        build = await world.build(world.drop_script(SCRIPT, recipe=RECIPE, base_path=base_path))
        assert build.status is BuildStatus.SUCCEEDED, world.log(1)
        found = [path.read_text() for path in world.layout.releases(build.draft).rglob("index.html")]
        assert found == [f"--base={base_path}/,{base_path}/,false"]
