"""The app as the worker gets it: read from the environment, or a clear reason why not."""

import gc
import json
from pathlib import Path
from typing import Any

import pytest

from app.gateway.sources import SourceError
from app.serve import asgi
from tests.unit.downstream.wire import Wire, scope

KEY = "sk-a-key-of-enough-length-0123456789"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with one server and one key, and nothing of this process kept for ever."""
    monkeypatch.chdir(tmp_path)
    for name in ("MCP_CONFIG_PATH", "MCP_API_KEYS_PATH", "MCP_DATA_DIR", "GATEWAY_HANDOVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MCP_API_KEYS", f"{KEY}:ann")
    monkeypatch.setattr(gc, "freeze", lambda: None)
    (tmp_path / "mcp_config.json").write_text(json.dumps({"mcpServers": {"a": {"command": "true"}}}))
    return tmp_path


def request(path: str, *headers: tuple[bytes, bytes]) -> Any:
    return scope(
        "GET", list(headers), path=path, raw_path=path.encode(), query_string=b"", scheme="http", http_version="1.1",
        root_path="", asgi={"version": "3.0"}, state={},
    )  # fmt: skip


async def test_it_is_made_from_the_environment_and_tells_browsers_what_they_may_read(folder: Path) -> None:
    app: Any = asgi.create_app()
    wire = Wire()
    await app(request("/mcp", (b"origin", b"http://localhost:3000")), wire.receive, wire.send)
    assert wire.status == 401
    assert wire.headers[b"access-control-allow-origin"] == b"http://localhost:3000"


async def test_it_answers_below_its_prefix_and_nowhere_else(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PATH_PREFIX", "a-prefix-of-many-letters-1")
    app: Any = asgi.create_app()
    for path, status in (
        ("/mcp", 404), ("/doctor", 404), ("/a-prefix-of-many-letters-1/mcp", 401),
        ("/a-prefix-of-many-letters-1/doctor", 404), ("/a-prefix-of-many-letters-1/x", 404),
    ):  # fmt: skip
        wire = Wire()
        await app(request(path), wire.receive, wire.send)
        assert wire.status == status, path


def test_without_a_config_it_is_not_made_and_both_paths_are_named(folder: Path) -> None:
    (folder / "mcp_config.json").unlink()
    with pytest.raises(SourceError, match=r"mcp_config\.json and config/mcp_config\.json"):
        asgi.create_app()


def test_a_wrong_variable_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_PORT", "many")
    with pytest.raises(SourceError, match="MCP_PORT="):
        asgi.create_app()


def test_a_server_with_a_fault_is_said_in_the_log_and_stops_nothing(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "mcp_config.json").write_text(json.dumps({"mcpServers": {"a": {"command": "true", "headres": {}}}}))
    asgi.create_app()
    assert any("headres" in record.getMessage() for record in caplog.records)
