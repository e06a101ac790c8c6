"""`keys new`, `list` and `revoke`."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from app.config.key_format import hashed, key_id
from tests.unit.cli.conftest import Shell


def stored(shell: Shell, path: str = "data/api_keys.json") -> dict[str, Any]:
    return json.loads((shell.directory / path).read_text())


def test_a_new_key_is_shown_once_and_stored_hashed(shell: Shell) -> None:
    done = shell.app("keys", "new", "letta")
    key = done.out.strip()
    assert done.code == 0
    assert key_id(key) is not None
    assert "only time" in done.err
    entry = stored(shell)[hashed(key)]
    assert (entry["client_id"], entry["scopes"], entry["id"]) == ("letta", ["*"], key_id(key))
    assert "expires_at" not in entry
    path = shell.directory / "data/api_keys.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert key not in path.read_text() + done.err


def test_scopes_and_expiry_are_stored(shell: Shell) -> None:
    args = ("--scopes", "files:read_*,time", "!files:write_*", "--expires", "2099-01-31T12:00:00+01:00")
    key = shell.app("keys", "new", "a", *args).out.strip()
    entry = stored(shell)[hashed(key)]
    assert entry["scopes"] == ["files:read_*", "time", "!files:write_*"]
    assert entry["expires_at"] == "2099-01-31T12:00:00+01:00"


def test_an_expiry_may_be_a_span(shell: Shell) -> None:
    assert shell.app("keys", "new", "a", "--expires", "30d").code == 0
    assert "active" in shell.app("keys", "list").out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a", "--scopes", "my files"), '--scopes "my files": server names'),
        (("a", "--scopes", "@root"), "the only scope with @ is @admin"),
        (("a", "--expires", "tomorrow"), '--expires "tomorrow": a time such as'),
        (("a", "--expires", "2020-01-01T00:00:00Z"), "that is in the past"),
        (("a", "--expires", "100000w"), "a time such as"),
        ((" ",), "CLIENT: a client's name"),
    ],
)
def test_what_is_wrong_makes_no_key(shell: Shell, args: tuple[str, ...], message: str) -> None:
    done = shell.app("keys", "new", *args)
    assert (done.code, done.out) == (1, "")
    assert message in done.err
    assert not (shell.directory / "data").exists()


def test_keys_go_where_serving_reads_them(shell: Shell) -> None:
    (shell.directory / ".env").write_text("MCP_API_KEYS_PATH=elsewhere/k.json\n")
    shell.app("keys", "new", "a")
    assert len(stored(shell, "elsewhere/k.json")) == 1
    assert "elsewhere/k.json" in shell.app("keys", "list").out


def test_the_list_shows_both_sources_and_no_key(shell: Shell) -> None:
    own = "my-own-key-of-forty-characters-or-so-0001"
    key = shell.app("keys", "new", "letta", "--scopes", "files").out.strip()
    done = shell.app("keys", "list", MCP_API_KEYS=f"{own}:laptop")
    rows = [line.split("\t") for line in done.out.splitlines()]
    assert [row[:5] for row in rows] == [
        ["-", "laptop", "*", "active", "never"],
        [key_id(key), "letta", "files", "active", "never"],
    ]
    assert own not in done.out
    assert key not in done.out


def test_disabled_and_expired_keys_are_listed_as_such(shell: Shell) -> None:
    (shell.directory / "data").mkdir()
    entries = {
        "k" * 40: {"client_id": "a", "enabled": False},
        "l" * 40: {"client_id": "b", "expires_at": "2020-01-01T00:00:00Z", "scopes": []},
    }
    (shell.directory / "data/api_keys.json").write_text(json.dumps(entries))
    rows = [line.split("\t") for line in shell.app("keys", "list").out.splitlines()]
    assert [row[2:5] for row in rows] == [["*", "disabled", "never"], ["none", "expired", "2020-01-01T00:00:00Z"]]


def test_an_empty_list_says_how_to_make_a_key(shell: Shell) -> None:
    done = shell.app("keys", "list")
    assert (done.code, done.out) == (0, "")
    assert "keys new" in done.err


def test_wrong_keys_are_told_instead_of_a_list(shell: Shell) -> None:
    done = shell.app("keys", "list", MCP_API_KEYS="s3cret:a")
    assert done.code == 1
    assert "MCP_API_KEYS entry 1" in done.err
    assert "s3cret" not in done.err


def test_a_key_is_revoked_by_its_id(shell: Shell) -> None:
    first = shell.app("keys", "new", "a").out.strip()
    second = shell.app("keys", "new", "a").out.strip()
    done = shell.app("keys", "revoke", first[4:12])
    assert done.code == 0
    assert "Removed 1 key" in done.out
    assert list(stored(shell)) == [hashed(second)]


def test_all_keys_of_a_client_are_revoked_by_its_name(shell: Shell) -> None:
    for client in ("a", "a", "b"):
        shell.app("keys", "new", client)
    assert "Removed 2 keys" in shell.app("keys", "revoke", "a").out
    assert [entry["client_id"] for entry in stored(shell).values()] == ["b"]


def test_a_key_without_id_is_revoked_by_its_number(shell: Shell) -> None:
    (shell.directory / "data").mkdir()
    path = shell.directory / "data/api_keys.json"
    path.write_text(json.dumps({"k" * 40: {"client_id": "a"}, "l" * 40: {"client_id": "a"}}))
    assert shell.app("keys", "revoke", "2").code == 0
    assert list(stored(shell)) == ["k" * 40]


@pytest.mark.parametrize("which", ["nobody", "0", "9", "-"])
def test_revoking_what_is_not_there_fails_and_changes_nothing(shell: Shell, which: str) -> None:
    shell.app("keys", "new", "a")
    before = Path(shell.directory / "data/api_keys.json").read_bytes()
    done = shell.app("keys", "revoke", which)
    assert done.code == 1
    assert "keys list" in done.err
    assert Path(shell.directory / "data/api_keys.json").read_bytes() == before


def test_a_key_of_the_variable_is_left_to_whoever_set_it(shell: Shell) -> None:
    done = shell.app("keys", "revoke", "laptop", MCP_API_KEYS=f"{'k' * 40}:laptop")
    assert done.code == 1
    assert "MCP_API_KEYS" in done.err


def test_no_action_is_a_wrong_command_line(shell: Shell) -> None:
    assert shell.app("keys").code == 2
