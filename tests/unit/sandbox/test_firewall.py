"""The text of the firewall's rules; whether nft takes it, and what it lets through, is tried elsewhere."""

from pathlib import Path

from drafterd.sandbox.firewall import Guest, Openings, removal, rules, table_of


def test_it_is_replaced_whole_and_holds_for_our_users_alone():
    text = rules("drafterd_x", [Guest(5, frozenset({4001, 4002})), Guest(7, frozenset())], Openings())
    assert text.startswith(removal("drafterd_x"))
    assert "set users { typeof meta skuid; elements = { 5, 7 }; }" in text
    assert "elements = { 5 . 4001, 5 . 4002 }" in text
    assert text.count("policy accept") == 1
    assert "meta skuid @users jump draft" in text


def test_what_is_let_through_is_sorted_by_the_kind_of_address():
    openings = Openings(
        places=frozenset({("10.0.0.5", 5432), ("fd00::5", 5432)}),
        local=frozenset({8080}),
        names=frozenset({"127.0.0.53", "fd00::53"}),
    )
    text = rules("t", [], openings)
    for line in (
        "set users { typeof meta skuid; }",
        "set local { typeof tcp dport; elements = { 8080 }; }",
        "set places4 { typeof ip daddr . tcp dport; elements = { 10.0.0.5 . 5432 }; }",
        "set places6 { typeof ip6 daddr . tcp dport; elements = { fd00::5 . 5432 }; }",
        "set names4 { typeof ip daddr; elements = { 127.0.0.53 }; }",
        "set names6 { typeof ip6 daddr; elements = { fd00::53 }; }",
    ):
        assert line in text


def test_what_passes_stands_before_what_does_not():
    text = rules("t", [], Openings())
    assert text.index("established,related accept") < text.index("@own accept") < text.index("reject")
    for closed in ("10.0.0.0/8", "169.254.0.0/16", "192.168.0.0/16", "fc00::/7", "fe80::/10"):
        assert closed in text


def test_each_installation_has_a_table_of_its_own():
    assert table_of(Path("/a")) == table_of(Path("/a")) != table_of(Path("/b"))
    assert table_of(Path("/a b'; flush ruleset")).removeprefix("drafterd_").isalnum()
