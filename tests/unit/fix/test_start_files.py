"""Which files a start command runs."""

import json

import pytest

from drafterd.fix.folder import Folder
from drafterd.fix.package import parse
from drafterd.fix.start_files import start_files
from tests.unit.fix.folders import folder

SCRIPTS = [
    ({"start": "node server.js"}, ["server.js", "other.js"], {"server.js"}),
    ({"start": "node ./server"}, ["server.js"], {"server.js"}),
    ({"start": "node ."}, ["index.js"], {"index.js"}),
    ({"start": "node src"}, ["src/index.js"], {"src/index.js"}),
    ({"start": "NODE_ENV=production node -r dotenv/config server.js --port 3000"}, ["server.js"], {"server.js"}),
    ({"start": "cross-env NODE_ENV=production tsx server/index.ts"}, ["server/index.ts"], {"server/index.ts"}),
    ({"start": "npm run serve", "serve": "node server.js"}, ["server.js"], {"server.js"}),
    ({"start": "npm run migrate && node server.js", "migrate": "node db.js"}, ["server.js", "db.js"], None),
    ({"start": "cd server && node index.js"}, ["server/index.js", "app.js"], {"server/index.js"}),
    ({"start": "pm2-runtime server.js"}, ["server.js"], {"server.js"}),
    ({"start": 'concurrently "node a.js" "node b.js"'}, ["a.js", "b.js"], {"a.js", "b.js"}),
    ({"start": "node dist/index.js", "build": "tsc"}, ["src/index.ts", "dist/index.js"], {"src/index.ts"}),
    ({"start": "node dist/index.js"}, ["src/index.ts", "dist/index.js"], {"dist/index.js"}),
    (
        {
            "start": "NODE_ENV=production node dist/index.js",
            "build": "vite build && esbuild server/index.ts --platform=node --bundle --outdir=dist",
        },
        ["server/index.ts", "src/index.ts", "vite.config.ts"],
        {"server/index.ts"},
    ),
    ({"start": "npm run start"}, ["server.js"], set()),
    ({"start": "next start"}, ["next.config.js"], set()),
]


@pytest.mark.parametrize(("scripts", "names", "wanted"), SCRIPTS)
def test_what_a_script_starts(tmp_path, scripts, names, wanted):
    package = json.dumps({"scripts": scripts})
    root = folder(tmp_path / "d", {"package.json": package, **dict.fromkeys(names, "x")})
    found = start_files(Folder(root), parse(package.encode()), ("npm", "run", "start"), builds="build" in scripts)
    assert found == (set(names) if wanted is None else wanted)


def test_a_command_without_a_script(tmp_path):
    root = folder(tmp_path / "d", {"package.json": "{}", "src/server.mjs": "x"})
    assert start_files(Folder(root), parse(b"{}"), ("node", "src/server.mjs"), builds=False) == {"src/server.mjs"}


def test_scripts_that_run_each_other_end(tmp_path):
    package = b'{"scripts": {"start": "npm run a", "a": "npm run start"}}'
    root = folder(tmp_path / "d", {"package.json": package})
    assert start_files(Folder(root), parse(package), ("npm", "run", "start"), builds=False) == set()
