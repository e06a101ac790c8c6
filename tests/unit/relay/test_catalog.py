"""What a server lists, as a value."""

import msgspec
import pytest

from app.relay.catalog import Item, ServerCatalog


def test_a_server_offers_nothing_until_it_is_said() -> None:
    assert ServerCatalog() == ServerCatalog((), (), (), (), {}, "")


def test_catalogs_that_hold_the_same_are_the_same_bytes() -> None:
    one, other = (ServerCatalog(tools=(Item("x", {"name": msgspec.Raw(b'"x"')}),)) for _ in range(2))
    assert msgspec.json.encode(one) == msgspec.json.encode(other)
    assert msgspec.json.encode(one) != msgspec.json.encode(ServerCatalog())


def test_a_catalog_changes_only_by_another_one() -> None:
    with pytest.raises(AttributeError):
        ServerCatalog().instructions = "new"
