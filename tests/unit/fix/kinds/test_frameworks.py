"""Frameworks whose build leaves a server or files, by their configuration."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.kinds.frameworks import PREVIEW
from tests.unit.fix.kinds.looks import codes, seen

NODE_ADAPTER = (
    "import node from '@astrojs/node'\nexport default { output: 'server', adapter: node({ mode: 'standalone' }) }"
)

REACT_ROUTER_SERVE = "node_modules/@react-router/serve/bin.js"
SVELTE = "import a from '@sveltejs/adapter-{}'\nexport default {{ kit: {{ adapter: a({}) }} }}"


@pytest.mark.parametrize(
    ("files", "dependencies", "wanted"),
    [
        ({}, ("astro",), (Kind.STATIC, (), "dist")),
        ({"astro.config.mjs": "export default { outDir: './site' }"}, ("astro",), (Kind.STATIC, (), "site")),
        (
            {"astro.config.ts": NODE_ADAPTER},
            ("astro", "@astrojs/node"),
            (Kind.NODE, ("node", "dist/server/entry.mjs"), "dist"),
        ),
        ({"astro.config.ts": "export default {}"}, ("astro", "@astrojs/node"), (Kind.STATIC, (), "dist")),
        ({}, ("nuxt", "vue"), (Kind.NODE, ("node", ".output/server/index.mjs"), ".output/public")),
        (
            {},
            ("@react-router/dev", "@react-router/serve", "vite"),
            (Kind.NODE, ("node", REACT_ROUTER_SERVE, "build/server/index.js"), "build/client"),
        ),
        (
            {"react-router.config.ts": "export default { ssr: false, buildDirectory: 'out' } satisfies Config"},
            ("@react-router/dev", "vite"),
            (Kind.STATIC, (), "out/client"),
        ),
        (
            {"svelte.config.js": SVELTE.format("node", "")},
            ("@sveltejs/kit", "@sveltejs/adapter-node", "vite"),
            (Kind.NODE, ("node", "build/index.js"), ""),
        ),
        (
            {"svelte.config.js": SVELTE.format("node", "{ out: 'x' }")},
            ("@sveltejs/kit", "@sveltejs/adapter-node"),
            (Kind.NODE, ("node", "x/index.js"), ""),
        ),
        (
            {"svelte.config.js": SVELTE.format("static", "{ pages: 'w' }")},
            ("@sveltejs/kit", "@sveltejs/adapter-static", "@sveltejs/adapter-auto"),
            (Kind.STATIC, (), "w"),
        ),
    ],
)
def test_what_serves(tmp_path, files, dependencies, wanted):
    found = seen(tmp_path, files, *dependencies, scripts={"dev": "x dev"})
    assert found.recipe is not None
    assert (found.recipe.kind, found.recipe.start, found.recipe.static_root) == wanted
    assert found.recipe.build
    assert found.recipe.framework
    assert codes(found) == []


@pytest.mark.parametrize(("options", "prefixed"), [("", False), ("{ fallback: '200.html' }", True)])
def test_sveltekit_is_built_for_its_place_where_one_page_stands_for_all(tmp_path, options, prefixed):
    files = {"svelte.config.js": SVELTE.format("static", options)}
    recipe = seen(tmp_path, files, "@sveltejs/kit", "@sveltejs/adapter-static").recipe
    assert recipe is not None
    assert (recipe.prefixed, bool(recipe.fallback)) == (prefixed, prefixed)


@pytest.mark.parametrize("adapter", ["@sveltejs/adapter-auto", "@sveltejs/adapter-vercel"])
def test_an_adapter_for_other_places_is_served_by_the_preview_and_said(tmp_path, adapter):
    config = f"import adapter from '{adapter}'\nexport default {{ kit: {{ adapter: adapter() }} }}"
    found = seen(tmp_path, {"svelte.config.js": config}, "@sveltejs/kit", adapter)
    assert found.recipe is not None
    assert found.recipe.start == ("node", PREVIEW)
    assert codes(found) == ["adapter"]
    assert "adapter-node" in found.problems[0].proposals[0]


def test_an_astro_server_for_other_places_is_said(tmp_path):
    config = "import x from '@astrojs/vercel'\nexport default { output: 'server', adapter: x() }"
    assert codes(seen(tmp_path, {"astro.config.mjs": config}, "astro", "@astrojs/vercel")) == ["adapter"]


@pytest.mark.parametrize(
    ("files", "dependencies"),
    [
        (
            {"astro.config.mjs": "import node from '@astrojs/node'\nexport default { adapter: node({ mode: 'middleware' }) }"},
            ("astro", "@astrojs/node"),
        ),
        ({}, ("@react-router/dev", "@react-router/cloudflare")),
        ({}, ("@remix-run/dev", "@remix-run/cloudflare")),
    ],
)  # fmt: skip
def test_what_needs_another_host_is_one_clear_problem(tmp_path, files, dependencies):
    found = seen(tmp_path, files, *dependencies)
    assert found.recipe is None
    assert found.problem is not None
    assert found.problem.code == "unsupported-kind"
    assert found.problem.hint


def test_an_own_server_is_run_whatever_renders_the_pages(tmp_path):
    scripts = {"build": "react-router build", "start": "node server.js"}
    found = seen(tmp_path, {"server.js": ""}, "@react-router/dev", "express", scripts=scripts)
    assert found.recipe is not None
    assert found.recipe.start == ("node", "server.js")


def test_nuxt_is_told_its_address_by_variables(tmp_path):
    recipe = seen(tmp_path, {}, "nuxt", scripts={"build": "nuxt generate"}).recipe
    assert recipe is not None
    assert recipe.build_environment["NUXT_APP_BASE_URL"] == "{base}/"
    assert recipe.run_environment["NUXT_APP_BASE_URL"] == "{base}/"
    assert recipe.build_environment["NITRO_PRESET"] == "static"


def test_remix_and_frameworks_on_nitro_say_that_a_path_is_not_theirs(tmp_path):
    assert codes(seen(tmp_path, {}, "@remix-run/dev", "@remix-run/serve")) == ["base-path"]
    assert codes(seen(tmp_path / "2", {}, "@solidjs/start", "vinxi")) == ["base-path"]
