"""`check`: what serving would say, all at once."""

import json
from pathlib import Path

import pytest

from app.cli import check as checks
from app.upstream.interactive import MOST
from tests.unit.cli.conftest import Outcome, Shell

KEYS = {"MCP_API_KEYS": f"{'k' * 40}:a,{'l' * 40}:b", "MCP_HOST": "127.0.0.1"}


def check(shell: Shell, servers: dict[str, object], *args: str, **env: str) -> Outcome:
    (shell.directory / "mcp_config.json").write_text(json.dumps({"mcpServers": servers}))
    return shell.app("check", *args, **(KEYS | env))


def test_a_good_config_is_ok(shell: Shell) -> None:
    done = check(shell, {"a": {"command": "sh"}})
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == ["1 of 1 servers will run", '  a: pool "auto", at most 5 processes', "ok"]


def test_every_error_is_told_at_once(shell: Shell) -> None:
    servers = {"a": {"command": "sh", "headres": {}}, "b": {"url": "x"}}
    done = check(shell, servers, MCP_PORT="x", MCP_API_KEYS="x:y", MCP_PATH_PREFIX="s3cret")
    assert done.code == 1
    errors = [line for line in done.out.splitlines() if line.startswith("error: ")]
    assert [line.split(" ")[1].rstrip(":").partition("=")[0] for line in errors] == [
        "MCP_PORT",
        "MCP_PATH_PREFIX",
        "mcp_config.json:1",
        "mcp_config.json:1",
        "MCP_API_KEYS",
    ]
    assert 'mcpServers.a.headres: is not a key of ours (did you mean "headers"?)' in done.out
    assert done.out.splitlines()[-1] == "5 errors"
    assert "s3cret" not in done.out


def test_the_file_given_is_checked_in_place_of_the_configured_one(shell: Shell) -> None:
    (shell.directory / "other.json").write_text("{\n")
    done = check(shell, {"a": {"command": "sh"}}, "other.json")
    assert done.code == 1
    assert "error: other.json:2: the file ends too early" in done.out


def test_no_config_at_all_names_both_places(shell: Shell) -> None:
    done = shell.app("check", **KEYS)
    assert done.code == 1
    assert "mcp_config.json and config/mcp_config.json" in done.out


def test_warnings_alone_are_no_failure(shell: Shell) -> None:
    done = check(shell, {"a": {"command": "sh", "note": 1}})
    assert done.code == 0
    assert "warning: mcp_config.json:1: mcpServers.a.note: is not a key of ours" in done.out


def test_a_prefix_that_makes_names_too_long_for_clients_is_said(shell: Shell) -> None:
    done = check(shell, {"n" * 46: {"command": "sh"}, "m" * 45: {"command": "sh"}})
    assert [line.split()[1] for line in done.out.splitlines() if "longer than 48" in line] == ["n" * 46 + ":"]


@pytest.mark.parametrize(
    ("entry", "most"),
    [
        ({"pool": "auto"}, "at most 5 processes"),
        ({"pool": "one"}, "at most 1 process"),
        ({"pool": "client"}, "at most 3 processes"),
        ({"pool": "session"}, "at most 101 processes"),
        ({"pool": "client", "era": "mirror"}, "at most 5 processes"),
        ({"era": "mirror"}, "at most 6 processes"),
        ({"era": "modern"}, "at most 1 process"),
    ],
)
def test_it_says_how_many_processes_a_pool_mode_may_use(shell: Shell, entry: dict[str, str], most: str) -> None:
    assert check(shell, {"a": {"command": "sh"} | entry}).out.splitlines()[1].endswith(most)


def test_a_remote_server_has_sessions(shell: Shell) -> None:
    assert "at most 5 sessions" in check(shell, {"a": {"url": "http://h"}}).out


def test_what_is_not_on_this_machine_is_warned_about(shell: Shell) -> None:
    done = check(shell, {"a": {"command": "no-such-program"}, "b": {"command": "sh", "cwd": "/no/such"}})
    assert done.code == 0
    assert 'a: its "command" is not found here' in done.out
    assert 'b: its "cwd" is no directory here' in done.out


def test_what_is_in_ones_home_is_found(shell: Shell) -> None:
    (shell.directory / "server").symlink_to("/bin/sh")
    done = check(
        shell, {"a": {"command": "~/server"}, "b": {"command": "./server", "cwd": "~"}}, HOME=str(shell.directory)
    )
    assert "is not found here" not in done.out
    assert "is no directory here" not in done.out


def test_a_scope_that_fits_no_server_and_a_shared_prefix_are_warned_about(shell: Shell) -> None:
    (shell.directory / "data").mkdir()
    entry = {"client_id": "c", "scopes": ["fils:*", "a", "*", "@admin"]}
    keys = shell.directory / "data/api_keys.json"
    keys.write_text(json.dumps({"m" * 40: entry}))
    keys.chmod(0o600)
    done = check(shell, {"a": {"command": "sh"}, "b": {"command": "sh", "prefix": "a"}})
    warned = [line for line in done.out.splitlines() if line.startswith("warning")]
    assert len(warned) == 2
    assert 'the scope "fils:*" fits no server' in warned[0]
    assert "b: has the prefix of a" in warned[1]


def test_no_key_is_a_warning_since_a_config_can_be_checked_without(shell: Shell) -> None:
    done = check(shell, {"a": {"command": "sh"}}, MCP_API_KEYS="")
    assert done.code == 0
    assert "no API key: serve will not start" in done.out


def test_disabled_servers_are_listed_with_their_reason(shell: Shell) -> None:
    done = check(shell, {"a": {"command": "sh", "disabled": True}, "b": {"command": "sh"}})
    assert done.code == 0
    assert "  a: will not run: disabled in the config" in done.out


def test_no_secret_is_printed(shell: Shell) -> None:
    entry = {"url": "https://h/s3cret", "headers": {"A": "${TOKEN}"}, "timeout": "s3cret"}
    (shell.directory / ".env").write_text("TOKEN=s3cret\n")
    assert "s3cret" not in check(shell, {"a": entry}).out


def test_the_examples_of_the_project_are_good(shell: Shell) -> None:
    config = Path(__file__).parents[3] / "config"
    for example in (config / "mcp_config.example.json", *(config / "examples").glob("[mrs]*.json")):
        done = shell.app("check", str(example), **KEYS, HOME="/tmp")
        assert done.code == 0, done.out
    keys = shell.app(
        "check",
        str(config / "examples/stdio.json"),
        HOME="/tmp",
        MCP_API_KEYS_PATH=str(config / "examples/api_keys.json"),
    )
    assert keys.code == 0, keys.out


def test_it_counts_the_sessions_that_questions_are_asked_in_as_the_pool_does() -> None:
    assert checks._INTERACTIVE == MOST  # pyright: ignore[reportPrivateUsage] - the command may not import the pool
