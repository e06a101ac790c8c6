"""Who owns which name and URI when several servers are listed together."""

import msgspec
import pytest

from app.relay.catalog import Item, ServerCatalog
from app.relay.directory import Directory, Listing, Source, matches_template
from app.relay.names import hashed_name


def item(key: str, member: str = "name") -> Item:
    return Item(key, {member: msgspec.Raw(msgspec.json.encode(key))})


def source(server: str, prefix: str | None = None, **lists: tuple[Item, ...]) -> Source:
    return Source(server, server if prefix is None else prefix, None, ServerCatalog(**lists))


def test_tools_stand_in_config_order_and_then_in_the_servers_own() -> None:
    merged = Directory([source("b", tools=(item("z"), item("y"))), source("a", tools=(item("x"),))])
    assert list(merged.entries[Listing.TOOLS]) == ["b__z", "b__y", "a__x"]


def test_where_two_names_would_be_equal_the_later_gets_the_hash() -> None:
    merged = Directory([source("a", "", tools=(item("x"),)), source("b", "", tools=(item("x"),))])
    second = hashed_name("", "x")
    assert {name: entry.source.server for name, entry in merged.entries[Listing.TOOLS].items()} == {
        "x": "a",
        second: "b",
    }
    assert merged.clashes == [f"b: x is listed as {second}: a has x"]


def test_a_server_that_lists_a_name_twice_is_listed_with_the_first() -> None:
    twice = (Item("x", {"name": msgspec.Raw(b'"x"'), "n": msgspec.Raw(b"1")}), item("x"))
    merged = Directory([source("a", tools=twice)])
    (entry,) = merged.entries[Listing.TOOLS].values()
    assert "n" in entry.item.members
    assert merged.clashes == []


def test_a_uri_that_two_servers_have_belongs_to_the_first_of_the_file() -> None:
    merged = Directory(
        [source("a", resources=(item("f:///x", "uri"),)), source("b", resources=(item("f:///x", "uri"),))]
    )
    assert merged.entries[Listing.RESOURCES]["f:///x"].source.server == "a"
    assert merged.clashes == ["b: f:///x belongs to a, which comes first"]


def test_a_server_that_is_not_listed_yet_adds_nothing() -> None:
    merged = Directory([Source("a", "a", None, None)])
    assert not any(merged.entries.values())


@pytest.mark.parametrize(
    ("template", "uri", "expected"),
    [
        ("test://t/{id}/data", "test://t/7/data", True),
        ("test://t/{id}/data", "test://t/7/8/data", False),
        ("file:///{+path}", "file:///a/b/c", True),
        ("x://a{?q}", "x://a?q=1", True),
        ("x://a.b", "x://acb", False),
        ("x://{a}", "x://", True),
        ("x://a", "x://ab", False),
        ("x://{a}-{b}.{c}", "x://1-2-3.4.5", True),
        ("x://{a}{b}/{c}", "x://12/3", True),
        ("x://{a}{+b}/c", "x://1/2/3/c", True),
        ("x://{+a}-{b}", "x://1-2/3-4", True),
        ("x://{a}/{+b}/d", "x://1/2/3", False),
        ("x://{a}\n", "x://1\n", True),
        ("x://" + "{+a}" * 40, "x://" + "a" * 5000, True),
        ("x://{a}-{b}-{c}-{d}", "x://" + "-" * 100_000 + "/", False),
        ("x://" + "{+a}x" * 40 + "y", "x://" + "x" * 100_000, False),
    ],
)
def test_a_uri_is_matched_against_a_template_in_bounded_time(template: str, uri: str, expected: bool) -> None:
    assert matches_template(template, uri) is expected
