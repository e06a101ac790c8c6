"""How a gateway is asked: headers, streams, and which gateway."""

import pytest

from app.cli.endpoint import Endpoint, UnansweredError, event_data, header_text


def test_taking_another_clients_view_is_for_the_control_socket_alone(front: str) -> None:
    with pytest.raises(UnansweredError, match="control socket alone"):
        Endpoint({"MCP_ENDPOINT": front}, "letta")


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("files__read", "files__read"),
        ("a b", "a b"),
        (" edge", "=?base64?IGVkZ2U=?="),
        ("café", "=?base64?Y2Fmw6k=?="),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("", "=?base64??="),
        ("two\nlines", "=?base64?dHdvCmxpbmVz?="),
    ],
)
def test_a_name_is_written_into_a_header_as_the_specification_says(name: str, header: str) -> None:
    assert header_text(name) == header


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_events_are_the_same_however_the_bytes_are_cut(size: int) -> None:
    stream = b": alive\r\n\r\nevent: message\r\ndata: one\r\n\r\ndata: two\ndata:three\n\nid: 4\n\ndata: cut off"
    chunks = (stream[start : start + size] for start in range(0, len(stream), size))
    assert list(event_data(chunks)) == [b"one", b"two\nthree"]
