"""The files behind settings, config and keys: where they are looked for, and what is said when they cannot be read."""

import os
from pathlib import Path

import pytest

from app.config.settings import Settings, load_settings
from app.config.snapshot import Notice
from app.gateway.sources import SourceError, find_config, read_config, read_environ, read_keys, read_settings, to_line

CONFIG = '{"mcpServers": {"a": {"command": "${CMD:-x}"}}}'
KEY = "k" * 40


@pytest.fixture(autouse=True)
def _directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(path: str, text: str, mode: int = 0o600) -> Path:
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def told(settings: Settings | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        read_keys(settings or Settings())
    return str(caught.value)


def test_the_real_environment_wins_over_the_dotenv_file() -> None:
    write(".env", "A=file\nB=file\n")
    assert read_environ({"A": "real"}) == {"A": "real", "B": "file"}


def test_no_dotenv_file_is_no_error() -> None:
    assert read_environ({"A": "real"}) == {"A": "real"}


@pytest.mark.parametrize("text", [b"A=1\nnonsense\n", b"\xff=1"])
def test_a_dotenv_file_that_cannot_be_read_stops_the_start(text: bytes) -> None:
    Path(".env").write_bytes(text)
    with pytest.raises(SourceError, match=r"\.env"):
        read_environ({})


def test_wrong_settings_are_told_all_at_once() -> None:
    with pytest.raises(SourceError) as caught:
        read_settings({"MCP_PORT": "x", "MCP_EDGE": "x"}, terminal=False)
    assert len(caught.value.notices) == 2
    assert read_settings({"MCP_PORT": "9"}, terminal=False)[0].port == 9


def test_the_first_default_that_exists_is_the_config() -> None:
    with pytest.raises(SourceError, match=r"mcp_config\.json and config/mcp_config\.json"):
        find_config(None)
    write("config/mcp_config.json", CONFIG)
    assert find_config(None) == Path("config/mcp_config.json")
    write("mcp_config.json", CONFIG)
    assert find_config(None) == Path("mcp_config.json")
    assert find_config("other.json") == Path("other.json")


def test_the_config_is_compiled_with_the_environment() -> None:
    write("mcp_config.json", CONFIG)
    assert read_config(Settings(), {"CMD": "y"}).servers[0].command == "y"


@pytest.mark.parametrize(
    ("path", "message"),
    [("none.json", "there is no such file"), (".", "is a directory (Docker makes one"), ("/dev/null", "not a regular")],
)
def test_a_config_that_is_no_readable_file_is_told_with_its_path(path: str, message: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_config(Settings(config_path=path), {})
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_a_pipe_is_not_waited_for() -> None:
    os.mkfifo("pipe")
    with pytest.raises(SourceError, match="not a regular file"):
        read_config(Settings(config_path="pipe"), {})


def test_unreadable_json_is_told_with_its_line() -> None:
    write("mcp_config.json", "{\n")
    with pytest.raises(SourceError, match=r"^mcp_config\.json:2: the file ends too early"):
        read_config(Settings(), {})


def test_a_file_of_megabytes_is_not_read() -> None:
    with Path("mcp_config.json").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    with pytest.raises(SourceError, match="larger than 16 MB"):
        read_config(Settings(), {})


def test_without_any_source_there_are_no_keys() -> None:
    keyring, notices = read_keys(Settings())
    assert len(keyring) == 0
    assert notices == ()


def test_the_keys_file_in_the_data_directory_is_found_by_itself() -> None:
    write("data/api_keys.json", f'{{"{KEY}": {{"client_id": "a"}}}}')
    keyring, notices = read_keys(Settings(api_keys=f"{KEY}2:b"))
    assert keyring.clients == ("b", "a")
    assert notices == ()


def test_a_keys_file_that_is_named_must_be_there() -> None:
    assert told(Settings(api_keys_path="keys.json")) == "keys.json: there is no such file"


def test_a_world_readable_keys_file_is_warned_about_and_read() -> None:
    write("data/api_keys.json", f'{{"{KEY}": {{"client_id": "a"}}}}', 0o644)
    keyring, notices = read_keys(Settings())
    assert len(keyring) == 1
    assert "everyone on this machine can read the keys" in to_line(notices[0])


def test_every_bad_entry_of_both_sources_is_told() -> None:
    write("data/api_keys.json", '{"short": {}}')
    lines = told(Settings(api_keys="x:y")).splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("MCP_API_KEYS entry 1: ")
    assert lines[1].startswith("./data/api_keys.json:1 entry 1: ") or lines[1].startswith(
        "data/api_keys.json:1 entry 1: "
    )


def test_a_file_we_may_not_read_is_told_with_our_uid() -> None:
    write("keys.json", "{}", 0o000)
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    before = os.geteuid()
    os.seteuid(uid)
    try:
        message = told(Settings(api_keys_path="keys.json"))
    finally:
        os.seteuid(before)
    assert message == f"keys.json: we run as uid {uid} and may not read it (chown {uid} keys.json, or chmod)"


def test_a_notice_is_one_line_without_its_empty_parts() -> None:
    assert to_line(Notice("f:1", "a.b", "is odd", "try this")) == "f:1: a.b: is odd (try this)"
    assert to_line(Notice("", "", "is odd")) == "is odd"


def test_settings_and_keys_agree_on_where_the_file_is() -> None:
    settings, _ = load_settings({"MCP_DATA_DIR": "elsewhere"}, terminal=False)
    write("elsewhere/api_keys.json", f'{{"{KEY}": {{"client_id": "a"}}}}')
    assert len(read_keys(settings)[0]) == 1
