"""Small sites to publish."""

from pathlib import Path

import yaml

from drafterd.build import release as releases
from drafterd.config import Config
from drafterd.domain.model import Release
from drafterd.domain.names import DraftId, release_id
from drafterd.publishing.site import site_of

HELLO = DraftId("hello")


def a_site(root, files, *, draft="hello", release="r1"):
    """A site with just these files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return site_of(root, draft=draft, release=release)


ONE = {"index.html": "<h1>one</h1>", "docs/index.html": "docs", "app.js": "1", "_next/static/a1.js": "a"}
TWO = {"index.html": "<h1>two</h1>", "docs/index.html": "docs", "app.js": "2", "_next/static/b2.js": "b"}


def a_state(root, number=1, files=ONE, **changes):
    """A state folder where the draft `hello` serves a release with just these files; its configuration file."""
    file = Path(root) / "drafterd.yaml"
    if not file.exists():
        file.write_text(yaml.safe_dump({"drafts": str(root / "drafts"), "state": str(root / "state")}))
    layout = Config.load(file, environ={}).layout()
    place = layout.release(HELLO, release_id(number))
    for name, text in files.items():
        path = place / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    facts = {"id": release_id(number), "draft": HELLO, "key": "k", "path": "", **changes}
    releases.write_manifest(place, Release(**facts))
    releases.promote(layout, HELLO, release_id(number))
    return file
