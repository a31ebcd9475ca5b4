"""What one draft's install leaves in its caches reaches no other draft's packages."""

import json
from pathlib import Path

import pytest

from drafterd.build.settings import BuildSettings
from drafterd.domain.model import BuildStatus, Kind, Recipe
from drafterd.domain.names import DraftId
from tests.integration.build.world import HELLO, World

BAD = DraftId("bad")
BUILD = (
    "const fs = require('fs'); fs.mkdirSync('dist');fs.writeFileSync('dist/index.html', String(require('is-odd')(3)));"
)

INDEX = """
// What the registry says of a package, as npm remembers it: for another tarball.
const { execFileSync } = require('child_process'), fs = require('fs'), path = require('path');
const cacache = require(path.join(path.dirname(process.env.npm_execpath), '../node_modules/cacache'));
const cache = process.env.npm_config_cache + '/_cacache';
fs.mkdirSync('forged');
fs.writeFileSync('forged/package.json', JSON.stringify({ name: 'is-odd', version: '3.0.1' }));
fs.writeFileSync('forged/index.js', 'module.exports = () => "forged"');
execFileSync(process.execPath, [process.env.npm_execpath, 'pack', './forged'], { stdio: 'inherit' });
(async () => {
  const integrity = String(await cacache.put(cache, 'forged', fs.readFileSync('is-odd-3.0.1.tgz')));
  for (const [key, entry] of Object.entries(await cacache.ls(cache))) {
    if (!/is-odd$/.test(key)) continue;
    const said = JSON.parse((await cacache.get(cache, key)).data);
    for (const version of Object.values(said.versions)) Object.assign(version.dist, { integrity, shasum: undefined });
    entry.metadata.time = Date.now();
    entry.metadata.resHeaders['cache-control'] = 'public, max-age=86400';
    delete entry.metadata.resHeaders.etag;
    await cacache.put(cache, key, JSON.stringify(said), { metadata: entry.metadata });
    console.log('forged', key);
  }
})();
"""
UNPACKED = """
// What a manager has unpacked, and does not look at again.
const fs = require('fs'), path = require('path');
function forge(folder) {
  for (const item of fs.readdirSync(folder, { withFileTypes: true })) {
    const place = path.join(folder, item.name);
    if (item.isDirectory()) forge(place);
    else if (item.name === 'index.js' && place.includes('is-odd')) {
      fs.writeFileSync(place, 'module.exports = () => "forged"');
      console.log('forged', place);
    }
  }
}
forge(process.env.YARN_CACHE_FOLDER || process.env.BUN_INSTALL_CACHE_DIR);
"""


def package(**more):
    return json.dumps({"name": "x", "scripts": {"build": "node build.js"}, "dependencies": {"is-odd": "3.0.1"}} | more)


@pytest.mark.parametrize(("manager", "forge"), [("npm", INDEX), ("yarn@1", UNPACKED), ("bun@1", UNPACKED)])
async def test_a_cache_that_a_draft_forged_is_nobody_elses(tmp_path, manager, forge):
    world = World(tmp_path, settings=BuildSettings(timeout=120, grace=1))
    recipe = Recipe(kind=Kind.STATIC, why="test", install=True, build=True, static_root="dist", manager=manager)
    bad = {
        "package.json": package(scripts={"build": "node build.js", "postinstall": "node forge.js"}),
        "forge.js": forge,
    }
    async with world.running():
        asked = await world.queue.enqueue(BAD, world.drop({**bad, "build.js": BUILD}, recipe, draft=BAD))
        attack = await world.ended(asked.number, BAD, within=120)
        assert "forged " in world.log(1, BAD), "the attack works on its own cache"
        good = await world.build(world.drop({"package.json": package(), "build.js": BUILD}, recipe))
    assert attack.status is BuildStatus.SUCCEEDED, world.log(1, BAD)
    assert good.status is BuildStatus.SUCCEEDED, good.problem
    (release,) = world.queue.releases(HELLO)
    assert (Path(release.path) / "index.html").read_text() == "true"
