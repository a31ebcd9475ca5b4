"""Servers on a port of their own: which files are changed, which are left alone, and what is said of them."""

import json

import pytest

from drafterd.fix import FixSettings, apply, propose, unified_diff
from drafterd.fix.drafts import fix_snapshot
from drafterd.fix.listen_ports import RULE
from drafterd.fix.undo import Originals
from tests.unit.fix.folders import folder, snapshot

N = "Number(process.env.PORT) || "
SERVER = "const app = require('express')()\napp.listen(3000, () => console.log('up'))\n"
PACKAGE = {"scripts": {"start": "node server.js"}, "dependencies": {"express": "4"}}


def proposed(tmp_path, files, **package):
    root = folder(tmp_path / "d", {"package.json": json.dumps({**PACKAGE, **package}), **files})
    return root, propose(root, port=3005, settings=FixSettings())


def changed(proposal):
    return {edit.file for edit in proposal.edits if edit.rule == RULE}


def notes(proposal):
    return [problem for problem in proposal.problems if problem.code == "listen-port"]


def test_the_server_follows_port_and_by_hand_stays_where_it_was(tmp_path):
    root, proposal = proposed(tmp_path, {"server.js": SERVER})
    apply(proposal)
    assert (root / "server.js").read_text() == SERVER.replace("3000", f"{N}3000")
    (edit,) = [edit for edit in proposal.edits if edit.rule == RULE]
    assert edit.before == "app.listen(3000, () => console.log('up'))"
    assert edit.after == f"app.listen({N}3000, () => console.log('up'))"
    assert edit.reason == "line 2: the draft listens on the port it is given"
    assert "+app.listen(Number(process.env.PORT)" in unified_diff(proposal)
    assert not propose(root, port=3005, settings=FixSettings()).changes


def test_bytes_around_it_stay_and_undo_gives_them_back(tmp_path):
    text = (
        b"\xef\xbb\xbf#!/usr/bin/env node\r\n\tconst p = 3000 // \xc3\xa9\r\nrequire('http').createServer(f).listen(p)"
    )
    root, proposal = proposed(tmp_path, {"server.js": text})
    before = snapshot(root)
    originals = Originals(tmp_path / "originals")
    originals.keep(root, proposal.changes)
    apply(proposal)
    originals.settle(root)
    assert (root / "server.js").read_bytes() == text.replace(b"3000", f"{N}3000".encode())
    originals.undo(root)
    assert snapshot(root) == before


REACHED = [
    ({"server.js": "require('./app')", "app.js": SERVER}, {}, {"app.js"}),
    ({"server.js": "import './lib/start.js'", "lib/start.ts": SERVER}, {}, {"lib/start.ts"}),
    (
        {"server.js": "import { PORT } from './app.js'\napp.listen(3000)", "app.js": "export const x = 1"},
        {},
        {"server.js"},
    ),
    ({"src/index.ts": SERVER}, {"scripts": {"start": "node dist/index.js", "build": "tsc"}}, {"src/index.ts"}),
    ({"src/index.ts": SERVER}, {"scripts": {"start": "tsx src/index.ts"}}, {"src/index.ts"}),
    ({"index.js": SERVER}, {"scripts": {}, "main": "index.js"}, {"index.js"}),
    ({"server.js": SERVER, "dev.js": SERVER.replace("3000", "4000")}, {}, {"server.js"}),
    ({"server.js": SERVER + "new WebSocketServer({ port: 8080 })"}, {}, {"server.js"}),
    ({"server.js": "if (a) app.listen(3000)\nelse app.listen(3000, '::')"}, {}, {"server.js"}),
    (
        {"server.js": SERVER, "app/page.js": "export default () => null"},
        {"dependencies": {"next": "16.0.0"}},
        {"server.js"},
    ),
    (
        {"server/index.ts": SERVER, "client/src/main.tsx": "app.listen(1234)", "vite.config.ts": "export default {}"},
        {
            "scripts": {
                "start": "node dist/index.js",
                "build": "vite build && esbuild server/index.ts --bundle --outdir=dist",
            },
            "dependencies": {"express": "4", "vite": "6"},
        },
        {"server/index.ts"},
    ),
]


@pytest.mark.parametrize(("files", "package", "wanted"), REACHED)
def test_only_what_the_start_command_runs_is_changed(tmp_path, files, package, wanted):
    root, proposal = proposed(tmp_path, files, **package)
    assert changed(proposal) == wanted
    assert notes(proposal) == []
    apply(proposal)
    assert not propose(root, port=3005, settings=FixSettings()).changes


SILENT = [
    ({"server.js": "app.listen(process.env.PORT || 3000)"}, {}),
    ({"server.js": "const { PORT = 3000 } = process.env; app.listen(PORT)"}, {}),
    ({"server.js": "require('./config'); app.listen(3000)", "config.js": "exports.port = process.env.PORT"}, {}),
    ({"server.js": "express().listen(require('config').port)"}, {}),
    ({"server.js": "emitter.listen('x'); setInterval(f, 3000)"}, {}),
    ({"server.js": "require('net').createServer().listen(3000)"}, {}),
    ({"dev.js": SERVER, "app/page.js": "export default 1"}, {"dependencies": {"next": "16"}, "scripts": {}}),
    ({"index.html": "<p>", "server.js": SERVER}, {"scripts": {"start": "vite"}, "dependencies": {"vite": "6"}}),
]


@pytest.mark.parametrize(("files", "package"), SILENT)
def test_what_is_right_or_something_else_is_left_alone(tmp_path, files, package):
    _, proposal = proposed(tmp_path, files, **package)
    assert changed(proposal) == set()
    assert notes(proposal) == []


TOLD = [
    (
        {"server.js": "app.listen(3000)\nadmin.listen(4000)"},
        "port 3000, 4000 was left as it is: several",
        "server.js:1",
    ),
    ({"server.js": "require('./b'); a.listen(3000)", "b.js": "b.listen(81)"}, "several servers listen", "server.js:1"),
    ({"server.js": "http.createServer(f).listen(opts.port)\nadmin.listen(81)"}, "several servers", "server.js:2"),
    ({"server.js": "const process = f()\napp.listen(3000)"}, "something else by 'process'", "server.js:2"),
    ({"server.js": "app.listen(3000)\n}"}, "server.js was left alone: it cannot be parsed", "server.js:2:1"),
    ({"server.js": f"app.listen(3000);{' ' * 6000}"}, "server.js was left alone: it is too large", "server.js"),
    (
        {"server.js": "app.listen(process.env.API_PORT || 5000)", ".env": "PORT=3000\nAPI_PORT=5000\n"},
        "own env files set PORT",
        "server.js:1",
    ),
]


@pytest.mark.parametrize(("files", "summary", "where"), TOLD)
def test_what_is_left_alone_is_told(tmp_path, files, summary, where):
    _, proposal = proposed(tmp_path, files)
    assert changed(proposal) == set()
    (note,) = notes(proposal)
    assert summary in note.summary
    assert note.where == where
    assert "process.env.PORT" in note.hint


def test_a_build_without_our_edits_has_none_of_these(tmp_path):
    snapshot = folder(tmp_path / "s", {"package.json": json.dumps(PACKAGE), "server.js": SERVER})
    fix_snapshot(snapshot, draft="d", port=3005, settings=FixSettings(), known={}, source_edits=False)
    assert (snapshot / "server.js").read_text() == SERVER
    fix_snapshot(snapshot, draft="d", port=3005, settings=FixSettings(), known={})
    assert N in (snapshot / "server.js").read_text()


def test_a_file_that_must_not_be_written_is_told(tmp_path):
    root, _ = proposed(tmp_path, {"server.js": SERVER})
    (root / "server.js").chmod(0o444)
    (note,) = notes(propose(root, port=3005, settings=FixSettings()))
    assert "read-only" in note.summary


def test_a_file_that_browsers_load_too_is_left_alone(tmp_path):
    files = {
        "server.js": "require('./shared/net.js')",
        "shared/net.js": "app.listen(3000)",
        "public/page.js": "import '../shared/net.js'",
    }
    _, proposal = proposed(tmp_path, files)
    assert changed(proposal) == set()
    assert "browsers" in notes(proposal)[0].summary
