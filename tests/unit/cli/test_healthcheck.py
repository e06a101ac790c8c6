"""`healthcheck`: where it asks, and its exit code."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.cli.healthcheck import host_name, listener
from tests.support.gateway import KEY, running_gateway, started_gateway
from tests.support.processes import eventually
from tests.unit.cli.conftest import Shell


def test_a_live_gateway_is_exit_code_0_and_silence(shell: Shell, front: str) -> None:
    done = shell.app("healthcheck", MCP_PORT=str(urlsplit(front).port))
    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_port_that_nobody_listens_on_is_exit_code_1_with_the_address(shell: Shell) -> None:
    done = shell.app("healthcheck", MCP_PORT="1")
    assert done.code == 1
    assert done.err.startswith("unhealthy: no answer at 127.0.0.1:1: ")


def test_a_port_that_is_no_number_is_exit_code_1(shell: Shell) -> None:
    assert shell.app("healthcheck", MCP_PORT="http").code == 1


def test_the_port_may_stand_in_the_env_file(shell: Shell, front: str) -> None:
    (shell.directory / ".env").write_text(f"# ours\nMCP_PORT={urlsplit(front).port}\n")
    assert shell.app("healthcheck").code == 0
    assert shell.app("healthcheck", MCP_PORT="1").code == 1, "the real environment wins"


@pytest.mark.parametrize(
    ("env", "where"),
    [
        ({}, ("127.0.0.1", 8080)),
        ({"MCP_HOST": "0.0.0.0"}, ("127.0.0.1", 8080)),
        ({"MCP_HOST": "::", "MCP_PORT": "9"}, ("::1", 9)),
        ({"MCP_HOST": "192.0.2.1"}, ("192.0.2.1", 8080)),
        ({"MCP_HOST": "", "MCP_PORT": " 81 "}, ("127.0.0.1", 81)),
    ],
)
def test_it_follows_host_and_port(env: dict[str, str], where: tuple[str, int]) -> None:
    assert listener(env) == where


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({}, "localhost"),
        ({"MCP_ALLOWED_HOSTS": "mcp.example.com:443, other.example"}, "mcp.example.com:443"),
        ({"MCP_ALLOWED_HOSTS": "*"}, "localhost"),
        ({"MCP_DISABLE_AUTH": "true", "MCP_HOST": "192.0.2.1"}, "localhost"),
    ],
)
def test_it_asks_under_a_name_that_is_served(env: dict[str, str], name: str) -> None:
    assert host_name(env) == name


def test_it_loads_no_library(shell: Shell) -> None:
    program = "import sys; from app.cli import main; main(['healthcheck']); print(*sys.modules)"
    loaded = set(shell.python(program, MCP_PORT="1").out.split())
    assert "http.client" in loaded
    assert not loaded & {"httpx", "msgspec", "rich", "litestar", "mcp", "asyncio"}


def test_where_host_names_are_checked_it_asks_by_one_that_is_served() -> None:
    with running_gateway(
        {"mcpServers": {}}, keys={KEY: "one"}, env={"MCP_ALLOWED_HOSTS": "gateway.test,127.0.0.1"}
    ) as gateway:
        shell = Shell(gateway.directory)
        for hosts in ("gateway.test", "gateway.test,127.0.0.1"):
            done = shell.app("healthcheck", MCP_PORT=str(gateway.port), MCP_HOST="127.0.0.1", MCP_ALLOWED_HOSTS=hosts)
            assert (done.code, done.err) == (0, "")


def test_between_two_containers_it_asks_on_their_socket_below_the_prefix(tmp_path: Path) -> None:
    own = {"GATEWAY_EDGE_SOCKET": str(tmp_path / "app.sock"), "MCP_PATH_PREFIX": "a-prefix-of-many-letters"}
    with started_gateway({"mcpServers": {}}, keys={KEY: "one"}, env=own) as gateway:
        shell = Shell(gateway.directory)
        eventually(lambda: shell.app("healthcheck", **own).code == 0, 20, "well")
        wrong = shell.app("healthcheck", **own | {"MCP_PATH_PREFIX": "another-prefix"})
        assert (wrong.code, wrong.err) == (1, f"unhealthy: {own['GATEWAY_EDGE_SOCKET']}: /health/live answers 404\n")
