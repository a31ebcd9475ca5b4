"""Who is reached where."""

from drafterd.domain.addressing import Addressing
from drafterd.domain.model import Address, AddressKind, Kind, Recipe
from drafterd.domain.names import DraftId
from drafterd.domain.routing import RouteTable, Target, table_of

A, B = DraftId("a"), DraftId("b")
TARGET = Target(address=Address("127.0.0.1", 3001))


def addressing(**changes):
    return Addressing(
        **{
            "public_url": "https://previews.example:8443",
            "path_prefix": "/api/draft",
            "host_suffix": "previews.example",
            "kind": AddressKind.PATH,
            **changes,
        }
    )


def test_a_table_holds_who_can_answer_in_order():
    table = table_of({B: TARGET, A: TARGET, DraftId("c"): None})

    assert [route.draft for route in table.routes] == ["a", "b"]
    assert table.addresses == {Address("127.0.0.1", 3001)}
    assert table.target(A) == TARGET
    assert table.target(DraftId("c")) is None


def test_the_digest_tells_tables_apart():
    other = Target(address=Address("127.0.0.1", 3002))
    tables = [RouteTable(), table_of({A: TARGET}), table_of({B: TARGET}), table_of({A: other})]
    assert len({table.digest for table in tables}) == 4
    assert table_of({A: TARGET}).digest == table_of({A: TARGET}).digest


def test_a_draft_has_two_addresses_the_primary_one_first():
    path = "https://previews.example:8443/api/draft/a"
    host = "https://a.previews.example:8443/"
    assert addressing().urls(A) == (path, host)
    assert addressing(kind=AddressKind.HOST).urls(A) == (host, path)
    assert addressing(overrides={"a": AddressKind.HOST}).urls(A) == (host, path)
    assert addressing(overrides={"a": AddressKind.HOST}).urls(B)[0].endswith("/api/draft/b")


def test_only_servers_that_know_no_prefix_have_it_taken_off():
    table = addressing()
    next_server = Recipe(kind=Kind.NEXT, why="", prefixed=True)
    node = Recipe(kind=Kind.NODE, why="")
    files = Recipe(kind=Kind.STATIC, why="")
    assert (table.base_path(A, next_server), table.strip(A, next_server)) == ("/api/draft/a", "")
    assert (table.base_path(A, node), table.strip(A, node)) == ("", "/api/draft/a")
    assert (table.base_path(A, files), table.strip(A, files)) == ("", "")
    on_host = addressing(kind=AddressKind.HOST)
    assert (on_host.base_path(A, next_server), on_host.strip(A, node)) == ("", "")


def test_the_site_is_what_people_type():
    assert addressing().site(A, 3001).base_path == "/api/draft/a"
    site = addressing(kind=AddressKind.HOST).site(A, 3001)
    assert (site.origin, site.base_path) == ("https://a.previews.example:8443", "")
