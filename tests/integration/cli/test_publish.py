"""`publish` on a state folder: which release, which files, and what is refused."""

import json
from functools import partial
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from drafterd.cli import app
from tests.unit.publishing.sites import a_state


@pytest.fixture
def state(tmp_path):
    """Makes a release in a state folder; gives its configuration file."""
    return partial(a_state, tmp_path)


def call(file, *words):
    return CliRunner().invoke(app, ["publish", "hello", "--config", str(file), *words])


def test_the_serving_release_is_published(state, tmp_path):
    place = tmp_path / "public"
    result = call(state(), "--to", str(place))
    assert result.exit_code == 0, result.output
    assert "hello r1: 4 copied, 0 as they were, 0 deleted" in result.stderr
    assert (place / "index.html").read_text() == "<h1>one</h1>"
    found = json.loads(
        call(state(2, {"index.html": "two"}, fallback="index.html"), "--to", str(place), "--json").stdout
    )
    assert (found["release"], found["written"], found["same"], found["fallback"]) == (
        "r2",
        ["index.html"],
        0,
        "index.html",
    )
    assert sorted(found["deleted"]) == ["_next/static/a1.js", "app.js", "docs/index.html"]


def test_a_dry_run_says_what_would_be_done(state, tmp_path):
    result = call(state(), "--to", str(tmp_path / "public"), "--dry-run")
    assert result.stdout.splitlines()[0] == "copy _next/static/a1.js"
    assert not (tmp_path / "public").exists()


def test_a_draft_with_a_server_is_no_site(state, tmp_path):
    assert call(state(argv=("node", "server.js")), "--to", str(tmp_path / "public")).exit_code == 6


def test_a_draft_that_is_not_there(state, tmp_path):
    file = state()
    result = CliRunner().invoke(app, ["publish", "other", "--config", str(file), "--to", str(tmp_path / "public")])
    assert result.exit_code == 3


def test_a_release_for_another_path_is_refused_with_the_ways_out(state, tmp_path):
    file = state(base_path="/api/draft/hello")
    place = tmp_path / "public"
    result = call(file, "--to", str(place))
    assert result.exit_code == 1
    assert "built for the path /api/draft/hello" in result.stderr
    assert f"{place}/api/draft/hello" in result.stderr
    assert "drafts_config.hello.address: host" in result.stderr
    assert not place.exists()
    assert call(file, "--to", f"{place}/api/draft/hello/").exit_code == 0
    assert call(file, "--to", str(tmp_path / "other"), "--as-is").exit_code == 0
    assert "s3://bucket/api/draft/hello" in call(file, "--to", "s3://bucket").stderr


def test_what_is_protected_here_is_open_there(state, tmp_path):
    file = state()
    settings = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump({**settings, "drafts_config": {"hello": {"access": {}}}}))
    result = call(file, "--to", str(tmp_path / "public"))
    assert result.exit_code == 0
    assert "open to everybody" in result.stderr


def test_a_folder_of_somebody_else(state, tmp_path):
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "own.txt").write_text("mine")
    result = call(state(), "--to", str(tmp_path / "public"))
    assert result.exit_code == 1
    assert [path.name for path in Path(tmp_path / "public").iterdir()] == ["own.txt"]
