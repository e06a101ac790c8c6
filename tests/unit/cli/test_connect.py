"""`connect`: each client's config in the form that client reads, and a key only where it may be seen."""

import ast
import json
import tomllib

import pytest

from app.cli.connect import CLIENTS, NO_KEY, advice_for, config_for
from tests.unit.cli.conftest import Shell

URL = "https://gateway.example/mcp"
# A key may hold what JSON, TOML and Python each escape.
KEY = 'sk-"quoted"\\{braces}$é'
TWO_KEYS = "sk-first-secret:letta,sk-second-secret:me"


def test_claude_code_and_cursor_get_an_http_entry() -> None:
    for client in ("claude-code", "cursor"):
        assert json.loads(config_for(client, URL, KEY)) == {
            "mcpServers": {"mcp-proxy": {"type": "http", "url": URL, "headers": {"Authorization": f"Bearer {KEY}"}}}
        }


def test_vscode_calls_its_root_servers() -> None:
    assert json.loads(config_for("vscode", URL, KEY)) == {
        "servers": {"mcp-proxy": {"type": "http", "url": URL, "headers": {"Authorization": f"Bearer {KEY}"}}}
    }


def test_claude_desktop_gets_a_command_because_its_file_refuses_urls() -> None:
    entry = json.loads(config_for("claude-desktop", URL, KEY))["mcpServers"]["mcp-proxy"]
    assert entry == {
        "command": "npx",
        "args": ["-y", "mcp-remote", URL, "--header", "Authorization:${MCP_AUTH}"],
        "env": {"MCP_AUTH": f"Bearer {KEY}"},
    }
    assert not any(" " in argument for argument in entry["args"])
    assert "refuses entries with a `url`" in advice_for("claude-desktop", URL)


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://localhost:8080/mcp", False),
        ("http://127.0.0.1:8080/mcp", False),
        ("https://gateway.example/mcp", False),
        ("http://gateway.lan:8080/mcp", True),
    ],
)
def test_plain_http_to_another_machine_must_be_allowed_by_name(url: str, allowed: bool) -> None:
    args = json.loads(config_for("claude-desktop", url, KEY))["mcpServers"]["mcp-proxy"]["args"]
    assert ("--allow-http" in args) is allowed
    assert ("plain HTTP" in advice_for("claude-desktop", url)) is allowed
    assert ("unencrypted" in advice_for("cursor", url)) is allowed


def test_letta_sends_its_token_as_it_stands_so_bearer_is_part_of_it() -> None:
    assert json.loads(config_for("letta", URL, KEY)) == {
        "server_name": "mcp-proxy",
        "config": {
            "mcp_server_type": "streamable_http",
            "server_url": URL,
            "auth_header": "Authorization",
            "auth_token": f"Bearer {KEY}",
        },
    }


def test_codex_gets_toml() -> None:
    assert tomllib.loads(config_for("codex", URL, KEY)) == {
        "mcp_servers": {"mcp-proxy": {"url": URL, "http_headers": {"Authorization": f"Bearer {KEY}"}}}
    }


def test_python_gets_a_program_that_holds_url_and_key() -> None:
    constants = [
        node.value for node in ast.walk(ast.parse(config_for("python", URL, KEY))) if isinstance(node, ast.Constant)
    ]
    assert URL in constants
    assert f"Bearer {KEY}" in constants


@pytest.mark.parametrize("client", CLIENTS)
def test_every_client_has_advice_and_a_config(client: str) -> None:
    assert advice_for(client, URL)
    assert NO_KEY in config_for(client, URL, NO_KEY)


def test_an_address_that_only_this_machine_knows_is_remarked_on(shell: Shell) -> None:
    done = shell.app("connect", "cursor")
    assert "http://localhost:8080/mcp" in done.out
    assert "set MCP_PUBLIC_URL" in done.err
    assert "MCP_PUBLIC_URL" not in shell.app("connect", "cursor", MCP_HOST="127.0.0.1").err


def test_a_wrong_setting_is_named_and_nothing_is_printed(shell: Shell) -> None:
    done = shell.app("connect", "cursor", MCP_PORT="http")
    assert (done.code, done.out) == (1, "")
    assert "MCP_PORT" in done.err


def test_the_config_goes_to_standard_output_alone_so_that_it_can_be_saved(shell: Shell) -> None:
    done = shell.app("connect", "cursor", MCP_PUBLIC_URL="https://gateway.example")
    assert done.code == 0
    assert json.loads(done.out)["mcpServers"]["mcp-proxy"]["url"] == URL
    assert "~/.cursor/mcp.json" in done.err


@pytest.mark.parametrize("client", CLIENTS)
def test_no_key_leaves_for_anything_but_a_terminal(shell: Shell, client: str) -> None:
    done = shell.app("connect", client, "--client", "letta", MCP_API_KEYS=TWO_KEYS)
    assert "secret" not in done.out + done.err
    assert NO_KEY in done.out
    assert "only on a terminal" in done.err


def test_on_a_terminal_the_named_clients_key_is_put_in(shell: Shell) -> None:
    done = shell.app_on_terminal("connect", "cursor", "--client", "me", MCP_API_KEYS=TWO_KEYS)
    assert "Bearer sk-second-secret" in done.out
    assert "sk-first-secret" not in done.out
    assert "secret" not in done.err


def test_on_a_terminal_a_single_client_need_not_be_named(shell: Shell) -> None:
    assert "Bearer sk-only" in shell.app_on_terminal("connect", "cursor", MCP_API_KEYS=" sk-only : me ").out


def test_of_several_clients_none_is_guessed(shell: Shell) -> None:
    done = shell.app_on_terminal("connect", "cursor", MCP_API_KEYS=TWO_KEYS)
    assert NO_KEY in done.out
    assert "--client: letta, me" in done.err


def test_a_client_whose_key_is_not_known_gets_a_placeholder_and_how_to_make_a_key(shell: Shell) -> None:
    done = shell.app("connect", "cursor", "--client", "new", MCP_API_KEYS=TWO_KEYS)
    assert NO_KEY in done.out
    assert "python -m app keys new new" in done.err
