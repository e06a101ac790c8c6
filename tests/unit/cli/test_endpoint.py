"""How a gateway is asked: headers, streams, and which gateway."""

from pathlib import Path

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


@pytest.mark.parametrize("key", ["two words", "schlüssel", "new\nline"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(UnansweredError, match="MCP_API_KEY holds") as refused:
        Endpoint({"MCP_ENDPOINT": "http://127.0.0.1:1", "MCP_API_KEY": key}, None)
    assert key not in str(refused.value)


def test_a_socket_path_that_is_too_long_for_the_system_is_a_clear_answer(tmp_path: Path) -> None:
    with pytest.raises(UnansweredError, match="nothing listens"):
        Endpoint({"MCP_DATA_DIR": str(tmp_path / ("x" * 120))}, None)


@pytest.mark.parametrize("url", ["mcp.example", "ftp://mcp.example/mcp", "http://", "http://[::1"])
def test_an_endpoint_that_is_no_http_url_is_a_clear_answer(url: str) -> None:
    with pytest.raises(UnansweredError, match="MCP_ENDPOINT is not a URL"):
        Endpoint({"MCP_ENDPOINT": url}, None)


def test_an_endpoint_without_a_path_is_below_the_prefix_which_no_message_shows() -> None:
    env = {"MCP_ENDPOINT": "http://127.0.0.1:1/", "MCP_PATH_PREFIX": "a-prefix-of-many-letters,the-former-prefix"}
    with Endpoint(env, None) as endpoint:
        assert endpoint.url == "http://127.0.0.1:1/a-prefix-of-many-letters/mcp"
        assert endpoint.where == "http://127.0.0.1:1/***/mcp (MCP_ENDPOINT)"
    with Endpoint(env | {"MCP_ENDPOINT": "http://127.0.0.1:1/mcp"}, None) as endpoint:
        assert endpoint.url == "http://127.0.0.1:1/mcp", "what has a path is meant as it stands"
