"""What the loaded configuration answers: folders, addresses, variables, masks."""

import os
from pathlib import Path

import pytest

from drafterd.config import Config, keep_secret
from drafterd.config.values import parse_duration, parse_size, show_duration, show_size
from drafterd.domain.errors import ConfigError
from drafterd.domain.model import Address


def load(**overrides):
    return Config.load(None, environ={}, overrides=overrides)


def private(path, text, mode=0o600):
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_layout_is_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    layout = load().layout()
    assert layout.drafts == tmp_path / ".drafts"
    assert layout.logs == tmp_path / ".drafterd/log"
    elsewhere = load(sockets="/run/drafterd", logs="log").layout()
    assert str(elsewhere.run) == "/run/drafterd"
    assert elsewhere.logs == tmp_path / "log"


def test_a_socket_always_has_a_path_that_is_short_enough():
    deep = [load(state=f"/srv/{name * 100}").layout().run for name in "ab"]
    assert len(set(deep)) == 2
    for folder in deep:
        assert len(str(folder / "supervisor" / "events.sock")) < 100
        assert str(os.geteuid()) in folder.name


def test_sockets_and_token_lie_where_they_are_told_to():
    config = load(state="/var/s", drafts="/var/d")
    assert str(config.api_socket) == "/var/s/run/drafterd.sock"
    assert str(config.token_file) == "/var/s/token"
    own = load(**{"api.socket": "/run/x.sock", "runtime.socket": "/run/y.sock", "api.token_file": "/etc/t"})
    assert [str(own.api_socket), str(own.supervisor_socket), str(own.token_file)] == [
        "/run/x.sock",
        "/run/y.sock",
        "/etc/t",
    ]


def test_variables_name_what_the_operator_did_not_give():
    values, absent = load(state="/nowhere/state", drafts="/nowhere/drafts").variables({})
    assert values["GROQ_MODEL"] == "openai/gpt-oss-120b"
    assert absent == ("NEXTAUTH_SECRET", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GROQ_API_KEY")
    assert "GOOGLE_CLIENT_ID" not in values


def test_only_the_groq_key_is_inherited():
    values, absent = load().variables({"GROQ_API_KEY": "gsk_x", "GOOGLE_CLIENT_ID": "no", "HOME": "/root"})
    assert values["GROQ_API_KEY"] == "gsk_x"
    assert "GOOGLE_CLIENT_ID" in absent
    assert "HOME" not in values


def test_credentials_beat_everything(tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    private(folder / "GROQ_API_KEY", "from-systemd\n", 0o400)
    private(folder / "GOOGLE_CLIENT_ID", "id", 0o400)
    private(folder / "tls.key", "not ours")
    file = private(
        tmp_path / "c.env", "GROQ_API_KEY='from $file'\nGOOGLE_CLIENT_SECRET=\nDATABASE_URL=postgresql://x\n"
    )
    config = load(credentials=str(file))
    values, absent = config.variables({"CREDENTIALS_DIRECTORY": str(folder), "GROQ_API_KEY": "inherited"})
    assert values["GROQ_API_KEY"] == "from $file"
    assert values["GOOGLE_CLIENT_ID"] == "id"
    assert values["DATABASE_URL"] == "postgresql://x"
    assert "GOOGLE_CLIENT_SECRET" in absent
    assert "tls.key" not in values


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_credentials_that_others_may_read_are_refused(tmp_path, mode):
    file = private(tmp_path / "c.env", "A=b", mode)
    with pytest.raises(ConfigError, match="0600 or stricter") as caught:
        load(credentials=str(file)).variables({})
    assert caught.value.hint == f"chmod 600 {file}"


@pytest.mark.parametrize("text", ["no value here", "1A=b"])
def test_malformed_credentials_are_refused_without_showing_values(tmp_path, text):
    file = private(tmp_path / "c.env", f"OK=hidden\n{text}\n")
    with pytest.raises(ConfigError, match="line 2: found no NAME=value") as caught:
        load(credentials=str(file)).variables({})
    assert "hidden" not in caught.value.summary


def test_missing_credentials_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file"):
        load(credentials=str(tmp_path / "none")).variables({})


def test_the_random_secret_is_made_once_and_counts(tmp_path):
    config = load(state=str(tmp_path / "state"), drafts=str(tmp_path / "drafts"))
    first = keep_secret(config.nextauth_file)
    assert len(first) == 64
    assert keep_secret(config.nextauth_file) == first
    assert config.nextauth_file.stat().st_mode & 0o777 == 0o600
    values, absent = config.variables({})
    assert values["NEXTAUTH_SECRET"] == first
    assert "NEXTAUTH_SECRET" not in absent
    file = private(tmp_path / "c.env", "NEXTAUTH_SECRET=own")
    assert config.model_copy(update={"credentials": file}).variables({})[0]["NEXTAUTH_SECRET"] == "own"


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to other users")
def test_root_may_look_at_the_secrets_of_the_daemons_user_and_of_nobody_else(tmp_path):
    config = load(state=str(tmp_path / "state"), drafts=str(tmp_path / "drafts"))
    made = keep_secret(config.nextauth_file)
    os.chown(config.nextauth_file, 4711, 4711)
    with pytest.raises(ConfigError, match="of user 4711"):
        config.variables({})
    os.chown(config.nextauth_file.parent, 4711, 4711)
    assert config.variables({})[0]["NEXTAUTH_SECRET"] == made


def test_null_takes_a_default_out():
    values, absent = load(env={"GROQ_MODEL": None, "DATABASE_URL": None, "MORE": "{{ url }}"}).variables({})
    assert "GROQ_MODEL" not in values
    assert "DATABASE_URL" in absent
    assert values["MORE"] == "{{ url }}"


def test_what_systemd_guards_needs_no_mode_of_its_own(tmp_path):
    folder = tmp_path / "credentials"
    folder.mkdir()
    private(folder / "credentials.env", "GOOGLE_CLIENT_ID=id", 0o440)  # an access list looks like this
    values, _ = load().variables({"CREDENTIALS_DIRECTORY": str(folder)})
    assert values["GOOGLE_CLIENT_ID"] == "id"


def test_secrets_are_masked_where_they_are_shown():
    shown = load(
        env={"GOOGLE_CLIENT_SECRET": "hush", "DATABASE_URL": "postgresql://u:hush@h/d", "PLAIN": "seen"},
        drafts_config={"hello": {"env": {"MY_API_KEY": "hush", "GONE": None}}},
    ).shown()
    assert "hush" not in str(shown)
    assert shown["env"]["PLAIN"] == "seen"
    assert shown["env"]["DATABASE_URL"] == "postgresql://u:***@h/d"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0s", 0), ("500ms", 0.5), ("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400), ("1.5m", 90)],
)
def test_durations(text, seconds):
    assert parse_duration(text) == seconds
    assert parse_duration(show_duration(seconds)) == seconds


@pytest.mark.parametrize(("text", "size"), [("512M", 512 << 20), ("3G", 3 << 30), ("1536K", 1536 << 10)])
def test_sizes_are_written_as_they_are_read(text, size):
    assert parse_size(text) == size
    assert parse_size(show_size(size)) == size


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("DB.internal:5432", Address("db.internal", 5432)),
        ("localhost:1", Address("127.0.0.1", 1)),
        ("[::1]:53", Address("::1", 53)),
        ("10.0.0.1:65535", Address("10.0.0.1", 65535)),
    ],
)
def test_a_place_that_builds_reach(text, place):
    config = load(**{"build.allow": [text]})
    assert config.build.allow == (place,)
    assert load(**{"build.allow": [str(place)]}).build.allow == (place,)


@pytest.mark.parametrize("text", ["db", "db:0", "db:65536", ":5432", "a b:1", "http://db:5432", "[x]:1", "::1:5", 5432])
def test_no_place(text):
    with pytest.raises(ConfigError, match="host:port"):
        load(**{"build.allow": [text]})


def test_builds_reach_the_internet_unless_told():
    assert load().build.network == "internet"
    assert load().build.allow is None
    with pytest.raises(ConfigError, match=r"build\.network"):
        load(**{"build.network": "host"})


def test_the_socket_of_a_supervisord_that_others_run_is_the_one_that_is_used():
    named = load(runtime={"socket": "/run/others/supervisor.sock"})
    assert named.layout().supervisor_socket == named.supervisor_socket == Path("/run/others/supervisor.sock")
    assert load().layout().supervisor_socket == load().layout().run / "supervisor.sock"
