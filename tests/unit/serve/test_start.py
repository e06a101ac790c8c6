"""Everything is opened and checked before anything runs, and closed again when one thing fails."""

import os
import socket
import tempfile
from pathlib import Path

import pytest

from app.config.settings import Settings
from app.serve import logs, nginx, start
from app.serve.errors import StartError
from app.serve.handover import Handover
from app.serve.start import Start, read_settings
from tests.support.gateway import free_port


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("MCP_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    return tmp_path


def _ready(here: Path) -> None:
    (here / "mcp_config.json").write_text("{}")
    (here / ".env").write_text("MCP_API_KEYS=from-the-file:x\nMCP_PORT=1234\n")


def _settings(**more: object) -> Settings:
    return Settings(**{"host": "127.0.0.1", "port": free_port(), "edge": "no", **more})  # type: ignore[arg-type] # a test


def test_the_environment_wins_over_the_file_and_both_are_handed_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(here)
    monkeypatch.setenv("MCP_PORT", "4321")
    settings, env = read_settings()
    assert (settings.port, settings.api_keys) == (4321, "from-the-file:x")
    assert env["MCP_API_KEYS"] == "from-the-file:x"


def test_a_dotenv_that_cannot_be_read_is_an_error_by_its_name(here: Path) -> None:
    (here / ".env").write_text("nonsense\n")
    with pytest.raises(StartError, match=r"\.env"):
        read_settings()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"MCP_CONFIG_PATH": ""}, "neither mcp_config.json nor config/mcp_config.json"),
        ({"MCP_CONFIG_PATH": "x.json"}, "no config file x.json"),
        ({"MCP_API_KEYS_PATH": "k.json"}, "no keys file k.json"),
        ({"MCP_PORT": "x"}, "MCP_PORT"),
    ],
)
def test_what_is_missing_is_named(env: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(StartError, match=said):
        read_settings()


def test_a_keys_file_in_its_default_place_is_enough(here: Path) -> None:
    (here / "mcp_config.json").write_text("{}")
    (here / "data").mkdir()
    (here / "data" / "api_keys.json").write_text("{}")
    assert read_settings()[0].api_keys == ""


def test_directly_the_app_serves_the_port_and_the_control_socket(here: Path) -> None:
    settings = _settings()
    with Start(settings, {}) as prepared:
        handover = Handover.from_env(prepared.app._env)
        assert len(handover.fds) == 2
        assert (handover.edge_socket, prepared.nginx) == ("", None)
        assert handover.control_socket == str(here / "data" / "control.sock")
        socket.create_connection((settings.host, settings.port), 5).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((settings.host, settings.port), 5)
    assert not (here / "data" / "control.sock").exists()


def test_behind_nginx_the_app_serves_a_unix_socket_instead() -> None:
    with Start(_settings(edge="yes"), {}) as prepared:
        handover = Handover.from_env(prepared.app._env)
        runtime = Path(handover.edge_socket).parent
        assert len(handover.fds) == 2
        assert prepared.nginx
        assert prepared.nginx.lines is not None
        assert Path(handover.edge_socket).is_socket()
    assert not runtime.exists()


def test_without_nginx_auto_serves_directly_and_yes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nginx, "find", lambda: None)
    with Start(_settings(edge="auto"), {}) as prepared:
        assert prepared.nginx is None
    settings = _settings(edge="yes")
    with pytest.raises(StartError, match="MCP_EDGE=yes"):
        Start(settings, {})
    socket.create_server((settings.host, settings.port)).close()


def test_a_failure_leaves_nothing_open_behind(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> list[str]:
        raise StartError("no")

    monkeypatch.setattr(nginx, "configure", refuse)
    monkeypatch.setattr(start.sockets.tempfile, "gettempdir", lambda: str(here))
    settings = _settings(edge="yes")
    with pytest.raises(StartError):
        Start(settings, {})
    socket.create_server((settings.host, settings.port)).close()
    assert [path.name for path in here.rglob("*")] == ["data"]


def test_servers_get_a_home_that_can_be_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _ready(here)
    monkeypatch.setenv("HOME", str(here / ".env" / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(here))
    _, env = read_settings()
    assert os.access(env["HOME"], os.W_OK)
    assert "HOME=" in caplog.text


def test_a_config_that_we_may_not_read_is_not_called_missing(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ready(here)
    real = os.stat

    def refusing(path: object, **more: object) -> object:
        if str(path) == "mcp_config.json":
            raise PermissionError(13, "Permission denied")
        return real(path, **more)  # type: ignore[call-overload] # a test

    monkeypatch.setattr(os, "stat", refusing)
    with pytest.raises(StartError, match=rf"mcp_config.json: we run as uid {os.geteuid()} and may not read it"):
        read_settings()
