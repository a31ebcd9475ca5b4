"""The pairs as text: what holds for every table."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.errors import BadName, ProxyRejected
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, RouteTable, Target, host_of, table_of
from drafterd.route import nginx_map
from drafterd.route.nginx_map import POOLS_MAX, pools_of, table_in, text_of, word_of
from drafterd.route.table import RouteSettings

SETTINGS = RouteSettings(edge=Address("127.0.0.1", 8741), certificate=Path("/unused"))
MARK = "0123abcd"
ONE = Address("127.0.0.1", 3001)
D1 = DraftId("d1")

ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", fullmatch=True).map(DraftId)
targets = st.builds(
    Target,
    address=st.none() | st.builds(Address, host=st.sampled_from(["127.0.0.1", "::1"]), port=st.integers(1, 65535)),
    strip=st.sampled_from(["", "/api/draft/x"]),
    kind=st.sampled_from(AddressKind),
    base_path=st.text(max_size=20),
    protected=st.booleans(),
    noindex=st.booleans(),
    fallback=st.sampled_from(["", "index.html"]),
)
tables = st.dictionaries(ids, targets, max_size=8).map(table_of)


def test_no_line_is_longer_than_nginx_reads() -> None:
    table = table_of({DraftId(f"d{number}"): Target(address=ONE, base_path="x" * 5000) for number in range(20)})
    text = text_of(table, SETTINGS, MARK)
    assert max(map(len, text.split("\n"))) < 4096
    assert table_in(text, SETTINGS) == table


def lines(**drafts: Target) -> list[str]:
    table = table_of({DraftId(name): target for name, target in drafts.items()})
    return text_of(table, SETTINGS, MARK).splitlines()[1:]


@given(tables, st.booleans())
def test_what_is_written_is_read_back(table: RouteTable, pooled: bool) -> None:
    text = text_of(table, SETTINGS, MARK, pooled=pooled)
    assert table_in(text, SETTINGS, pooled=pooled) == table


def test_each_server_has_a_pool_that_its_pair_names() -> None:
    table = table_of({D1: Target(address=ONE), DraftId("d2"): Target(address=Address("::1", 3002))})
    assert '"p:d1" "p:d1|@kept-127.0.0.1-3001";' in text_of(table, SETTINGS, MARK, pooled=True)
    pools = pools_of(table, table)
    assert pools.count("upstream ") == 2
    assert "upstream kept-127.0.0.1-3001 {\n  server 127.0.0.1:3001;" in pools
    assert "upstream kept----1--3002 {\n  server [::1]:3002;" in pools


def test_thousands_of_servers_have_no_pools() -> None:
    many = {DraftId(f"d{port}"): Target(address=Address("127.0.0.1", port)) for port in range(1, POOLS_MAX + 2)}
    table = table_of(many)
    assert pools_of(table) == ""
    text = text_of(table, SETTINGS, MARK, pooled=True)
    assert '"p:d1" "p:d1|@127.0.0.1:1";' in text
    assert table_in(text, SETTINGS, pooled=True) == table


@given(tables)
def test_nothing_but_pairs_stands_below_the_record(table: RouteTable) -> None:
    record, *rest = text_of(table, SETTINGS, MARK).split("\n")[:-1]
    assert record.startswith("# ")
    for pair in [line for line in rest if not line.startswith("#+ ")]:
        key, value = pair.removesuffix(";").split(" ")
        assert pair.endswith(";")
        for word in (key, value):
            assert word[0] == word[-1] == '"'
            assert not set(word[1:-1].removesuffix("$")) & set("\"\\$;{}'")


def looked_up(text: str, key: str) -> str:
    """What nginx makes of the pairs, by its rules, and what the static part then takes of it."""
    plain: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for pair in [line for line in text.splitlines() if not line.startswith("#")]:
        name, value = (word.strip('"') for word in pair.removesuffix(";").split(" "))
        if name.startswith("~"):
            patterns.setdefault(name[1:], value)
        else:
            assert name.lower() not in plain, "nginx refuses the file: conflicting parameter"
            plain[name.lower()] = value
    value = plain.get(key.lower(), "")
    if not value:
        value = next((value for pattern, value in patterns.items() if re.search(pattern, key)), "")
    named, _, target = value.partition("|")
    return target if named == key else ""


alike = st.text(alphabet="aAbB", min_size=1, max_size=3).map(DraftId)


@given(st.dictionaries(alike | ids, targets, max_size=12).map(table_of), alike)
def test_each_draft_is_found_under_its_very_name_and_nobody_else_is(table: RouteTable, other: DraftId) -> None:
    text = text_of(table, SETTINGS, MARK)
    for route in table.routes:
        target = route.target
        alone = text_of(RouteTable(routes=(route,)), SETTINGS, MARK)
        key = f"p:{route.draft}" if target.kind is AddressKind.PATH else f"h:{host_of(route.draft, 'localhost')}"
        assert looked_up(text, key) == looked_up(alone, key)
        assert bool(looked_up(text, key)) == (target.address is not None)
    if table.target(other) is None:
        assert looked_up(text, f"p:{other}") == ""


def test_of_two_drafts_with_one_host_the_first_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx_map, "host_of", lambda *_: "x-0123abc.localhost")
    table = table_of({DraftId(name): Target(address=ONE, kind=AddressKind.HOST, protected=True) for name in "ab"})
    text = text_of(table, SETTINGS, MARK)
    assert looked_up(text, "h:x-0123abc.localhost") == "p@127.0.0.1:3001/a"
    assert table_in(text, SETTINGS) == table


def test_a_name_that_is_alone_needs_no_pattern() -> None:
    assert lines(MyShop=Target(address=ONE))[1:] == ['"p:MyShop" "p:MyShop|@127.0.0.1:3001";']
    assert lines(shop=Target(address=ONE), Shop=Target(address=ONE))[1:] == [
        '"~^p:Shop$" "p:Shop|@127.0.0.1:3001";',
        '"~^p:shop$" "p:shop|@127.0.0.1:3001";',
    ]


def test_each_kind_of_draft() -> None:
    assert lines(
        d1=Target(address=ONE, base_path="/api/draft/d1"),
        d2=Target(address=ONE, strip="/api/draft/d2"),
        shop=Target(address=ONE, kind=AddressKind.HOST),
        site=Target(address=None),
        secret=Target(address=ONE, strip="/api/draft/secret", protected=True, noindex=False),
    )[1:] == [
        '"p:d1" "p:d1|@127.0.0.1:3001";',
        '"p:d2" "p:d2|s@127.0.0.1:3001";',
        '"p:secret" "p:secret|spi@127.0.0.1:3001/secret";',
        '"h:shop.localhost" "h:shop.localhost|@127.0.0.1:3001";',
    ]


def test_files_that_nginx_serves() -> None:
    settings = replace(SETTINGS, drafts=Path("/state/drafts"))
    table = table_of(
        {
            D1: Target(address=None),
            DraftId("app"): Target(address=None, fallback="in/200.html", noindex=False),
            DraftId("odd"): Target(address=None, fallback='a";b'),
            DraftId("up"): Target(address=None, fallback="../x"),
            DraftId("shut"): Target(address=None, protected=True),
            DraftId("own"): Target(address=None, kind=AddressKind.HOST),
        }
    )
    text = text_of(table, settings, MARK)
    assert text.splitlines()[2:] == [
        '"p:app" "p:app|fi@-/app/in/200.html";',
        '"p:d1" "p:d1|f@-/d1/";',
        '"h:own.localhost" "h:own.localhost|f@-/own/";',
    ], "what is not plain, and what is protected, is the daemon's"
    assert table_in(text, settings) == table


def test_the_table_says_which_one_it_is() -> None:
    table = table_of({D1: Target(address=ONE)})
    assert f'"table" "{word_of(table, MARK)}";' in text_of(table, SETTINGS, MARK)


def test_a_folder_named_like_the_public_host_does_not_take_it_over() -> None:
    settings = RouteSettings(
        edge=SETTINGS.edge, certificate=SETTINGS.certificate, host_suffix="example", public_host="www.example"
    )
    table = table_of({DraftId("www"): Target(address=ONE, kind=AddressKind.HOST)})
    assert "h:www" not in text_of(table, settings, MARK)


@pytest.mark.parametrize("name", ['a" "b', "a b", "$x", "a;b", "../x", "a\n"])
def test_an_id_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        text_of(RouteTable(routes=(Route(draft=DraftId(name), target=Target(address=ONE)),)), SETTINGS, MARK)


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(ProxyRejected):
        lines(d1=Target(address=Address('a" "b', 1)))


def test_a_route_that_was_edited_by_hand_is_not_held() -> None:
    table = table_of({D1: Target(address=ONE), DraftId("d2"): Target(address=ONE)})
    text = text_of(table, SETTINGS, MARK).replace('"p:d1" "p:d1|@127.0.0.1:3001"', '"p:d1" "p:d1|@127.0.0.1:9"')
    assert [route.draft for route in table_in(text, SETTINGS).routes] == ["d2"]
