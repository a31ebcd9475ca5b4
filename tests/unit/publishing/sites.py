"""Small sites to publish."""

from drafterd.publishing.site import site_of


def a_site(root, files, *, draft="hello", release="r1"):
    """A site with just these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site_of(root, draft=draft, release=release)


ONE = {"index.html": "<h1>one</h1>", "docs/index.html": "docs", "app.js": "1", "_next/static/a1.js": "a"}
TWO = {"index.html": "<h1>two</h1>", "docs/index.html": "docs", "app.js": "2", "_next/static/b2.js": "b"}
