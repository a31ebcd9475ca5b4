"""The rules as values: what holds for every table."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drafterd.domain.errors import BadName, ConfigError, ProxyRejected
from drafterd.domain.model import Address, AddressKind
from drafterd.domain.names import DraftId
from drafterd.domain.routing import Route, RouteTable, Target, host_of, table_of
from drafterd.route.record import mark_in, new_mark
from drafterd.route.routes_file import layered_in, table_in, text_of
from drafterd.route.table import RouteSettings, authority, dynamic_configuration, table_router
from drafterd.route.traefik import TraefikProxy

EDGE = Address("127.0.0.1", 8741)
SETTINGS = RouteSettings(edge=EDGE, certificate=Path("/state/routes/certificate/default.pem"))
MARK = "0123abcd"
D1 = DraftId("d1")

ids = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,62}", fullmatch=True).map(DraftId)
addresses = st.builds(
    Address,
    host=st.sampled_from(["127.0.0.1", "::1", "drafts.internal"]),
    port=st.integers(min_value=1, max_value=65535),
)
targets = st.builds(
    Target,
    address=st.none() | addresses,
    strip=st.sampled_from(["", "/api/draft/x"]),
    kind=st.sampled_from(AddressKind),
    base_path=st.text(max_size=20),
    protected=st.booleans(),
    noindex=st.booleans(),
    fallback=st.sampled_from(["", "index.html", "{{x}}"]),
)
tables = st.dictionaries(ids, targets, max_size=8).map(table_of)


def _is_ours(text: str, settings: RouteSettings) -> bool:
    return TraefikProxy(routes_file=Path("unused"), settings=settings, api="")._is_ours(text)


def routers_of(table: RouteTable, settings: RouteSettings = SETTINGS) -> dict[str, dict[str, object]]:
    routers: dict[str, dict[str, object]] = dynamic_configuration(table, settings, MARK)["http"]["routers"]
    return routers


@given(tables)
def test_what_is_written_is_read_back(table: RouteTable) -> None:
    text = text_of(table, SETTINGS, MARK)
    assert table_in(text, SETTINGS) == table
    assert mark_in(text) == MARK
    assert _is_ours(text, SETTINGS)


MANY = table_of({DraftId(f"{letter}{number}"): Target(address=EDGE) for letter in "abc" for number in range(60)})


def test_many_drafts_are_found_in_layers() -> None:
    routers = dynamic_configuration(MANY, SETTINGS, MARK, layered=True)["http"]["routers"]
    assert routers["draft-a1"]["rule"] == "PathPrefix(`/api/draft/a1/`) || Path(`/api/draft/a1`)"
    assert routers["draft-a1"]["parentRefs"] == ["bucket-a@file"]
    assert "entryPoints" not in routers["draft-a1"], "Traefik refuses them below another router"
    assert routers["bucket-a"] == {"rule": "PathPrefix(`/api/draft/a`)", "priority": 100, "entryPoints": ["web"]}
    assert routers["any-in-buckets"]["parentRefs"] == [f"bucket-{letter}@file" for letter in "abc"]
    assert routers["any-in-buckets"]["service"] == "drafterd"


def test_few_drafts_and_an_old_traefik_have_no_layers() -> None:
    few = RouteTable(routes=MANY.routes[:64])
    assert text_of(few, SETTINGS, MARK, layered=True) == text_of(few, SETTINGS, MARK)
    assert "parentRefs" not in text_of(MANY, SETTINGS, MARK)


def test_hosts_stand_alone_else_they_would_get_no_certificates() -> None:
    hosts = {route.draft: replace(route.target, kind=AddressKind.HOST) for route in MANY.routes}
    assert "parentRefs" not in text_of(table_of(hosts), SETTINGS, MARK, layered=True)


@pytest.mark.parametrize("layered", [True, False])
def test_layers_are_read_back(layered: bool) -> None:
    text = text_of(MANY, SETTINGS, MARK, layered=layered)
    assert table_in(text, SETTINGS) == MANY
    assert layered_in(text) is layered
    assert not layered_in("{")


def test_a_spoilt_layer_holds_no_route_of_what_is_below() -> None:
    text = text_of(MANY, SETTINGS, MARK, layered=True)
    spoilt = text.replace("PathPrefix(`/api/draft/b`)", "PathPrefix(`/api/draft/c`)")
    assert {route.draft[0] for route in table_in(spoilt, SETTINGS).routes} == {"a", "c"}


def test_a_record_of_an_older_drafterd_is_read() -> None:
    """It knew nothing of fallbacks."""
    text = text_of(table_of({D1: Target(address=EDGE)}), SETTINGS, MARK)
    record, body = text.split("\n", 1)
    older = record.replace(',""]]', "]]")
    assert older != record
    assert table_in(f"{older}\n{body}", SETTINGS) == table_of({D1: Target(address=EDGE)})


@given(tables)
def test_no_text_becomes_a_template(table: RouteTable) -> None:
    text = text_of(table, SETTINGS, MARK)
    assert "{{" not in text
    record, body = text.split("\n", 1)
    assert json.loads(body)["http"]["routers"]
    assert record.startswith("# ")
    assert record.isascii()
    assert record.isprintable(), "nothing that a YAML reader takes for the comment's end"


def test_a_folder_named_like_a_template_is_only_a_folder() -> None:
    settings = RouteSettings(edge=EDGE, certificate=Path("/{{{env `HOME`}}/ü😀/default.pem"))
    text = text_of(RouteTable(), settings, MARK)
    assert "{{" not in text
    body = json.loads(text.split("\n", 1)[1])
    assert body["tls"]["stores"]["default"]["defaultCertificate"]["certFile"] == str(settings.certificate)


@given(tables)
def test_every_router_has_its_service_and_middlewares(table: RouteTable) -> None:
    http = dynamic_configuration(table, SETTINGS, MARK)["http"]
    for router in http["routers"].values():
        assert router["service"] in http["services"]
        assert set(router.get("middlewares", ())) <= http["middlewares"].keys()
    for service in http["services"].values():
        assert service["loadBalancer"].get("serversTransport", "draft") in http["serversTransports"]


@given(ids)
def test_no_draft_takes_the_place_of_a_shared_router(draft: DraftId) -> None:
    shared = routers_of(RouteTable())
    with_draft = routers_of(table_of({draft: Target(address=EDGE)}))
    confirming = {name for name in shared if name.startswith("table-")}
    assert {name: router for name, router in with_draft.items() if name in shared.keys() - confirming} == {
        name: router for name, router in shared.items() if name not in confirming
    }


@pytest.mark.parametrize("name", ["any", "drafterd", "drafts-any", "stray", "table-x", "fallback", "any-"])
def test_drafts_with_names_like_ours_have_routers_of_their_own(name: str) -> None:
    before, after = routers_of(RouteTable()), routers_of(table_of({DraftId(name): Target(address=EDGE)}))
    assert len(after) == len(before) + 1


def test_a_table_is_never_empty() -> None:
    http = dynamic_configuration(RouteTable(), SETTINGS, MARK)["http"]
    assert all(http[part] for part in ("routers", "services", "middlewares", "serversTransports"))


@pytest.mark.parametrize("name", ["", "a`", "a b", "a/b", "..", "{{x}}", "é", "a\n", "x" * 64, "api"])
def test_what_is_no_id_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        dynamic_configuration(
            RouteTable(routes=(Route(draft=DraftId(name), target=Target(address=None)),)), SETTINGS, MARK
        )


@pytest.mark.parametrize("host", ["", "a b", "a`b", "a/b", "a@b", "a:b", "-", "{{x}}", "UP"])
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(ProxyRejected):
        authority(Address(host, 80))


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ProxyRejected):
        authority(Address("127.0.0.1", port))


def test_an_address_stands_in_a_url_as_it_must() -> None:
    assert authority(Address("127.0.0.1", 80)) == "127.0.0.1:80"
    assert authority(Address("::1", 80)) == "[::1]:80"
    assert authority(Address("0:0:0:0:0:0:0:1", 80)) == "[::1]:80"


@pytest.mark.parametrize(
    "wrong",
    [
        {"path_prefix": ""},
        {"path_prefix": "/"},
        {"path_prefix": "/a/"},
        {"path_prefix": "/a`b"},
        {"path_prefix": "/a{{b"},
        {"host_suffix": "a`b"},
        {"host_suffix": "UP"},
        {"host_suffix": ".a"},
        {"public_host": ""},
        {"public_host": "a`b"},
        {"host_suffix": "::1"},
    ],
)
def test_settings_that_could_not_stand_in_a_rule_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        replace(SETTINGS, **wrong)


def test_the_public_host_may_be_a_number() -> None:
    for host in ("127.0.0.1", "::1"):
        assert f"!Host(`{host}`)" in str(
            routers_of(RouteTable(), replace(SETTINGS, public_host=host))["host-any"]["rule"]
        )


def test_a_folder_named_like_the_public_host_does_not_take_it_over() -> None:
    settings = RouteSettings(
        edge=EDGE, certificate=Path("/x"), host_suffix="example.org", public_host="drafts.example.org"
    )
    target = Target(address=EDGE, kind=AddressKind.HOST)
    drafts = DraftId("drafts")
    assert host_of(drafts, "example.org") == settings.public_host
    routers = routers_of(table_of({drafts: target, D1: target}), settings)
    assert routers["draft-drafts"]["rule"] == "Path(`/`) && !Path(`/`)"
    assert routers["draft-d1"]["rule"] == "Host(`d1.example.org`)"


def test_hosts_come_before_every_path() -> None:
    routers = routers_of(
        table_of({D1: Target(address=EDGE, kind=AddressKind.HOST), DraftId("p"): Target(address=EDGE)})
    )
    of_hosts = {"draft-d1", "host-any", "host-events"}
    lowest = min(int(str(routers[name]["priority"])) for name in of_hosts)
    assert all(int(str(router["priority"])) < lowest for name, router in routers.items() if name not in of_hosts)


def test_the_order_of_the_path_rules() -> None:
    routers = routers_of(table_of({D1: Target(address=EDGE)}))
    names = ["events", "image", "draft-d1", "stray", "drafts-any", "anything"]
    assert sorted(names, key=lambda name: -int(str(routers[name]["priority"]))) == names
    assert len({routers[name]["priority"] for name in names}) == len(names)


def test_another_prefix_and_suffix_are_followed_everywhere() -> None:
    settings = RouteSettings(edge=EDGE, certificate=Path("/x"), path_prefix="/p.x/d", host_suffix="a.example")
    text = text_of(table_of({D1: Target(address=EDGE, strip="/p.x/d/d1")}), settings, MARK)
    assert "/api/draft" not in text.split("\n")[1]
    assert r"\\.localhost" not in text


def test_a_routers_name_confirms_one_writing_of_one_table() -> None:
    one, two = RouteTable(), table_of({D1: Target(address=None)})
    assert len({table_router(table, mark) for table in (one, two) for mark in (MARK, new_mark())}) == 4


def test_under_other_settings_a_route_must_be_handed_over_again() -> None:
    table = table_of({D1: Target(address=EDGE), DraftId("h"): Target(address=EDGE, kind=AddressKind.HOST)})
    text = text_of(table, SETTINGS, MARK)
    moved = RouteSettings(edge=EDGE, certificate=SETTINGS.certificate, host_suffix="example.org")
    assert [route.draft for route in table_in(text, moved).routes] == ["d1"]
    assert not _is_ours(text, moved)


def test_a_new_edge_keeps_the_routes_and_needs_a_new_text() -> None:
    text = text_of(table_of({D1: Target(address=EDGE)}), SETTINGS, MARK)
    moved = RouteSettings(edge=Address("127.0.0.1", 9999), certificate=SETTINGS.certificate)
    assert table_in(text, moved) == table_in(text, SETTINGS)
    assert not _is_ours(text, moved)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace("draft-d1", "draft-d2"),
        lambda text: text.replace(f"Mark {MARK}", "Mark zzzz"),
        lambda text: text.replace(":8741", ":8742", 1),
        lambda text: text.replace('["d1",', '["d1"],['),
        lambda text: text.split("\n", 1)[1],
        lambda text: text.split("\n", 1)[0],
        lambda text: text[: len(text) // 2],
        lambda _: "[" * 100_000,
        lambda _: "",
    ],
)
def test_a_spoilt_text_holds_no_route(spoil) -> None:
    text = text_of(table_of({D1: Target(address=Address("127.0.0.1", 3001))}), SETTINGS, MARK)
    spoilt = spoil(text)
    assert spoilt != text
    assert not _is_ours(spoilt, SETTINGS)
    if ":8742" not in spoilt:  # the edge's own address is no draft's route
        assert table_in(spoilt, SETTINGS) == RouteTable()


@pytest.mark.parametrize("kind", AddressKind)
@pytest.mark.parametrize("strip", ["", "/api/draft/d1"])
def test_a_protected_draft_is_reached_by_no_router_that_does_not_ask_first(kind: AddressKind, strip: str) -> None:
    target = Target(address=Address("127.0.0.1", 3001), kind=kind, strip=strip, protected=True)
    http = dynamic_configuration(table_of({D1: target}), SETTINGS, MARK)["http"]
    leading = [router for router in http["routers"].values() if router["service"] == "draft-d1"]
    assert [router["middlewares"][0] for router in leading] == ["auth-d1"]
    asked = http["middlewares"]["auth-d1"]["forwardAuth"]
    assert asked["address"] == "http://127.0.0.1:8741/_drafterd/auth?draft=d1"
    assert asked["authResponseHeaders"] == ["Cookie"], "ours stays out of the draft"


def test_only_protected_servers_are_asked_about() -> None:
    for target in (Target(address=Address("127.0.0.1", 3001)), Target(address=None, protected=True)):
        http = dynamic_configuration(table_of({D1: target}), SETTINGS, MARK)["http"]
        assert "auth-d1" not in http["middlewares"], "the daemon looks itself at what it answers"
        assert "auth-d1" not in http["routers"]["draft-d1"]["middlewares"]


@pytest.mark.parametrize("kind", AddressKind)
@pytest.mark.parametrize("noindex", [True, False])
def test_search_engines_are_told_to_keep_away_where_wanted(kind: AddressKind, noindex: bool) -> None:
    target = Target(address=Address("127.0.0.1", 3001), kind=kind, noindex=noindex)
    http = dynamic_configuration(table_of({D1: target}), SETTINGS, MARK)["http"]
    chain = [http["middlewares"][name] for name in http["routers"]["draft-d1"]["middlewares"]]
    told = [one["headers"].get("customResponseHeaders", {}).get("X-Robots-Tag") for one in chain if "headers" in one]
    assert told == ["noindex" if noindex else None]


def test_another_protection_is_another_table() -> None:
    target = Target(address=Address("127.0.0.1", 3001))
    changed = [target, replace(target, protected=True), replace(target, noindex=False)]
    assert len({table_of({D1: one}).digest for one in changed}) == len(changed)


def test_certificates_are_asked_for_the_public_host_and_drafts_own_hosts() -> None:
    table = table_of({D1: Target(address=EDGE), DraftId("shop"): Target(address=EDGE, kind=AddressKind.HOST)})
    asking = replace(SETTINGS, acme=True, public_host="drafts.example")
    asked = {name: router["tls"] for name, router in routers_of(table, asking).items() if "tls" in router}
    assert asked == {
        "anything": {"certResolver": "acme", "domains": [{"main": "drafts.example"}]},
        "draft-shop": {"certResolver": "acme"},
    }
    assert not any("tls" in router for router in routers_of(table).values())


def test_the_router_that_confirms_a_table_names_no_host() -> None:
    """A Traefik whose entry point gets certificates would ask for one, at every change."""
    named = [router["rule"] for name, router in routers_of(RouteTable()).items() if name.startswith("table-")]
    assert named == ["Path(`/`) && !Path(`/`)"]
