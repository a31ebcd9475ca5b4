"""What is kept of a build, from trees as Next.js, npm and strangers leave them."""

import json
from pathlib import Path

import pytest

from drafterd.build import nextcache
from drafterd.build.failure import BuildFailed
from drafterd.build.pack import Packed, pack
from drafterd.domain.model import BuildOrder, Kind, Recipe
from drafterd.domain.names import DraftId


def _write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def _next(root: Path, *, inner: str = "", output: str = "standalone", base_path: str = "/p") -> None:
    server = f".next/standalone/{inner}"
    _write(root, f"{server}server.js", f"{server}.next/BUILD_ID", f"{server}.env", f"{server}.env.production")
    _write(root, ".next/standalone/node_modules/x/server.js", ".next/standalone/node_modules/x/.next/BUILD_ID")
    _write(root, "public/robots.txt", ".next/static/chunk.js", "app/page.tsx", "node_modules/next/index.js")
    proof = {"config": {"output": output, "basePath": base_path}}
    (root / ".next" / "required-server-files.json").write_text(json.dumps(proof))


def _order(kind: Kind, *, base_path: str = "/p", **recipe: object) -> BuildOrder:
    return BuildOrder(
        draft=DraftId("x"),
        key="k",
        digest="d",
        recipe=Recipe(kind=kind, why="test", **recipe),  # type: ignore[arg-type]
        base_path=base_path,
        strip="",
        environment={},
    )


def _packed(root: Path, order: BuildOrder) -> tuple[Packed, set[str]]:
    app = root.parent / "app"
    packed = pack(root, app, order, root / "node_modules")
    return packed, {str(path.relative_to(app)) for path in app.rglob("*") if not path.is_dir() or path.is_symlink()}


def _refused(root: Path, order: BuildOrder) -> str:
    with pytest.raises(BuildFailed) as caught:
        pack(root, root.parent / "app", order, root / "node_modules")
    return caught.value.problem.code


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("inner", ["", "drafts/x/"])
def test_the_standalone_server_gets_what_lies_beside_it(source, inner):
    _next(source, inner=inner)
    packed, files = _packed(source, _order(Kind.NEXT))
    assert packed.argv == ("node", "server.js")
    assert packed.cwd == (inner.rstrip("/") or ".")
    assert packed.base_path == "/p"
    assert files == {
        f"{inner}server.js",
        f"{inner}.next/BUILD_ID",
        f"{inner}public/robots.txt",
        f"{inner}.next/static/chunk.js",
        "node_modules/x/server.js",
        "node_modules/x/.next/BUILD_ID",
    }


def test_public_files_that_a_script_copied_are_replaced(source):
    _next(source)
    _write(source, ".next/standalone/public/old.txt")
    _, files = _packed(source, _order(Kind.NEXT))
    assert "public/robots.txt" in files
    assert "public/old.txt" not in files


def _no_server(root: Path) -> None:
    _next(root)
    (root / ".next/standalone/server.js").unlink()


def _two_servers(root: Path) -> None:
    _next(root)
    _write(root, ".next/standalone/b/server.js", ".next/standalone/b/.next/BUILD_ID")


def _no_proof(root: Path) -> None:
    _next(root)
    (root / ".next/required-server-files.json").write_text("[]")


def _linked(root: Path) -> None:
    _next(root)
    (root / ".next").rename(root / "real")
    (root / ".next").symlink_to("real")


@pytest.mark.parametrize(
    "fault",
    [
        lambda root: _next(root, base_path="/other"),
        lambda root: _next(root, output="export"),
        lambda _root: None,
        _no_server,
        _two_servers,
        _no_proof,
        _linked,
    ],
)
def test_what_next_did_not_build_as_asked_is_refused(source, fault):
    fault(source)
    assert _refused(source, _order(Kind.NEXT)) == "wrong-output"


def test_the_authors_own_base_path_is_kept(source):
    _next(source, base_path="/mine")
    packed, _ = _packed(source, _order(Kind.NEXT, own_base_path="/mine"))
    assert packed.base_path == "/mine"


def test_a_custom_server_keeps_the_whole_tree_but_its_cache_and_env_files(source):
    _next(source)
    _write(source, ".next/cache/big", "server.js", ".env.local", ".env.example")
    packed, files = _packed(source, _order(Kind.NEXT, start=("node", "server.js"), prefixed=True))
    assert packed.argv == ("node", "server.js")
    assert packed.base_path == "/p"
    assert {"server.js", "node_modules/next/index.js", ".env.example"} <= files
    assert not {".env.local", ".next/cache/big"} & files


def test_a_server_keeps_its_links_but_not_those_that_leave(source):
    _write(source, "server.js", "node_modules/tool/cli.js")
    (source / "node_modules" / ".bin").mkdir()
    (source / "node_modules" / ".bin" / "tool").symlink_to("../tool/cli.js")
    (source / "passwd").symlink_to("/etc/passwd")
    (source / "up").symlink_to("../..")
    packed, files = _packed(source, _order(Kind.NODE, start=("tool", "--x")))
    assert packed.argv == ("node_modules/.bin/tool", "--x")
    assert "node_modules/.bin/tool" in files
    assert not {"passwd", "up"} & files
    assert "2 links" in packed.notes[0]


@pytest.mark.parametrize("start", [(), ("python", "x.py"), ("/bin/sh", "-c"), ("../x",)])
def test_a_server_that_cannot_be_started_is_refused(source, start):
    _write(source, "server.js")
    assert _refused(source, _order(Kind.NODE, start=start)) == "no-start"


def test_an_export_is_its_files(source):
    _next(source, output="export")
    _write(source, "out/index.html", "out/404.html", "out/.hidden", "out/_next/.x/y")
    packed, files = _packed(source, _order(Kind.NEXT_EXPORT))
    assert files == {"index.html", "404.html"}
    assert (packed.argv, packed.fallback, packed.base_path) == ((), "", "/p")


def test_a_built_single_page_app_answers_everything_with_its_page(source):
    _write(source, "dist/index.html", "src/a.js")
    packed, files = _packed(
        source, _order(Kind.STATIC, build=True, static_root="dist", prefixed=True, fallback="index.html")
    )
    assert (packed.fallback, packed.base_path, files) == ("index.html", "/p", {"index.html"})


@pytest.mark.parametrize("left", ["dist/web/browser", "dist/browser", "build", "out", "dist"])
def test_files_are_found_where_the_build_left_them(source, left):
    _write(source, f"{left}/index.html", "dist/server/main.js" if left.endswith("browser") else "src/a.js")
    if left == "dist/web/browser":
        (source / "dist/server/main.js").rename(source / "main.js")
        (source / "dist/server").rmdir()
    _, files = _packed(source, _order(Kind.STATIC, build=True, static_root="dist"))
    assert files == {"index.html"}


@pytest.mark.parametrize(
    ("written", "wanted", "fallback"),
    [
        (("index.html", "404.html"), "index.html", "index.html"),
        (("index.html", "404.html"), "", ""),
        (("index.html", "200.html"), "", "200.html"),
        (("index.html", "__spa-fallback.html"), "index.html", "index.html"),
        (("index.html",), "../secret", ""),
        (("index.html",), "gone.html", ""),
    ],
)
def test_which_page_answers_for_unknown_paths(source, written, wanted, fallback):
    _write(source, *(f"dist/{name}" for name in written), "secret")
    packed, _ = _packed(source, _order(Kind.STATIC, build=True, static_root="dist", fallback=wanted))
    assert packed.fallback == fallback


@pytest.mark.parametrize("server", [True, False])
def test_a_framework_is_a_server_when_its_build_left_one(source, server):
    _write(source, ".output/public/index.html", *([".output/server/index.mjs"] if server else []))
    order = _order(
        Kind.NODE,
        build=True,
        start=("node", ".output/server/index.mjs"),
        static_root=".output/public",
        prefixed=True,
        run_environment={"NUXT_APP_BASE_URL": "{base}/"},
    )
    packed, files = _packed(source, order)
    assert packed.base_path == "/p"
    assert ("index.html" in files) is not server
    assert (packed.argv, dict(packed.environment)) == (
        (("node", ".output/server/index.mjs"), {"NUXT_APP_BASE_URL": "/p/", "NODE_ENV": "production"})
        if server
        else ((), {})
    )


@pytest.mark.parametrize(("version", "whole"), [("11.1.4", True), ("12.1.6", True), ("13.0.0", False)])
def test_a_next_that_cannot_stand_alone_runs_from_its_whole_tree(source, version, whole):
    _next(source)
    (source / ".next/standalone").rename(source / "gone")
    manifest = source / "node_modules/next/package.json"
    manifest.write_text(json.dumps({"version": version}))
    if not whole:
        assert _refused(source, _order(Kind.NEXT)) == "wrong-output"
        return
    packed, files = _packed(source, _order(Kind.NEXT))
    assert (packed.argv, packed.base_path) == (("npm", "run", "start"), "/p")
    assert {"node_modules/next/index.js", ".next/static/chunk.js", "public/robots.txt"} <= files
    assert "whole tree" in packed.notes[0]


def test_a_plain_folder_has_no_fallback_and_no_base_path(source):
    _write(source, "index.html")
    packed, _ = _packed(source, _order(Kind.STATIC))
    assert (packed.fallback, packed.base_path) == ("", "")


@pytest.mark.parametrize("root", ["dist", "../src", "link"])
def test_nothing_to_serve_is_said(source, root):
    _write(source, "index.html")
    (source / "link").symlink_to(".")
    assert _refused(source, _order(Kind.STATIC, static_root=root)) == "no-output"


def test_the_cache_goes_from_one_build_to_the_next_of_the_same_version(source, tmp_path):
    kept = tmp_path / "next-cache"
    manifest = source / "node_modules" / "next" / "package.json"
    _write(source, ".next/cache/webpack/1.pack")
    manifest.parent.mkdir(parents=True)
    manifest.write_text('{"version": "16.0.0"}')
    nextcache.keep(kept, source, source / "node_modules", size_max=5)
    assert not nextcache.restore(kept, source, source / "node_modules"), "too large to be kept"
    nextcache.keep(kept, source, source / "node_modules", size_max=1000)
    (source / ".next").rmdir()
    assert nextcache.restore(kept, source, source / "node_modules")
    assert (source / ".next/cache/webpack/1.pack").exists()
    assert not nextcache.restore(kept, source, source / "node_modules"), "there is one already"
    (source / ".next").rename(source / "gone")
    manifest.write_text('{"version": "16.0.1"}')
    assert not nextcache.restore(kept, source, source / "node_modules")
