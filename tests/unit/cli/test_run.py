"""What scripts/run chooses by itself, and the first key: made once, stored as a hash, shown where it may be."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.cli import run
from app.cli.announce import Greeting, closing
from app.cli.connect import NO_KEY
from app.config.keys import read_keyring
from app.config.settings import load_settings
from tests.unit.cli.conftest import Shell


def _parsed(*flags: str) -> Namespace:
    parser = ArgumentParser()
    run.add_arguments(parser)
    return parser.parse_args(flags)


def _greeting(folder: Path, *, terminal: bool = False, **env: str) -> Greeting:
    values = {"MCP_DATA_DIR": str(folder), "MCP_HOST": "127.0.0.1", **env}
    return run.greeting(load_settings(values, terminal=terminal)[0], values, terminal=terminal)


def test_a_persons_machine_is_served_alone_and_watched() -> None:
    assert run.choices(_parsed(), {}) == {"MCP_HOST": "127.0.0.1", "MCP_LIVE_RELOAD": "true"}


def test_the_environment_and_the_env_file_win_over_the_defaults() -> None:
    assert run.choices(_parsed(), {"MCP_HOST": "10.0.0.1", "MCP_LIVE_RELOAD": "false"}) == {}


def test_an_empty_variable_is_not_set() -> None:
    assert run.choices(_parsed(), {"MCP_HOST": " ", "MCP_LIVE_RELOAD": "no"}) == {"MCP_HOST": "127.0.0.1"}


@pytest.mark.parametrize(
    ("flag", "chosen"),
    [("--lan", ("MCP_HOST", "0.0.0.0")), ("--edge", ("MCP_EDGE", "yes")), ("--no-edge", ("MCP_EDGE", "no"))],
)
def test_a_flag_wins_over_the_environment(flag: str, chosen: tuple[str, str]) -> None:
    env = {"MCP_HOST": "10.0.0.1", "MCP_EDGE": "auto", "MCP_LIVE_RELOAD": "true"}
    assert run.choices(_parsed(flag), env) == dict([chosen])


def test_nginx_cannot_be_wanted_and_not_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        _parsed("--edge", "--no-edge")
    assert "not allowed with" in capsys.readouterr().err


def test_on_a_terminal_the_first_key_is_shown_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    words = _greeting(tmp_path, terminal=True)
    assert words.key in words.about_key
    assert words.key not in (tmp_path / "api_keys.json").read_text()
    assert not (tmp_path / "first-key").exists()
    keyring = read_keyring("", (tmp_path / "api_keys.json").read_bytes(), "api_keys.json", 0.0).keyring
    principal = keyring.resolve(words.key.encode(), 1.0)
    assert principal is not None
    assert principal.client_id == run.FIRST_CLIENT


def test_elsewhere_the_first_key_is_in_a_file_of_its_owner_alone(tmp_path: Path) -> None:
    words = _greeting(tmp_path / "data")
    left = tmp_path / "data" / "first-key"
    assert left.stat().st_mode & 0o777 == 0o600
    key = left.read_text().strip()
    assert words.key == NO_KEY
    assert key not in words.about_key
    assert str(left) in words.about_key
    keyring = read_keyring("", (tmp_path / "data/api_keys.json").read_bytes(), "api_keys.json", 0.0).keyring
    assert keyring.resolve(key.encode(), 1.0) is not None


def test_a_later_start_makes_no_key_and_says_how_to(tmp_path: Path) -> None:
    _greeting(tmp_path)
    stored = (tmp_path / "api_keys.json").read_bytes()
    words = _greeting(tmp_path, terminal=True)
    assert words.key == NO_KEY
    assert "keys new" in words.about_key
    assert str(tmp_path / "first-key") in words.about_key
    assert (tmp_path / "api_keys.json").read_bytes() == stored


def test_no_key_is_made_where_keys_are_configured_or_switched_off(tmp_path: Path) -> None:
    for env in (
        {"MCP_API_KEYS": "sk-0123456789:me"},
        {"MCP_API_KEYS_PATH": str(tmp_path / "mine.json")},
        {"MCP_DISABLE_AUTH": "true"},
    ):
        assert _greeting(tmp_path, **env).key == NO_KEY
    assert list(tmp_path.iterdir()) == []


def test_a_key_of_the_environment_is_shown_on_a_terminal_alone(tmp_path: Path) -> None:
    assert _greeting(tmp_path, terminal=True, MCP_API_KEYS="sk-0123456789:me").key == "sk-0123456789"
    assert _greeting(tmp_path, terminal=False, MCP_API_KEYS="sk-0123456789:me").key == NO_KEY


def test_configs_are_for_the_url_that_clients_use(tmp_path: Path) -> None:
    assert _greeting(tmp_path, MCP_PUBLIC_URL="https://mcp.example.com").url == "https://mcp.example.com/mcp"
    assert _greeting(tmp_path).control == tmp_path / "control.sock"


def test_a_prefix_is_printed_on_a_terminal_alone(tmp_path: Path) -> None:
    prefix = "a-prefix-of-many-letters"
    assert _greeting(tmp_path, terminal=True, MCP_PATH_PREFIX=prefix).url.endswith(f"/{prefix}/mcp")
    elsewhere = _greeting(tmp_path, terminal=False, MCP_PATH_PREFIX=prefix)
    assert elsewhere.url.endswith("/<your prefix>/mcp")
    assert "MCP_PATH_PREFIX" in elsewhere.about_key
    assert prefix not in f"{elsewhere}{closing(elsewhere)}"


def test_where_something_else_serves_there_is_one_error_and_neither_a_key_nor_a_config(
    shell: Shell, front: str
) -> None:
    (shell.directory / "mcp_config.json").write_text('{"mcpServers": {}}')
    done = shell.process("run", "--no-edge", MCP_PORT=str(urlsplit(front).port))
    assert (done.code, done.out) == (1, "")
    assert "it is in use: set MCP_PORT" in done.err
    assert [path.name for path in shell.directory.iterdir()] == ["mcp_config.json"]
