"""Servers of the author's own."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.kinds.detection import framework_server
from drafterd.fix.kinds.node import start_command
from drafterd.fix.package import parse
from tests.unit.fix.kinds.looks import package, seen

OUT = '{ "compilerOptions": { "outDir": "./dist", /* c */ "rootDir": "src", } }'


@pytest.mark.parametrize(
    ("files", "dependencies", "rest", "start"),
    [
        ({"src/index.js": ""}, ("express",), {}, ("node", "src/index.js")),
        ({"server/index.js": ""}, ("fastify",), {}, ("node", "server/index.js")),
        ({"src/index.ts": ""}, ("hono", "tsx"), {"scripts": {"dev": "tsx watch src/index.ts"}}, ("tsx", "src/index.ts")),
        ({"server.ts": ""}, ("express", "ts-node"), {}, ("ts-node", "server.ts")),
        (
            {"src/server.ts": "", "tsconfig.json": OUT},
            ("express", "typescript"),
            {"scripts": {"build": "tsc"}},
            ("node", "dist/server.js"),
        ),
        (
            {"src/index.ts": "", "tsconfig.json": OUT},
            ("express",),
            {"scripts": {"build": "tsc"}, "main": "dist/index.js"},
            ("node", "dist/index.js"),
        ),
        ({"src/a.ts": ""}, ("express",), {"scripts": {"start": "tsx src/a.ts"}}, ("npm", "run", "start")),
        ({}, ("@nestjs/core",), {"scripts": {"start": "nest start", "build": "nest build"}}, ("npm", "run", "start")),
    ],
)  # fmt: skip
def test_how_it_is_started(tmp_path, files, dependencies, rest, start):
    recipe = seen(tmp_path, files, *dependencies, **rest).recipe
    assert recipe is not None
    assert (recipe.kind, recipe.start) == (Kind.NODE, start)
    assert recipe.framework


@pytest.mark.parametrize("tsconfig", ["{", "[]", '{"compilerOptions":{"outDir":"../up"}}', "[" * 5000])
def test_a_typescript_server_that_nothing_runs_is_none(tmp_path, tsconfig):
    files = {"src/index.ts": "", "tsconfig.json": tsconfig}
    assert seen(tmp_path, files, "express", scripts={"build": "tsc"}).recipe is None


def test_words_for_people():
    assert framework_server(parse(package("koa").encode())) == "Koa"
    assert start_command(parse(package(scripts={"start": "node a.js"}).encode())) == ("node", "a.js")
