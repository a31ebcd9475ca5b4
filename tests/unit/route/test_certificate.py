"""The default certificate is made once, and again only when it must be."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography import x509

from drafterd.route.certificate import LIFETIME, RENEW_BEFORE, ensure

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "certificate" / "default.pem"
    assert ensure(found, host="localhost", now=NOW)
    return found


def test_it_names_the_suffix_and_is_private(path: Path) -> None:
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "*.localhost"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_can_name_nobody(path: Path) -> None:
    assert ensure(path, host="", now=NOW), "one that names others is no good"
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == []
    assert not ensure(path, host="", now=NOW)


def test_it_is_made_once(path: Path) -> None:
    before = path.read_bytes()
    assert not ensure(path, host="localhost", now=NOW + LIFETIME - RENEW_BEFORE - dt.timedelta(days=1))
    assert path.read_bytes() == before


def test_it_is_made_anew_before_it_ends(path: Path) -> None:
    before = path.read_bytes()
    assert ensure(path, host="localhost", now=NOW + LIFETIME - RENEW_BEFORE + dt.timedelta(days=1))
    assert path.read_bytes() != before


def test_a_clock_that_was_wrong_is_no_trap(path: Path) -> None:
    assert ensure(path, host="localhost", now=NOW - dt.timedelta(days=365))


def test_a_spoilt_one_is_made_anew(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    ensure(other, host="localhost", now=NOW)
    pem, foreign = path.read_text(), other.read_text()
    mixed = pem.split("-----BEGIN PRIVATE")[0] + "-----BEGIN PRIVATE" + foreign.split("-----BEGIN PRIVATE")[1]
    for text in ("", "x", pem[:200], pem.split("-----BEGIN PRIVATE")[0], mixed):
        path.write_text(text)
        assert ensure(path, host="localhost", now=NOW), text
        assert not ensure(path, host="localhost", now=NOW)


def test_a_long_host_is_fine(tmp_path: Path) -> None:
    assert ensure(tmp_path / "x.pem", host=".".join(["a" * 60] * 3), now=NOW)
