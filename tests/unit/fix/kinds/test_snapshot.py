"""The wrappers around configurations in a build's snapshot: which file stands where."""

import json

import pytest

from drafterd.domain.model import Kind, Recipe
from drafterd.fix.kinds.frameworks import PREVIEW
from drafterd.fix.kinds.snapshot import MARK, prepare_snapshot
from tests.unit.fix.folders import folder, snapshot

OWN = "export default {}\n"


def prepared(root, framework, **rest):
    prepare_snapshot(root, recipe=Recipe(kind=Kind.STATIC, why="", framework=framework, **rest))
    return {name: data.decode() for name, data in snapshot(root).items()}


@pytest.mark.parametrize(
    ("framework", "files", "wrapper", "original"),
    [
        ("Vite", {}, "vite.config.mjs", ""),
        ("Vite", {"vite.config.js": OWN}, "vite.config.js", "vite.config.draft-original.js"),
        ("Vite", {"vite.config.ts": OWN}, "vite.config.js", "vite.config.ts"),
        ("Vite", {"vite.config.mts": OWN}, "vite.config.mjs", "vite.config.mts"),
        ("Vite", {"vite.config.js": OWN, "vite.config.ts": ""}, "vite.config.js", "vite.config.draft-original.js"),
        (
            "Vite",
            {"web.ts": OWN, "package.json": json.dumps({"scripts": {"build": "vite build -c web.ts"}})},
            "web.ts",
            "web.draft-original.ts",
        ),
        ("Astro", {"astro.config.mjs": OWN}, "astro.config.mjs", "astro.config.draft-original.mjs"),
        ("Astro", {"astro.config.ts": OWN}, "astro.config.js", "astro.config.ts"),
        ("React Router", {"react-router.config.ts": OWN}, "react-router.config.js", "react-router.config.ts"),
        ("React Router", {}, "react-router.config.js", ""),
    ],
)
def test_a_wrapper_comes_before_the_authors_file(tmp_path, framework, files, wrapper, original):
    root = folder(tmp_path / "d", {"package.json": "{}", **files})
    first = prepared(root, framework)
    assert f"{MARK}{original}\n" in first[wrapper]
    if original:
        assert f"from './{original}'" in first[wrapper]
        assert first[original] == OWN
    assert prepared(root, framework) == first, "a second time changes nothing"


def test_the_one_page_of_a_sveltekit_app_is_built_for_its_place(tmp_path):
    root = folder(tmp_path / "d", {"svelte.config.js": OWN})
    assert f"{MARK}svelte.config.draft-original.js\n" in prepared(root, "SvelteKit", prefixed=True)["svelte.config.js"]


def test_a_link_is_no_configuration(tmp_path):
    outside = folder(tmp_path / "o", {"vite.config.js": OWN})
    root = folder(tmp_path / "d", {"package.json": "{"})
    (root / "vite.config.js").symlink_to(outside / "vite.config.js")
    assert f"{MARK}\n" in prepared(root, "Vite")["vite.config.mjs"]
    assert snapshot(outside) == {"vite.config.js": OWN.encode()}


def test_sveltekit_gets_a_server_only_where_it_needs_one(tmp_path):
    assert PREVIEW not in prepared(folder(tmp_path / "1", {"a": ""}), "SvelteKit", start=("node", "build/index.js"))
    assert PREVIEW in prepared(folder(tmp_path / "2", {"a": ""}), "SvelteKit", start=("node", PREVIEW))


@pytest.mark.parametrize("framework", ["", "Next.js", "Express", "static files"])
def test_other_drafts_stay_as_they_are(tmp_path, framework):
    root = folder(tmp_path / "d", {"vite.config.js": OWN})
    assert prepared(root, framework) == {"vite.config.js": OWN}


def test_the_pages_of_an_authors_server_are_told_their_place(tmp_path):
    root = folder(tmp_path / "d", {"vite.config.ts": OWN, "client/vite.config.js": OWN, "server/index.js": ""})
    (root / "link").symlink_to("client")
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NODE, why="", framework="Express", build=True))
    wrapped = {name for name, data in snapshot(root).items() if MARK.encode() in data}
    assert wrapped == {"vite.config.js", "client/vite.config.js"}


def test_a_server_without_vite_is_left_as_it_is(tmp_path):
    root = folder(tmp_path / "d", {"index.js": OWN})
    prepare_snapshot(root, recipe=Recipe(kind=Kind.NODE, why="", framework="Node.js", build=True))
    assert snapshot(root) == {"index.js": OWN.encode()}
