"""Launch specifications, written and read."""

import json
from pathlib import Path

import pytest

from drafterd.domain.interfaces import Wrapped
from drafterd.domain.model import Address, InstanceSpec, Limits
from drafterd.domain.names import DraftId, InstanceId, ReleaseId
from drafterd.layout import Layout
from drafterd.run import spec as specs

WALLED = Wrapped(argv=("/wall", "/usr/bin/node", "server.js"), user=1_900_000_007, groups=("/groups/a",))


def made(argv: tuple[str, ...] = ("/usr/bin/node", "server.js"), **environment: str) -> InstanceSpec:
    return InstanceSpec(
        id=InstanceId("demo.r1"),
        draft=DraftId("demo"),
        release=ReleaseId("r1"),
        argv=argv,
        cwd="/release/app",
        environment=environment,
        address=Address("127.0.0.1", 3001),
        probe_path="/p",
        limits=Limits(open_files=100),
    )


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(drafts=tmp_path / "d", state=tmp_path / "s", run=tmp_path / "r", logs=tmp_path / "l")


def test_what_is_written_is_read_back(layout: Layout):
    spec = made(GREETING="grüße\n\"'%")
    specs.write_spec(layout, spec.id, specs.encode(spec, WALLED, layout.state))
    file = layout.spec(spec.id)
    assert file.stat().st_mode & 0o777 == 0o600
    content = json.loads(file.read_bytes())
    assert content["argv"] == ["/wall", "/usr/bin/node", "server.js"]
    assert content["address"] == {"host": "127.0.0.1", "port": 3001}
    assert content["environment"]["GREETING"] == "grüße\n\"'%"
    assert content["limits"]["open_files"] == 100
    assert content["state"] == str(layout.state)
    assert specs.specs_on_disk(layout) == {spec.id: specs.known(spec, WALLED)}


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"address": 1}', b'{"address": {"host": "x", "port": "y"}}'])
def test_a_broken_file_is_left_out(layout: Layout, data: bytes):
    specs.write_spec(layout, InstanceId("bad.r1"), data)
    specs.write_spec(layout, InstanceId("demo.r1"), specs.encode(made(), Wrapped(argv=("/x",)), layout.state))
    (layout.state / "instances" / "no name.json").write_text("{}")
    assert set(specs.specs_on_disk(layout)) == {"demo.r1"}


def test_what_it_prints_is_shown_without_the_values_of_its_variables():
    spec = made(
        API_KEY="0123456789", PORT="3001", DATABASE_URL="postgres://u:long-password@db/x", NEXT_PUBLIC_A="seen-by-all"
    )
    shown = specs.known(spec, Wrapped(argv=spec.argv)).mask(
        "0123456789 3001 postgres://u:long-password@db/x long-password seen-by-all"
    )
    assert shown == "[API_KEY] 3001 [DATABASE_URL] [DATABASE_URL] seen-by-all"


@pytest.mark.parametrize(("program", "loaded"), [("/x/node", True), ("/x/npm", True), ("/usr/bin/python3", False)])
def test_node_loads_our_module_and_nothing_of_the_drafts(tmp_path: Path, program: str, loaded: bool):
    spec = made(
        (program, "x"), NODE_OPTIONS="--require ./evil.js", LD_PRELOAD="./evil.so", GCONV_PATH=".", OTHER="kept"
    )
    environment = json.loads(specs.encode(spec, Wrapped(argv=spec.argv), tmp_path))["environment"]
    wanted = f'--require "{specs.preload_path()}"' if loaded else None
    assert environment.get("NODE_OPTIONS") == wanted
    assert environment["OTHER"] == "kept"
    assert not {"LD_PRELOAD", "GCONV_PATH"} & environment.keys()


def test_a_shared_folder_hands_it_to_the_user_that_runs_drafts(layout: Layout):
    folder = layout.spec(InstanceId("demo.r1")).parent
    folder.mkdir(parents=True)
    for mode, wanted in ((0o2750, 0o640), (0o2700, 0o600), (0o750, 0o600)):  # the bit alone is inherited by accident
        folder.chmod(mode)
        specs.write_spec(layout, InstanceId("demo.r1"), b"{}")
        assert layout.spec(InstanceId("demo.r1")).stat().st_mode & 0o777 == wanted
