"""Pages that read the query without a boundary."""

import json

import pytest

from tests.unit.build.repairs.situations import PACKAGE, chosen, situation

READER = "import { useSearchParams } from 'next/navigation';\nexport const Reader = () => useSearchParams().get('q');\n"


SUSPENSE = 'useSearchParams() should be wrapped in a suspense boundary at page "/shop/cart". Read more'


def test_a_boundary_is_a_new_file_beside_the_page(tmp_path):
    found = chosen(situation(tmp_path, SUSPENSE, files={"src/app/(main)/shop/cart/page.tsx": ""}))
    assert found is not None
    assert list(found.remedy.files) == ["src/app/(main)/shop/cart/loading.jsx"]


def test_no_boundary_where_there_is_one(tmp_path):
    files = {"app/shop/cart/page.tsx": "", "app/shop/cart/loading.tsx": ""}
    assert chosen(situation(tmp_path, SUSPENSE, files=files)) is None


def test_the_other_pages_that_read_it_get_one_too(tmp_path):
    files = {
        "tsconfig.json": json.dumps({"compilerOptions": {"paths": {"@/*": ["./*"]}}}),
        "components/reader.tsx": READER,
        "components/box.tsx": "import { Reader } from './reader';\nexport const Box = Reader;\n",
        "app/shop/cart/page.tsx": READER,
        "app/search/page.tsx": "import { Box } from '@/components/box';\nexport default Box;\n",
        "app/about/page.tsx": "export default () => null;\n",
        "app/wrapped/page.tsx": f"import {{ Suspense }} from 'react';\n{READER}",
        "app/waits/loading.tsx": "",
        "app/waits/deep/page.tsx": READER,
    }
    found = chosen(situation(tmp_path, SUSPENSE, files=files))
    assert found is not None
    assert sorted(found.remedy.files) == ["app/search/loading.jsx", "app/shop/cart/loading.jsx"]


@pytest.mark.parametrize(("version", "code"), [("14.2.35", "no-suspense-bailout"), ("15.5.9", None), ("16.4.3", None)])
def test_of_a_layout_only_next_14_can_be_told(tmp_path, version, code):
    said = SUSPENSE.replace("/shop/cart", "/_not-found")
    package = {**PACKAGE, "dependencies": {"next": version}}
    files = {"app/layout.tsx": READER, "app/page.tsx": "export default () => null;"}
    found = chosen(situation(tmp_path, said, package=package, files=files))
    assert (found and found.repair.code) == code
