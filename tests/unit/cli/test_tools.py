"""`tools`: what it prints for people and for programs, and what it says when there is nothing to ask."""

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shell


def test_piped_it_writes_a_line_per_tool_from_every_page(shell: Shell, front: str) -> None:
    done = shell.app("tools", MCP_ENDPOINT=front, MCP_API_KEY="right")
    assert (done.code, done.err) == (0, "")
    assert [line.split("\t") for line in done.out.splitlines()] == [
        ["demo__echo", "Says it again."],
        ["demo__fail", "Fails"],
        ["demo__\x1b[31mred", ""],
        ["demo__stream", ""],
        ["demo__ask", ""],
        ["demo__café", ""],
    ]


def test_on_a_terminal_a_tool_cannot_steer_it(shell: Shell, front: str) -> None:
    done = shell.app_on_terminal("tools", MCP_ENDPOINT=front, MCP_API_KEY="right")
    assert done.code == 0
    assert "demo__echo" in done.out
    assert "\x1b[31m" not in done.out


def test_json_holds_each_tool_whole(shell: Shell, front: str) -> None:
    tools = json.loads(shell.app("tools", "--json", MCP_ENDPOINT=front, MCP_API_KEY="right").out)
    assert tools[0] == {"name": "demo__echo", "description": "Says it again.\nAnd more."}


def test_a_wrong_key_is_named_as_the_cause_and_never_shown(shell: Shell, front: str) -> None:
    done = shell.app("tools", MCP_ENDPOINT=front, MCP_API_KEY="wrong-secret")
    assert done.code == 1
    assert "does not know the key in MCP_API_KEY" in done.err
    assert "wrong-secret" not in done.err


def test_a_missing_key_is_asked_for(shell: Shell, front: str) -> None:
    done = shell.app("tools", MCP_ENDPOINT=front)
    assert done.code == 1
    assert "set MCP_API_KEY" in done.err


@pytest.mark.parametrize("name", ["", "a\nb", "\udcff"])
def test_a_client_that_cannot_be_is_wrong_usage_and_never_the_operators_own_view(shell: Shell, name: str) -> None:
    done = shell.app("tools", "--as", name)
    assert (done.code, done.out) == (2, "")
    assert "keys list" in done.err


def test_an_endpoint_without_a_path_gets_the_usual_one(shell: Shell, front: str) -> None:
    assert shell.app("tools", MCP_ENDPOINT=front.removesuffix("/mcp"), MCP_API_KEY="right").code == 0


def test_a_proxy_variable_does_not_send_a_local_request_elsewhere(shell: Shell, front: str) -> None:
    assert shell.app("tools", MCP_ENDPOINT=front, MCP_API_KEY="right", HTTP_PROXY="http://127.0.0.1:1").code == 0


def test_nothing_at_the_endpoint_is_said_with_its_address(shell: Shell) -> None:
    done = shell.app("tools", MCP_ENDPOINT="http://127.0.0.1:1/mcp", MCP_API_KEY="right")
    assert done.code == 1
    assert "Nothing answers at http://127.0.0.1:1/mcp" in done.err


def test_without_a_gateway_it_says_how_to_start_one(shell: Shell) -> None:
    done = shell.app("tools")
    assert done.code == 1
    assert "No gateway runs here" in done.err
    assert "./scripts/run" in done.err


@pytest.mark.usefixtures("socket_front")
def test_without_an_endpoint_it_asks_over_the_control_socket_and_needs_no_key(shell: Shell) -> None:
    done = shell.app("tools", MCP_API_KEY="unused", HTTP_PROXY="http://127.0.0.1:1")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("demo__echo\t")


def test_the_data_directory_says_where_the_socket_is(shell: Shell, socket_front: Path) -> None:
    elsewhere = shell.directory / "elsewhere"
    elsewhere.mkdir()
    assert Shell(elsewhere).app("tools", MCP_DATA_DIR=str(socket_front.parent)).code == 0
