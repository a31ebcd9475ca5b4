"""Who may visit drafts, as the configuration says it."""

import pytest
import yaml

from drafterd.config import Config
from drafterd.domain.errors import ConfigError
from drafterd.domain.protection import hash_password

HASH = hash_password("correct horse", b"s" * 16)


@pytest.fixture
def load(tmp_path):
    def loaded(**drafts):
        file = tmp_path / "drafterd.yaml"
        file.write_text(yaml.safe_dump({"drafts_config": drafts}))
        return Config.load(file, environ={})

    return loaded


def a_file(tmp_path, text, mode=0o600):
    path = tmp_path / "password"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_hashes_files_and_links_only(load, tmp_path):
    config = load(
        one={"access": {"password_hash": HASH}},
        two={"access": {"password_file": a_file(tmp_path, "in a file, long\nmore\n")}},
        three={"access": {}},
        open={"memory_max": "1G"},
    )
    assert config.protected() == ({"one": HASH, "three": ""}, {"two": "in a file, long"})


def test_neither_hash_nor_password_is_shown(load, tmp_path):
    config = load(
        one={"access": {"password_hash": HASH}},
        two={"access": {"password_file": a_file(tmp_path, "in a file, long\n")}},
    )
    shown = str(config.shown())
    assert HASH not in shown
    assert "in a file" not in shown
    assert config.shown()["drafts_config"]["one"]["access"]["password_hash"] == "***"


@pytest.mark.parametrize("wrong", ["plain text", "scrypt$1$1$1$YQ$YQ", HASH + "x" * 9, 5])
def test_what_is_no_hash_is_refused_and_not_repeated(load, wrong):
    with pytest.raises(ConfigError, match="drafterd config hash") as refused:
        load(one={"access": {"password_hash": wrong}})
    assert "plain text" not in str(refused.value)


def test_both_at_once_are_refused(load, tmp_path):
    with pytest.raises(ConfigError, match=r"drafts_config\.one\.access"):
        load(one={"access": {"password_hash": HASH, "password_file": "x"}})


@pytest.mark.parametrize(("text", "mode"), [("long enough", 0o644), ("short", 0o600), ("", 0o600)])
def test_a_file_that_others_may_read_or_that_holds_none_is_refused(load, tmp_path, text, mode):
    config = load(one={"access": {"password_file": a_file(tmp_path, text, mode)}})
    with pytest.raises(ConfigError):
        config.protected()


def test_a_file_that_is_not_there_is_refused(load, tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        load(one={"access": {"password_file": str(tmp_path / "none")}}).protected()


def test_search_engines(load):
    config = load(one={"noindex": False}, two={"noindex": True}, three={})
    assert [config.unlisted(name) for name in ("one", "two", "three", "other")] == [False, True, True, True]
    listed = config.model_copy(update={"noindex": False})
    assert [listed.unlisted(name) for name in ("one", "two", "other")] == [False, True, False]
