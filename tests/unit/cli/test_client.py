"""Which daemon is asked, and with what token."""

from pathlib import Path

import pytest

from drafterd.cli import client
from drafterd.cli.failures import Code, CommandFailed
from drafterd.domain.errors import BadName


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRAFTERD_STATE", raising=False)
    return tmp_path


def test_by_default_the_one_of_this_folder_then_the_systems():
    paths = [target.path for target in client.find(None, None, None)]
    assert paths == [Path(".drafterd/run/drafterd.sock"), Path("/run/drafterd/drafterd.sock")]


def test_the_state_folder_of_the_environment_counts(monkeypatch):
    monkeypatch.setenv("DRAFTERD_STATE", "/s")
    assert client.find(None, None, None)[0].path == Path("/s/run/drafterd.sock")


def test_a_socket_beats_a_url():
    (target,) = client.find("http://localhost:1", Path("x.sock"), None)
    assert target.path == Path("x.sock")


@pytest.mark.parametrize("url", ["unix:///run/x.sock", "unix:/run/x.sock"])
def test_a_url_may_name_a_socket(url):
    (target,) = client.find(url, None, None)
    assert target.path == Path("/run/x.sock")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://127.0.0.1:8740", "http://127.0.0.1:8740"),
        ("https://h.example/", "https://h.example:443"),
        ("http://h", "http://h:80"),
    ],
)
def test_urls(url, shown):
    (target,) = client.find(url, None, None)
    assert str(target) == shown


@pytest.mark.parametrize(
    "url", ["localhost:8740", "ftp://h", "http://", "http://h/path", "http://u:p@h", "http://h:99999"]
)
def test_what_is_no_url_is_a_usage_error(url):
    with pytest.raises(CommandFailed) as caught:
        client.find(url, None, None)
    assert caught.value.exit_code is Code.USAGE


def test_the_token_of_this_folder_is_told_to_this_machine_only(folder):
    (folder / ".drafterd").mkdir()
    (folder / ".drafterd/token").write_text("secret\n")
    assert client.find("http://127.0.0.1:1", None, None)[0].token == "secret"
    assert client.find("https://elsewhere.example", None, None)[0].token == ""
    (folder / "t").write_text("other")
    assert client.find("https://elsewhere.example", None, folder / "t")[0].token == "other"


@pytest.mark.parametrize("content", [b"", b"\xff", b"a\r\nX-Evil: 1"])
def test_a_token_that_is_none_is_refused(folder, content):
    (folder / "t").write_bytes(content)
    with pytest.raises(CommandFailed) as caught:
        client.find("http://127.0.0.1:1", None, folder / "t")
    assert caught.value.exit_code is Code.USAGE


@pytest.mark.parametrize("name", ["..", "a/b", "a b", "", "-x", "api"])
def test_what_is_no_id_becomes_no_path(name):
    with pytest.raises(BadName):
        client.draft_path(name)


def test_paths():
    assert client.draft_path("hello", "builds", 3) == "/api/v1/drafts/hello/builds/3"
