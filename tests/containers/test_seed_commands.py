"""What people typed for the program we come from works unchanged, but for the name of the image."""

import json
from pathlib import Path

import pytest

from tests.containers.engine import IMAGE, Engine
from tests.containers.outside import (
    MEMORY,
    TIME,
    bench,
    call,
    get,
    port_for,
    tool_names,
    wait_until_ready,
    write_config,
)
from tests.support.processes import eventually

# The first test waits until the base image is made and built upon.
pytestmark = pytest.mark.timeout(600)

BASIC = (
    "docker run -d --name mcp-proxy -p 8080:8080 -v $(pwd)/mcp_config.json:/app/mcp_config.json:ro"
    ' -e MCP_API_KEYS="sk-abc123:client1,sk-xyz789:client2" mcp-proxy'
)
DATA = BASIC.replace(" -e MCP_API_KEYS", " -v $(pwd)/data:/data -e MCP_LIVE_RELOAD=true -e MCP_API_KEYS")
KEYS_FILE = (
    "docker run -d --name mcp-proxy -p 8080:8080 -v $(pwd)/mcp_config.json:/app/mcp_config.json:ro"
    " -v $(pwd)/api_keys.json:/data/api_keys.json:ro -e MCP_API_KEYS_PATH=/data/api_keys.json mcp-proxy"
)
COMPOSE = """\
version: '3.8'

services:
  mcp-proxy:
    image: mcp-proxy
    container_name: mcp-proxy
    restart: unless-stopped
    ports:
      - "8080:8080"
    volumes:
      - ./mcp_config.json:/app/mcp_config.json:ro
      - ./data:/data
    environment:
      - MCP_API_KEYS=sk-abc123:letta-cloud,sk-xyz789:local-dev
      - MCP_LIVE_RELOAD=true
      - MCP_PORT=8080
"""
HEALTH = 'curl -sf -H "Authorization: Bearer $API_KEY" http://localhost:8080/health'


def _published(text: str, port: int) -> str:
    """The command for a machine on which somebody else has port 8080."""
    return text.replace("8080:8080", f"{port}:8080").replace("localhost:8080", f"localhost:{port}")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write_config(tmp_path / "mcp_config.json", time=TIME, memory=MEMORY)
    return tmp_path


async def test_the_basic_command_serves_both_keys_and_docker_logs_show_calls_and_what_servers_write(
    podman: Engine, place: Path
) -> None:
    port = port_for(8080)
    podman.shell(_published(BASIC, port), place)
    wait_until_ready(port, "sk-abc123", "time", "memory")
    health = podman.shell(_published(HEALTH, port), place, API_KEY="sk-xyz789")
    assert json.loads(health)["servers"] == ["time", "memory"]
    assert {"time__get_current_time", "memory__read_graph"} <= set(await tool_names(port, "sk-abc123"))
    assert "UTC" in await call(port, "sk-xyz789", "time:get_current_time", {"timezone": "UTC"})
    assert get(port, "/health", "sk-wrong")[0] == 401
    told = podman.shell("docker logs mcp-proxy", place)
    assert "Knowledge Graph MCP Server running" in told
    assert "shorter than 32 characters" in told
    calls = [json.loads(line) for line in told.splitlines() if '"app.call"' in line and "get_current_time" in line]
    assert [line["client"] for line in calls] == ["client2"]
    assert "sk-" not in told


async def test_with_a_data_directory_that_docker_made_for_root_and_with_live_reload(
    podman: Engine, place: Path
) -> None:
    (place / "data").mkdir()
    write_config(place / "mcp_config.json", time=TIME)
    port = port_for(8080)
    podman.shell(_published(DATA, port), place)
    wait_until_ready(port, "sk-abc123", "time")
    assert "UTC" in await call(port, "sk-abc123", "time__get_current_time", {"timezone": "UTC"})
    # An edit in place arrives in a file that is mounted by itself.
    write_config(place / "mcp_config.json", bench=bench())
    wait_until_ready(port, "sk-abc123", "bench")


async def test_a_keys_file_mounted_into_the_data_directory(podman: Engine, place: Path) -> None:
    keys = {"sk-abc123": {"client_id": "letta", "scopes": ["bench"]}, "sk-xyz789": {"client_id": "local-dev"}}
    (place / "api_keys.json").write_text(json.dumps(keys))
    (place / "api_keys.json").chmod(0o644)
    write_config(place / "mcp_config.json", time={"command": "no-such-program"}, bench=bench())
    port = port_for(8080)
    podman.shell(_published(KEYS_FILE, port), place)
    wait_until_ready(port, "sk-abc123", "bench")
    assert all(name.startswith("bench__") for name in await tool_names(port, "sk-abc123"))


async def test_the_compose_file(podman: Engine, place: Path) -> None:
    write_config(place / "mcp_config.json", bench=bench())
    (place / "data").mkdir()
    port = port_for(8080)
    (place / "docker-compose.yml").write_text(_published(COMPOSE, port))
    podman.shell("docker compose up -d", place)
    wait_until_ready(port, "sk-xyz789", "bench")
    assert "workbench" in await call(port, "sk-abc123", "bench__whoami", {})
    podman.shell("docker compose down", place)
    assert podman.run("ps", "-a", "-q") == ""


async def test_a_single_mounted_file_that_is_replaced_is_said_loudly(podman: Engine, place: Path) -> None:
    write_config(place / "mcp_config.json")
    port = port_for(8080)
    podman.shell(_published(DATA.replace(" -v $(pwd)/data:/data", ""), port), place)
    eventually(lambda: get(port, "/health")[0] == 200, 20, "healthy")
    assert "edits by rename" in podman.logs("mcp-proxy")
    write_config(place / "new.json", time=TIME)
    (place / "new.json").replace(place / "mcp_config.json")
    eventually(lambda: "mount the directory instead" in podman.logs("mcp-proxy"), 10, "the mount is called stale")
    assert get(port, "/health", "sk-abc123")[1]["reload"]["config"]["state"] == "stale"


def test_the_image_of_the_commands_is_the_one_that_is_built() -> None:
    assert all(line.endswith(f" {IMAGE}") for line in (BASIC, DATA, KEYS_FILE))
