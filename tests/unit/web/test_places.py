import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.errors import BadName
from drafterd.domain.model import AddressKind
from drafterd.domain.names import DraftId, parse_draft_id
from drafterd.domain.routing import host_of
from drafterd.web import places

PREFIX = "/api/draft"


@pytest.mark.parametrize(
    ("path", "draft", "rest"),
    [
        ("/api/draft/d1", "d1", ""),
        ("/api/draft/d1/", "d1", "/"),
        ("/api/draft/d10/a/b", "d10", "/a/b"),
        ("/api/draft/%64%31/x", "d1", "/x"),
        ("/api/draft/d1//evil.example", "d1", "//evil.example"),
    ],
)
def test_a_path_names_its_draft(path, draft, rest):
    place = places.by_path(path, PREFIX)
    assert place is not None
    assert (place.draft, place.rest, place.base) == (draft, rest, f"{PREFIX}/{draft}")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/api/draft",
        "/api/draft/",
        "/api/draft//x",
        "/api/draftx/d1",
        "/api/draft/..",
        "/api/draft/%2e%2e/x",
        "/api/draft/a%2Fb",
        "/api/draft/a%0d%0ab",
        "/api/draft/_next/x",
        "/api/draft/api",
        "/api/draft/" + "a" * 64,
    ],
)
def test_what_is_no_id_names_no_draft(path):
    assert places.by_path(path, PREFIX) is None


@given(st.text(max_size=80))
def test_whatever_is_asked_only_ids_come_out(path):
    place = places.by_path(f"{PREFIX}/{path}", PREFIX)
    if place is not None:
        assert parse_draft_id(place.draft) == place.draft


@given(st.text(max_size=120))
def test_whatever_the_referer_says_only_ids_come_out(referer):
    draft = places.by_referer(referer, PREFIX)
    if draft is not None:
        assert parse_draft_id(draft) == draft


@pytest.mark.parametrize(
    ("referer", "draft"),
    [
        ("http://localhost:8080/api/draft/ab/page?x=1", "ab"),
        ("https://x/api/draft/a", "a"),
        ("http://localhost/api/draft/a?x", "a"),
        ("http://localhost/elsewhere", None),
        ("javascript:/api/draft/a", None),
        ("http://[/api/draft/a", None),
        ("", None),
    ],
)
def test_the_referer_leads_home(referer, draft):
    assert places.by_referer(referer, PREFIX) == draft


@pytest.mark.parametrize("name", ["hello", "Hello", "a_b", "x" * 63])
def test_a_host_names_its_draft(name):
    draft = DraftId(name)
    label = places.label_of(host_of(draft, "localhost"), "localhost")
    assert label is not None
    known = [DraftId("other"), draft]
    found = places.draft_of_label(label, "localhost", exists=known.__contains__, known=lambda: known)
    assert found == draft


def test_a_label_that_looks_like_another_draft_is_not_that_draft():
    """`a_b` has the host `a-b-<hash>`: the label `a_b` is nobody's."""
    known = [DraftId("a_b")]
    found = places.draft_of_label("a_b", "localhost", exists=known.__contains__, known=lambda: known)
    assert found is None


@pytest.mark.parametrize("host", ["localhost", "a.b.localhost", "a.example", ".localhost", "alocalhost"])
def test_other_hosts_have_no_label(host):
    assert places.label_of(host, "localhost") is None


def test_the_kind_of_a_url():
    assert places.kind_of("http://localhost:8080/api/draft/a", PREFIX) is AddressKind.PATH
    assert places.kind_of("http://a.localhost:8080/", PREFIX) is AddressKind.HOST


def test_a_reserved_name_is_no_draft():
    with pytest.raises(BadName):
        parse_draft_id("_drafterd")
    assert places.parsed("_drafterd") is None
