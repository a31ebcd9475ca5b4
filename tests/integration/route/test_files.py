"""Files of static drafts by nginx and by the daemon: one table of requests, the same answers."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from aiohttp import web
from yarl import URL

from drafterd import files as files_of_ours
from drafterd.build.release import write_manifest
from drafterd.domain.model import Address, AddressKind, Release
from drafterd.domain.names import DraftId, release_id
from drafterd.domain.routing import RouteTable, Target
from drafterd.web import files
from tests.integration.route.conftest import World, free_address, opened

BASE = "/api/draft/site"
SITES = {"site": (BASE, ""), "app": ("/api/draft/app", "index.html"), "own": ("", "")}
TOLD = (
    *("Content-Type", "Content-Length", "Content-Range", "Cache-Control", "Location"),
    *("X-Robots-Tag", "Referrer-Policy", "X-Content-Type-Options"),
)
ASKED: list[str] = []
"""What the daemon was asked for."""
WORDED = ("Content-Type", "Content-Length")
TREE = {
    "index.html": "<p>home</p>",
    "404.html": "<p>not here</p>",
    "about.html": "<p>about</p>",
    "docs/index.html": "<p>docs</p>",
    "both.html": "<p>both, the page</p>",
    "both/index.html": "<p>both, the folder</p>",
    "bare.html": "<p>bare, the page</p>",
    "bare/x.txt": "x",
    "empty/x.txt": "x",
    "style.css": "p{}",
    "app.js": "1",
    "plain": "no ending",
    "picture.SVG": "<svg/>",
    "archive.tar.gz": "z",
    "data.json": "{}",
    "zero.txt": "",
    "a b/ü.txt": "names",
    "blog/[slug]/page.js": "2",
    "_next/static/chunks/1a.js": "3",
    "static/js/main.0123abcd.js": "4",
    "static/js/main.js": "5",
    ".env": "SECRET",
    ".git/config": "SECRET",
    ".well-known/x.txt": "known",
    "odd%2Fname": "odd",
}


@pytest.fixture
def drafts() -> Iterator[Path]:
    """What is made of drafts, where nginx's own user, who is nobody for root, can read it."""
    with tempfile.TemporaryDirectory(prefix="drafterd-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "beside.html").write_text("SECRET")
        for draft in SITES:
            release = folder / draft / "releases" / "r1"
            for path, text in TREE.items():
                file = release / "app" / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text)
            (release / "app.html").write_text("SECRET")
            write_manifest(release, Release(id=release_id(1), draft=DraftId(draft), key="k", path=""))
            (release / "app" / "link.txt").symlink_to(folder / "beside.html")
            (release / "app" / "linked").symlink_to(folder)
            (release / "app" / "shut.txt").touch(mode=0)
            (folder / draft / "current").symlink_to("releases/r1")
        yield folder


@pytest.fixture
async def world(tmp_path: Path, drafts: Path) -> AsyncIterator[World]:
    async def edge(request: web.Request) -> web.StreamResponse:
        """The daemon's answer; noted."""
        ASKED.append(request.raw_path)
        return await _by_daemon(request, drafts)

    async with opened(tmp_path, "nginx", edge=edge, drafts=drafts) as found:
        yield found


async def _by_daemon(request: web.Request, drafts: Path) -> web.StreamResponse:
    draft = "own" if request.host.startswith("own.") else request.raw_path.split("?")[0].split("/")[3]
    base, fallback = SITES[draft]
    root = str(drafts / draft / "releases" / "r1" / "app")
    site = files.Site(root=root, base=base, fallback=fallback)
    try:
        return await files.serve_file(request, site, request.rel_url.raw_path.removeprefix(base))
    except files.Missing:
        return web.Response(status=404, text="no such file")


async def publish(world: World) -> RouteTable:
    return await world.publish(
        site=Target(address=None, base_path=BASE),
        app=Target(address=None, fallback="index.html"),
        own=Target(address=None, kind=AddressKind.HOST),
        shut=Target(address=None, protected=True),
        shown=Target(address=None, noindex=False),
    )


HTML = {"Accept": "text/html,*/*"}
BY_NGINX: tuple[tuple[str, dict[str, Any]], ...] = (
    ("", {}),
    ("?a=b", {}),
    ("/", {}),
    ("/", {"method": "HEAD"}),
    ("/index.html", {}),
    ("/about", {}),
    ("/about/", {}),
    ("/about.html?x=1", {"headers": HTML}),
    ("/docs", {}),
    ("/docs?x=%20y", {}),
    ("/docs/", {}),
    ("/both", {}),
    ("/both/", {}),
    ("/bare", {}),
    ("/bare/", {}),
    ("/bare/x.txt", {}),
    ("/style.css", {}),
    ("/style.css/", {}),
    ("/app.js", {"headers": {"Range": "bytes=0-0"}}),
    ("/index.html", {"headers": {"Range": "bytes=-4"}}),
    ("/plain", {}),
    ("/picture.SVG", {}),
    ("/archive.tar.gz", {}),
    ("/data.json", {}),
    ("/zero.txt", {}),
    ("/a%20b/%C3%BC.txt", {}),
    ("/blog/%5Bslug%5D/page.js", {}),
    ("/_next/static/chunks/1a.js", {}),
    ("/static/js/main.0123abcd.js", {}),
    ("/static/js/main.js", {}),
)
BY_THE_DAEMON: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/nothing", {}),
    ("/nothing", {"headers": HTML}),
    ("/nothing.png", {}),
    ("/empty", {}),
    ("/empty/", {}),
    ("/.env", {}),
    ("/%2eenv", {}),
    ("/.git/config", {}),
    ("/.well-known/x.txt", {}),
    ("/../beside.html", {}),
    ("/%2e%2e/beside.html", {}),
    ("/docs/../../beside.html", {}),
    ("/shut.txt", {}),
    ("/docs%2f..%2f..%2fapp.html", {}),
    ("/odd%2Fname", {}),
    ("/odd%252Fname", {}),
    ("//index.html", {}),
    ("/docs//", {}),
    ("/a%5cb", {}),
    ("/a%01b", {}),
    ("/a%0d%0aX:y", {}),
    ("/link.txt", {}),
    ("/linked/beside.html", {}),
    ("/index.html", {"method": "OPTIONS"}),
)


async def told(
    world: World, at: Address, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[dict[str, Any], bool]:
    """What a visitor is told, and whether the daemon was asked."""
    before = len(ASKED)
    host = "own.localhost" if not path.startswith("/api/") else "localhost"
    async with world.visitor.request(
        method,
        URL(f"http://{at}{path}", encoded=True),
        headers={"Host": host, **(headers or {})},
        allow_redirects=False,
    ) as response:
        leads = response.status == 302
        # What a redirect says in words is nobody's business.
        shown = {name: None if leads and name in WORDED else response.headers.get(name) for name in TOLD}
        body = b"" if leads else await response.read()
        return {"status": response.status, "body": body, **shown}, len(ASKED) > before


async def test_nginx_answers_as_the_daemon_does(world: World) -> None:
    table = await publish(world)
    assert await world.proxy.observe() == table
    differ = []
    for base, _ in SITES.values():
        for path, options in (*BY_NGINX, *BY_THE_DAEMON):
            where = f"{base}{path}"
            if where.startswith("/"):
                by_nginx, asked = await told(world, world.listen, where, **options)
                by_daemon, _ = await told(world, world.settings.edge, where, **options)
                assert b"SECRET" not in by_nginx["body"], where
                if "/.." in unquote(where) and by_nginx["status"] == 400:
                    continue  # above the root of all: nginx's own answer
                if by_nginx != by_daemon or (asked and (path, options) in BY_NGINX):
                    differ.append((where, options, asked, by_nginx, by_daemon))
    assert not differ


async def test_a_new_release_is_served_at_once_and_without_the_daemon(world: World, drafts: Path) -> None:
    await publish(world)
    page = f"{BASE}/"
    assert (await told(world, world.listen, page))[0]["body"] == b"<p>home</p>"
    new = drafts / "site" / "releases" / "r2" / "app"
    new.mkdir(parents=True)
    (new / "index.html").write_text("<p>newer</p>")
    write_manifest(new.parent, Release(id=release_id(2), draft=DraftId("site"), key="k", path=""))
    files_of_ours.replace_link(drafts / "site" / "current", "releases/r2")
    assert (await told(world, world.listen, page))[0]["body"] == b"<p>newer</p>"
    await world.stop()
    world.settings = replace(world.settings, edge=free_address())
    await world.start()
    answer, _ = await told(world, world.listen, page)
    assert (answer["status"], answer["body"]) == (200, b"<p>newer</p>")
    for path in (f"{BASE}/nothing", "/api/draft/shut/", "/api/draft/shut/index.html"):
        assert (await told(world, world.listen, path))[0]["status"] == 503, path


async def test_nothing_of_a_release_with_a_server_is_shown(world: World, drafts: Path) -> None:
    """Whatever the table still says."""
    await publish(world)
    new = drafts / "site" / "releases" / "r2" / "app"
    new.mkdir(parents=True)
    (new / "server.js").write_text("SECRET")
    (new / "style.css").write_text("SECRET")
    argv = ("node", "server.js")
    write_manifest(new.parent, Release(id=release_id(2), draft=DraftId("site"), key="k", path="", argv=argv))
    files_of_ours.replace_link(drafts / "site" / "current", "releases/r2")
    for path in ("/server.js", "/style.css"):
        answer, asked = await told(world, world.listen, f"{BASE}{path}")
        assert (asked, b"SECRET" in answer["body"]) == (True, False)


async def test_search_engines_may_list_a_draft_where_that_is_wanted(world: World) -> None:
    await world.publish(site=Target(address=None, noindex=False))
    answer, asked = await told(world, world.listen, f"{BASE}/style.css")
    assert (answer["status"], answer["X-Robots-Tag"], asked) == (200, None, False)


async def test_a_file_that_the_visitor_has_is_not_sent_again(world: World) -> None:
    await publish(world)
    async with world.ask(f"{BASE}/style.css") as response:
        etag = response.headers["ETag"]
    async with world.ask(f"{BASE}/style.css", headers={"If-None-Match": etag}) as response:
        assert (response.status, response.headers["Cache-Control"]) == (304, "no-cache")


async def test_where_nginx_may_not_read_the_daemon_serves_the_files(tmp_path: Path) -> None:
    async with opened(tmp_path, "nginx") as world:
        await publish(world)
        assert (await world.seen(f"{BASE}/style.css"))["by"] == "edge"


def matches(headers: dict[str, str], own: dict[str, Any]) -> dict[str, str]:
    """The headers with what a server itself said of the file in them: their words for a version differ."""
    return {name: own.get(value, value) for name, value in headers.items()}


PIECE = "bytes=1-2"
IN_PIECES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("GET", "/app.js", {"Range": "bytes=5-"}),
    ("GET", "/zero.txt", {"Range": "bytes=0-"}),
    ("GET", "/style.css", {"Range": "bytes=-99"}),
    ("GET", "/style.css", {"Range": "bytes=2-1"}),
    ("GET", "/style.css", {"Range": "bytes=x-y"}),
    ("GET", "/style.css", {"Range": "lines=1-2"}),
    ("GET", "/style.css", {"Range": "Bytes=1-2"}),
    ("GET", "/style.css", {"Range": PIECE}),
    ("HEAD", "/style.css", {"Range": PIECE}),
    ("GET", "/style.css", {"Range": PIECE, "If-Range": "ETag"}),
    ("GET", "/style.css", {"Range": PIECE, "If-Range": "Last-Modified"}),
    ("GET", "/style.css", {"Range": PIECE, "If-Range": '"another"'}),
    ("GET", "/style.css", {"Range": PIECE, "If-Range": "Mon, 01 Jan 2001 00:00:00 GMT"}),
    ("GET", "/style.css", {"If-None-Match": "ETag"}),
    ("GET", "/style.css", {"If-Modified-Since": "Last-Modified"}),
    ("GET", "/style.css", {"If-None-Match": '"another"', "If-Modified-Since": "Last-Modified"}),
    ("HEAD", "/nothing", {}),
    ("HEAD", "/nothing", {"Accept": "text/html"}),
    ("HEAD", "/nothing.png", {}),
    ("HEAD", "/style.css", {}),
)


async def test_pieces_and_versions_of_a_file_are_the_same_by_both(world: World) -> None:
    await publish(world)
    differ = []
    for at in (world.listen, world.settings.edge):
        answers = []
        for method, path, headers in IN_PIECES:
            async with world.visitor.get(f"http://{at}{BASE}{path}", headers={"Host": "localhost"}) as response:
                own = {name: response.headers.get(name, "") for name in ("ETag", "Last-Modified")}
            answer, _ = await told(world, at, f"{BASE}{path}", method=method, headers=matches(headers, own))
            if answer["status"] in (304, 416):  # nothing of the file, in words of their own
                answer |= dict.fromkeys(("body", *WORDED))
            answers.append(answer)
        differ.append(answers)
    found = [
        (*asked, by_nginx, by_daemon)
        for asked, by_nginx, by_daemon in zip(IN_PIECES, *differ, strict=True)
        if by_nginx != by_daemon
    ]
    assert not found, "\n".join(map(str, found))
