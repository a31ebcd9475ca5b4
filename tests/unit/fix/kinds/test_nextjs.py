"""Next.js: a static export stays one only as long as it loses nothing."""

import pytest

from drafterd.domain.model import Kind
from drafterd.fix.folder import Folder
from drafterd.fix.kinds.export_routes import dropped_by_export
from drafterd.fix.kinds.nextjs import NAME_FOR_PEOPLE
from tests.unit.fix.folders import folder
from tests.unit.fix.kinds.looks import codes, seen

EXPORT = {"next.config.mjs": "export default { output: 'export' }"}

KEPT = {
    "no handlers": {"app/page.tsx": "export default () => null"},
    "a fixed answer": {"app/feed/route.ts": "export const dynamic = 'force-static'\nexport async function GET(r) {}"},
    "no request": {"app/feed/route.ts": "export async function GET() { return Response.json({}) }"},
    "an unused request": {"src/app/feed/route.ts": "export const GET = async (_request: Request) => Response.json({})"},
    "a word in a comment": {"app/page.tsx": "// 'use server'\nexport default () => null"},
    "a page called api": {"pages/api-docs.tsx": "export default () => null"},
    "cannot be read": {"app/x/route.ts": "\0"},
}
DROPPED = {
    "pages api": {"pages/api/hello.ts": "export default () => {}"},
    "middleware": {"src/middleware.ts": "export function middleware() {}"},
    "proxy": {"proxy.js": "export function proxy() {}"},
    "post": {"app/api/route.ts": "export async function POST() {}"},
    "exported by name": {"app/api/route.js": "const f = () => {}\nexport { f as PUT }"},
    "constant": {"app/api/route.ts": "export const DELETE = async () => new Response()"},
    "reads the request": {"app/api/route.ts": "export async function GET(request: Request) {}"},
    "reads cookies": {"app/api/route.ts": "export async function GET() { return f(await cookies()) }"},
    "actions": {"app/actions.ts": "'use server'\nexport async function save() {}"},
    "an action in a page": {"app/page.tsx": "export default function P() {\n  async function a() {\n    'use server'\n  }\n}"},
}  # fmt: skip


@pytest.mark.parametrize("files", KEPT.values(), ids=KEPT)
def test_an_export_that_loses_nothing_stays_one(tmp_path, files):
    found = seen(tmp_path, {**EXPORT, **files}, "next")
    assert found.recipe is not None
    assert (found.recipe.kind, found.recipe.static_root) == (Kind.NEXT_EXPORT, "out")
    assert codes(found) == []


@pytest.mark.parametrize("files", DROPPED.values(), ids=DROPPED)
def test_an_export_that_would_drop_something_becomes_a_server(tmp_path, files):
    found = seen(tmp_path, {**EXPORT, **files}, "next")
    assert found.recipe is not None
    assert found.recipe.kind is Kind.NEXT
    assert found.recipe.framework == NAME_FOR_PEOPLE
    assert codes(found) == ["export-with-routes"]
    (file,) = files
    assert file in found.problems[0].summary


def test_a_linked_handler_is_not_read(tmp_path):
    root = folder(tmp_path / "d", {"x": ""})
    outside = folder(tmp_path / "o", {"route.ts": "export const POST = 1"})
    (root / "app").mkdir()
    (root / "app" / "route.ts").symlink_to(outside / "route.ts")
    assert dropped_by_export(Folder(root)) == ""


@pytest.mark.parametrize(
    ("wanted", "prefixed"), [("11.1.4", False), ("^10", False), ("12.3.4", True), ("latest", True), ("^16.0.0", True)]
)
def test_a_next_too_old_to_be_told_its_path_says_so(tmp_path, wanted, prefixed):
    found = seen(tmp_path, {"package.json": f'{{"dependencies":{{"next":"{wanted}"}}}}'})
    assert found.recipe is not None
    assert found.recipe.prefixed is prefixed
    assert (codes(found) == ["base-path"]) is not prefixed
