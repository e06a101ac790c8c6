"""The environment a command sees, and how it ends when that is wrong."""

from app.cli.environment import prefixes, shown
from tests.unit.cli.conftest import Shell


def test_the_real_environment_wins_over_the_env_file(shell: Shell) -> None:
    (shell.directory / ".env").write_text("MCP_PUBLIC_URL=https://from.file\n")
    assert "https://from.file/mcp" in shell.app("connect", "codex").out
    assert "https://real.one/mcp" in shell.app("connect", "codex", MCP_PUBLIC_URL="https://real.one").out


def test_an_env_file_that_cannot_be_read_ends_the_command_with_the_line(shell: Shell) -> None:
    (shell.directory / ".env").write_text("MCP_PORT=1\nsecret words\n")
    done = shell.app("connect", "codex")
    assert (done.code, done.out) == (1, "")
    assert ".env:2" in done.err
    assert "secret" not in done.err


def test_an_env_file_that_is_not_text_ends_the_command(shell: Shell) -> None:
    (shell.directory / ".env").write_bytes(b"\xff\xfe")
    assert shell.app("connect", "codex").code == 1


def test_prefixes_are_those_of_serve_and_none_where_they_are_wrong() -> None:
    assert prefixes({"MCP_PATH_PREFIX": "/first-prefix/, second-prefix/mcp"}) == ("first-prefix", "second-prefix")
    assert prefixes({"MCP_PATH_PREFIX": "not one"}) == prefixes({}) == ()


def test_what_is_secret_is_shown_on_a_terminal_alone() -> None:
    text = "http://x/abcdefgh-more/y/abcdefgh"
    assert shown(text, ("abcdefgh", "abcdefgh-more"), "***", terminal=False) == "http://x/***/y/***"
    assert shown(text, ("abcdefgh",), "***", terminal=True) == text
