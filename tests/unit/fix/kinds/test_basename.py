"""Routers that are told their place in the source of a build's snapshot."""

import pytest

from drafterd.fix.kinds.basename import prepare_sources, with_basename
from tests.unit.fix.folders import folder, snapshot

IMPORT = "import { BrowserRouter as Router, Route, createBrowserRouter } from 'react-router-dom';\n"
HERE = "process.env.PUBLIC_URL"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("f(<Router><A/></Router>);", f"f(<Router basename={{{HERE}}}><A/></Router>);"),
        ("f(<Router future={x}><A/></Router>);", f"f(<Router basename={{{HERE}}} future={{x}}><A/></Router>);"),
        ("const r = createBrowserRouter(routes);", f"const r = createBrowserRouter(routes, {{ basename: {HERE} }});"),
        ("// é\nf(<Router/>);", f"// é\nf(<Router basename={{{HERE}}}/>);"),
    ],
)
def test_a_router_gets_its_place(before, after):
    assert with_basename(IMPORT + before, "tsx") == IMPORT + after
    assert with_basename(IMPORT + after, "tsx") == IMPORT + after


@pytest.mark.parametrize(
    "text",
    [
        IMPORT + 'f(<Router basename="/x"><A/></Router>);',
        IMPORT + "f(<Router {...all}><A/></Router>);",
        IMPORT + "createBrowserRouter(routes, options);",
        IMPORT + "f(<Route/>); other.createBrowserRouter(x);",
        "import { BrowserRouter } from './mine';\nf(<BrowserRouter/>);",
        "// BrowserRouter\n",
        IMPORT + "f(<Router>",
    ],
)
def test_what_names_a_place_or_is_something_else_stays(text):
    assert with_basename(text, "tsx") == text


def test_only_sources_change_and_a_second_time_nothing(tmp_path):
    text = IMPORT + "f(<Router/>);"
    root = folder(tmp_path / "d", {"src/index.js": text, "public/x.js": text, "src/data.json": text, "src/b.js": b"\0"})
    prepare_sources(root)
    once = snapshot(root)
    assert HERE.encode() in once["src/index.js"]
    assert once["public/x.js"] == text.encode()
    prepare_sources(root)
    assert snapshot(root) == once
