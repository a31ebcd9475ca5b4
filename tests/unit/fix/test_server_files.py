"""Where code runs: in browsers, provably on the server only, or nobody knows."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.folder import Folder
from drafterd.fix.server_files import is_server_place, sides
from tests.unit.fix.folders import folder

SERVER, CLIENT, UNSURE = "server", "client", "unsure"
CODE = "export const a = 1\n"


def side(tmp_path, files, name, *, kind=Kind.NEXT, entries=(), packages=()):
    found = sides(Folder(folder(tmp_path / "d", {name: CODE, **files})), kind, entries, set(packages))
    assert not found.server & found.client
    return SERVER if name in found.server else CLIENT if name in found.client else UNSURE


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("app/api/x/route.ts", SERVER),
        ("src/app/api/x/route.js", SERVER),
        ("app/route.ts", SERVER),
        ("app/(a)/[...b]/@c/route.ts", SERVER),
        ("pages/api/x.ts", SERVER),
        ("pages/api/auth/[...nextauth].js", SERVER),
        ("src/pages/api/a/b.tsx", SERVER),
        ("middleware.ts", SERVER),
        ("src/middleware.js", SERVER),
        ("proxy.ts", SERVER),
        ("instrumentation.ts", SERVER),
        ("auth.ts", SERVER),
        ("lib/auth.ts", SERVER),
        ("auth.config.mjs", SERVER),
        ("app/page.tsx", UNSURE),
        ("app/layout.tsx", UNSURE),
        ("lib/db.ts", UNSURE),
        ("next.config.ts", UNSURE),
        ("lib/route.ts", UNSURE),
        ("lib/middleware.ts", UNSURE),
        ("app/api/route.d.ts", UNSURE),
        ("pages/index.tsx", CLIENT),
        ("pages/apiary.tsx", CLIENT),
        ("src/pages/_app.tsx", CLIENT),
        ("pages/_document.tsx", UNSURE),
        ("instrumentation-client.ts", CLIENT),
        ("public/sw.js", CLIENT),
    ],
)
def test_a_place_tells(tmp_path, name, where):
    assert side(tmp_path, {}, name) == where


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("'use server'\n", SERVER),
        ('"use server";export const a = 1', SERVER),
        ("#!/usr/bin/env node\n// c\n/* d\n e */ 'use server'\n", SERVER),
        ("'use strict'\n'use server'\n", SERVER),
        ("import 'server-only'\n", SERVER),
        ('import a from "a"\nimport "server-only"', SERVER),
        ("'use client'\n", CLIENT),
        ("// c\n\"use client\"; import a from 'b'", CLIENT),
        ("/* a\n b */ 'use client'\r\n", CLIENT),
        ("'use strict';'use client'", CLIENT),
        ("'use client' // here", CLIENT),
        ("'use client'\nimport 'server-only'", CLIENT),
        ("const a = 1\n'use server'", UNSURE),
        ("const a = 1\n'use client'", UNSURE),
        ("// 'use server'\n", UNSURE),
        ("'use server'.trim()", UNSURE),
        ("('use server')\n", UNSURE),
    ],
)
def test_a_directive_tells_in_its_place_only(tmp_path, text, where):
    assert side(tmp_path, {"lib/x.ts": text}, "lib/x.ts") == where


def test_a_directive_beats_the_place(tmp_path):
    assert side(tmp_path, {"auth.ts": "'use client'\n"}, "auth.ts") == CLIENT
    assert side(tmp_path, {"pages/x.ts": "'use server'\n"}, "pages/x.ts") == SERVER


IMPORTS = [
    "import { a } from '../lib/deep'",
    "import '../lib/deep'",
    "import x from '../lib/deep.js'",
    "import x from '../lib/deep.ts'",
    "export * from '../lib/deep'",
    'export { a } from "../lib/deep"',
    "const { a } = require('../lib/deep')",
    "const a = await import('../lib/deep')",
    "const A = dynamic(() => import(/* webpackChunkName: 'x' */ '../lib/deep'))",
    "import { a } from /* c */ '../lib/deep'",
    "import {\n  a,\n  b,\n} from\n  '../lib/deep'",
    "new Worker(new URL('../lib/deep.ts', import.meta.url))",
    "import(`../lib/deep`)",
    "import(`../lib/${name}`)",
    "import('../lib/' + name)",
    "import { a } from '@/lib/deep'",
    "import { a } from '~/lib/deep'",
    "import { a } from 'lib/deep'",
    "import(`@/lib/${name}`)",
    "import a from '$webpack/lib/deep'",
    "const a = require.resolve('../lib/deep')",
]


@pytest.mark.parametrize("line", IMPORTS)
def test_what_client_code_imports_is_client_code(tmp_path, line):
    files = {"components/c.tsx": f"'use client'\n{line}\n", "app/api/x/route.ts": "import '../../../lib/deep'"}
    assert side(tmp_path, files, "lib/deep.ts") == CLIENT


@pytest.mark.parametrize("line", IMPORTS)
def test_what_only_server_code_imports_is_server_code(tmp_path, line):
    files = {"server/s.ts": f"'use server'\n{line}\n", "components/c.tsx": "'use client'\n"}
    assert side(tmp_path, files, "lib/deep.ts") == SERVER


@pytest.mark.parametrize(
    "line",
    [
        "import type { A } from '../lib/deep'",
        "import type A from '../lib/deep'",
        "import type * as A from '../lib/deep'",
        "export type { A } from '../lib/deep'",
    ],
)
def test_types_alone_lead_nobody_there(tmp_path, line):
    files = {"components/c.tsx": f"'use client'\n{line}\n", "app/api/x/route.ts": "import '../../../lib/deep'"}
    assert side(tmp_path, files, "lib/deep.ts") == SERVER


def test_an_import_named_type_is_one(tmp_path):
    files = {"components/c.tsx": "'use client'\nimport type from '../lib/deep'\nexport * from './x'\n"}
    assert side(tmp_path, files, "lib/deep.ts") == CLIENT


@pytest.mark.parametrize(
    ("line", "files"),
    [
        ("import '#code/deep'", {"tsconfig.json": '{ // c\n "compilerOptions": {"paths": {"#code/*": ["./lib/*"],}}}'}),
        ("import 'deep'", {"jsconfig.json": '{"compilerOptions": {"baseUrl": "lib"}}'}),
        ("import '@code'", {"tsconfig.json": '{"compilerOptions": {"paths": {"@code": ["lib/deep.ts"]}}}'}),
        (
            "import '%/deep'",
            {
                "tsconfig.json": '{"extends": "./config/base"}',
                "config/base.json": '{"compilerOptions": {"baseUrl": "..", "paths": {"%/*": ["lib/*"]}}}',
            },
        ),
        (
            "import '%/deep'",
            {
                "tsconfig.json": '{"extends": ["./config/a.json", "./none"], "compilerOptions": {"baseUrl": "lib"}}',
                "config/a.json": '{"extends": "../tsconfig.json", "compilerOptions": {"paths": {"%/*": ["*"]}}}',
            },
        ),
        ("import '#deep'", {"package.json": '{"imports": {"#deep": {"node": null, "default": "./lib/deep.ts"}}}'}),
        ("import '#x/deep.js'", {"package.json": '{"imports": {"#x/*.js": "./lib/*.ts"}}'}),
    ],
)
def test_configured_names_lead_there_too(tmp_path, line, files):
    made = {"components/c.tsx": f"'use client'\n{line}\n", "app/api/x/route.ts": "import '../../../lib/deep'", **files}
    assert side(tmp_path, made, "lib/deep.ts") == CLIENT


@pytest.mark.parametrize("line", ["import { a } from '@my/kit'", "import '@my/kit/deep'"])
def test_a_package_of_the_workspace_is_a_folder_of_the_draft(tmp_path, line):
    files = {
        "components/c.tsx": f"'use client'\n{line}\n",
        "kit/package.json": '{"name": "@my/kit", "main": "./dist/index.js"}',
        "kit/src/index.ts": "export * from './deep'",
        "app/api/x/route.ts": "import '../../../kit/src/deep'",
    }
    assert side(tmp_path, files, "kit/src/deep.ts", packages=["@my/kit"]) == CLIENT


def test_an_index_file_and_a_chain_of_exports_lead_on(tmp_path):
    files = {
        "components/c.tsx": "'use client'\nimport { a } from '@/lib'\n",
        "lib/index.ts": "export * from './middle.js'",
        "lib/middle.ts": "export { a } from '../data'",
        "data/index.js": "export * from './deep'",
        "app/api/x/route.ts": "import '@/data/deep'",
    }
    assert side(tmp_path, files, "data/deep.ts") == CLIENT


def test_an_action_that_a_client_calls_stays_on_the_server(tmp_path):
    files = {
        "components/c.tsx": "'use client'\nimport '../lib/actions'\n",
        "lib/actions.ts": "'use server'\nimport './deep'\n",
    }
    assert side(tmp_path, files, "lib/deep.ts") == SERVER


def test_what_only_the_data_function_of_a_page_may_need_is_not_certain(tmp_path):
    page = "import { a } from '../lib/deep'\nexport async function getServerSideProps() {}\n"
    files = {"pages/index.tsx": page, "pages/api/x.ts": "import '../../lib/deep'"}
    assert side(tmp_path, files, "lib/deep.ts") == UNSURE


@pytest.mark.parametrize("config", ["[" * 100_000, '"x"', "[]", '{"compilerOptions": 1}', "\udcff"])
def test_a_configuration_that_cannot_be_read_leads_nowhere(tmp_path, config):
    data = config.encode("utf-8", "surrogateescape")
    files = {"tsconfig.json": data, "package.json": data, "app/api/x/route.ts": "import '@/lib/deep'"}
    assert side(tmp_path, files, "lib/deep.ts") == SERVER


def test_configurations_that_name_each_other_end(tmp_path):
    files = {"tsconfig.json": '{"extends": "./b/tsconfig"}', "b/tsconfig.json": '{"extends": "../tsconfig"}'}
    assert side(tmp_path, files, "auth.ts") == SERVER


@pytest.mark.parametrize(
    ("name", "files", "where"),
    [
        ("server.js", {}, SERVER),
        ("routes/a.js", {}, SERVER),
        ("public/app.js", {}, CLIENT),
        ("frontend/app.js", {"frontend/index.html": "<p>"}, CLIENT),
        ("site/js/app.js", {"site/index.html": "<p>"}, CLIENT),
        ("app.js", {"index.html": "<script type=module src='/app.js'></script>"}, CLIENT),
        ("shared/a.js", {"public/app.js": "import '../shared/a.js'"}, CLIENT),
        ("shared/a.js", {"server.js": "require('./shared/a')"}, SERVER),
    ],
)
def test_a_node_server_is_server_code_but_for_what_it_serves(tmp_path, name, files, where):
    assert side(tmp_path, files, name, kind=Kind.NODE, entries=["server.js"]) == where


@pytest.mark.parametrize(
    ("name", "files", "where"),
    [
        ("server/index.ts", {}, SERVER),
        ("server/db.ts", {"server/index.ts": "import './db.js'"}, SERVER),
        ("src/main.tsx", {}, CLIENT),
        (
            "src/data.ts",
            {"index.html": "<script type=module src=/src/main.ts>", "src/main.ts": "import './data'"},
            CLIENT,
        ),
        ("src/lone.ts", {}, UNSURE),
        ("shared/a.ts", {"server/index.ts": "import '../shared/a'", "src/x.tsx": "import '../shared/a'"}, CLIENT),
    ],
)
def test_beside_a_bundler_only_what_the_server_imports_is_certain(tmp_path, name, files, where):
    found = side(tmp_path, files, name, kind=Kind.NODE, entries=["server/index.ts"], packages=["vite", "express"])
    assert found == where


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("src/App.tsx", CLIENT),
        ("app.js", CLIENT),
        ("auth.ts", CLIENT),
        ("vite.config.ts", UNSURE),
        ("supabase/functions/x/index.ts", UNSURE),
        ("src/App.test.tsx", UNSURE),
    ],
)
def test_what_a_bundler_makes_is_all_for_browsers(tmp_path, name, where):
    assert side(tmp_path, {}, name, kind=Kind.STATIC) == where


def test_places_that_are_known_without_a_look():
    assert is_server_place("app/api/route.ts")
    assert not is_server_place("app/page.tsx")
