"""What of an installation is shown to drafts."""

from pathlib import Path

import pytest

from drafterd.domain.model import Address, InstanceSpec
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.sandbox.places import Places, tools
from drafterd.toolchain import Toolchain

LAYOUT = Layout(drafts=Path("/d"), state=Path("/s"), run=Path("/r"), logs=Path("/l"))


def spec(cwd: str) -> InstanceSpec:
    return InstanceSpec(
        id=InstanceId("a.r1"),
        draft=DraftId("a"),
        release=ReleaseId("r1"),
        argv=("/n",),
        cwd=cwd,
        environment={},
        address=Address("127.0.0.1", 3001),
    )


@pytest.mark.parametrize(
    ("cwd", "own"),
    [
        ("/s/drafts/a/releases/r1/app", "/s/drafts/a/releases/r1/app"),
        ("/s/drafts/a/releases/r1/app/apps/web", "/s/drafts/a/releases/r1/app"),
        ("/s/drafts/a/releases/r1", "/s/drafts/a/releases/r1"),
        ("/elsewhere", "/elsewhere"),
        ("/s/drafts/b/releases/r1/app", "/s/drafts/b/releases/r1/app"),
    ],
)
def test_an_instance_has_its_release_without_what_we_wrote_about_it(cwd, own):
    assert Places(layout=LAYOUT).release(spec(cwd)) == Path(own)


def test_the_tools_are_shown_and_not_what_lies_beside_them(tmp_path):
    home = tmp_path / "home"
    npm = home / "lib/node_modules/npm/bin/npm-cli.js"
    for file in (home / "bin/node", npm, home / "lib/libnode.so.1", home / "include/node/node.h", home / ".npmrc"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    links = tmp_path / "links"
    links.mkdir()
    (links / "node").symlink_to(home / "bin/node")
    (links / "npm").symlink_to(npm)
    found = set(
        tools(
            Toolchain(folder=links, path="", node=links / "node", node_version="24.0.0", npm=links / "npm"),
        )
    )
    assert found == {
        links,
        home / "bin/node",
        home / "lib/node_modules/npm",
        home / "include/node",
        home / "lib/libnode.so.1",
    }
