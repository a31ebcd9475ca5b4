import stat

import pytest

from drafterd.domain.errors import ConfigError
from drafterd.web.access import CODE_LIFE, Access, host_name, is_loopback


def test_the_token_is_made_once_and_kept_for_us_alone(tmp_path):
    first = Access(tmp_path / "token", ())
    token = (tmp_path / "token").read_text().strip()
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600
    assert len(token) >= 32
    assert first.accepts(token)
    assert Access(tmp_path / "token", ()).accepts(token)
    assert not first.accepts(token[:-1])
    assert not first.accepts("")
    assert not first.accepts("\udcff")


@pytest.mark.parametrize("content", ["", "short", "with a\nnewline in the middle of it"])
def test_a_token_file_without_a_token_stops_the_start(tmp_path, content):
    (tmp_path / "token").write_text(content)
    with pytest.raises(ConfigError):
        Access(tmp_path / "token", ())


def test_a_code_works_once(tmp_path):
    access = Access(tmp_path / "token", ())
    code = access.new_code()
    assert access.exchange("other") is None
    assert access.exchange(code)
    assert access.exchange(code) is None


def test_a_code_grows_old(tmp_path):
    now = [1000.0]
    access = Access(tmp_path / "token", (), clock=lambda: now[0])
    code = access.new_code()
    now[0] += CODE_LIFE + 1
    assert access.exchange(code) is None


def test_codes_do_not_pile_up(tmp_path):
    access = Access(tmp_path / "token", ())
    codes = [access.new_code() for _ in range(100)]
    assert access.exchange(codes[0]) is None
    assert access.exchange(codes[-1])


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("LocalHost:8740", "localhost"),
        ("localhost.", "localhost"),
        ("[::1]:8740", "[::1]"),
        ("", ""),
        ("[::1", "["),
    ],
)
def test_the_name_in_a_host_header(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize(
    ("address", "yes"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        (" 127.0.0.1 ", True),
        ("10.0.0.1", False),
        ("localhost", False),
        ("", False),
        ("127.0.0.1.example", False),
    ],
)
def test_what_the_loopback_is(address, yes):
    assert is_loopback(address) is yes
