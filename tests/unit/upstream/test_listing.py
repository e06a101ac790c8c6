import json
from typing import Any

import msgspec
import pytest

from app.protocol.versions import Era
from app.upstream import listing
from app.upstream.connection import Connection
from app.upstream.errors import UpstreamError
from app.upstream.listing import list_all
from app.upstream.negotiated import Negotiated
from tests.support.recorded import RecordedWire

Pages = dict[str, list[Any]]


def connected(pages: Pages) -> Connection:
    """The pages of each method in turn; text stands for raw JSON, an int for an error of that code."""
    wire = RecordedWire()

    def answer(message: dict[str, Any]) -> bytes:
        page = pages[message["method"]].pop(0)
        text = page if isinstance(page, str) else json.dumps(page)
        member = f'"error":{{"code":{page},"message":"no"}}' if isinstance(page, int) else f'"result":{text}'
        return f'{{"jsonrpc":"2.0","id":{message["id"]},{member}}}'.encode()

    wire.answer = answer
    connection = wire.receiver = Connection(wire, "files")
    connection.adopt(Era.LEGACY, "2025-11-25")
    return connection


def offering(*capabilities: str) -> Negotiated:
    return Negotiated(Era.LEGACY, "2025-11-25", dict.fromkeys(capabilities, msgspec.Raw(b"{}")), "Take care.")


async def test_only_what_is_advertised_is_asked_for() -> None:
    pages: Pages = {
        "tools/list": [{"tools": [{"name": "a"}]}],
        "resources/list": [{"resources": [{"uri": "x:1", "name": "n"}]}],
        "resources/templates/list": [{"resourceTemplates": [{"uriTemplate": "x:{n}"}]}],
    }
    catalog = await list_all(connected(pages), offering("tools", "resources"))
    assert [item.key for item in catalog.tools] == ["a"]
    assert [item.key for item in catalog.resources] == ["x:1"]
    assert [item.key for item in catalog.templates] == ["x:{n}"]
    assert catalog.prompts == ()
    assert catalog.instructions == "Take care."
    assert set(catalog.capabilities) == {"tools", "resources"}


@pytest.mark.requirement("pages.opaque")
async def test_pages_are_followed_by_any_cursor_and_members_stay_as_written() -> None:
    pages: Pages = {
        "tools/list": [
            '{"tools":[{"name":"a","x": 1.0}],"nextCursor":""}',
            '{"tools":[{"name":"b"}],"nextCursor":"\\u00e9"}',
            '{"tools":[],"nextCursor":null}',
        ]
    }
    connection = connected(pages)
    catalog = await list_all(connection, offering("tools"))
    assert [item.key for item in catalog.tools] == ["a", "b"]
    assert bytes(catalog.tools[0].members["x"]) == b"1.0"
    wire = connection.transport
    assert isinstance(wire, RecordedWire)
    assert [m["params"] for m in wire.messages] == [{}, {"cursor": ""}, {"cursor": "é"}]


async def test_items_without_a_name_and_second_ones_of_a_name_are_left_out() -> None:
    pages: Pages = {
        "tools/list": [{"tools": [{"name": "a", "n": 1}, {"title": "t"}, {"name": 7}, {"name": "a", "n": 2}]}]
    }
    catalog = await list_all(connected(pages), offering("tools"))
    assert [bytes(item.members["n"]) for item in catalog.tools] == [b"1"]


async def test_a_list_that_is_advertised_and_unknown_is_empty() -> None:
    pages: Pages = {"tools/list": [{"tools": [{"name": "a"}]}], "prompts/list": [-32601]}
    catalog = await list_all(connected(pages), offering("tools", "prompts"))
    assert [item.key for item in catalog.tools] == ["a"]
    assert catalog.prompts == ()


@pytest.mark.parametrize(
    ("pages", "said"),
    [
        ([-32603], "answered with an error"),
        ([{"tools": [], "nextCursor": "a"}, -32601], "answered with an error"),
        ([{"items": []}], "malformed"),
        ([{"tools": {}}], "malformed"),
        ([{"tools": [1]}], "malformed"),
        ([{"tools": [], "nextCursor": "a"}, {"tools": [], "nextCursor": "a"}], "repeats a cursor"),
    ],
)
async def test_a_page_that_fails_fails_the_whole_listing(pages: list[Any], said: str) -> None:
    with pytest.raises(UpstreamError, match=said) as caught:
        await list_all(connected({"tools/list": pages}), offering("tools"))
    assert caught.value.fault.server == "files"


async def test_pages_and_items_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_PAGES", 3)
    monkeypatch.setattr(listing, "MAX_ITEMS", 5)
    endless: list[Any] = [{"tools": [], "nextCursor": str(n)} for n in range(4)]
    with pytest.raises(UpstreamError, match="more than 3 pages"):
        await list_all(connected({"tools/list": endless}), offering("tools"))
    with pytest.raises(UpstreamError, match="more than 5 items"):
        await list_all(connected({"tools/list": [{"tools": [{"name": str(n)} for n in range(6)]}]}), offering("tools"))
