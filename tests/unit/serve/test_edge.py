"""`python -m app nginx`: what it prints and writes for each variant, and what it says when it cannot."""

import stat
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Shell

PREFIX = "a-prefix-of-many-letters-1"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.mark.parametrize(
    ("variant", "env", "told"),
    [
        (
            "plain",
            {"MCP_HOST": "127.0.0.1", "MCP_PORT": "8081"},
            "listen 127.0.0.1:8081 so_keepalive=on default_server;",
        ),
        ("tunnel", {"MCP_TRUSTED_PROXIES": "172.30.0.2"}, "set_real_ip_from 172.30.0.2/32;"),
        (
            "tls",
            {"MCP_DOMAIN": "mcp.example.com"},
            "ssl_certificate /etc/letsencrypt/live/mcp.example.com/fullchain.pem;",
        ),
        # Longer than any stream: a renewal cuts none.
        ("tls", {"MCP_DOMAIN": "mcp.example.com"}, "worker_shutdown_timeout 86400s;"),
        ("plain", {"MCP_LIMIT_KEY": "7"}, "zone=key:10m rate=7r/s;"),
        ("plain", {"GATEWAY_EDGE_SOCKET": "/somewhere/app.sock"}, "server unix:/somewhere/app.sock"),
    ],
)
def test_each_variant_is_printed_from_the_environment(
    shell: Shell, variant: str, env: dict[str, str], told: str
) -> None:
    done = shell.app("nginx", variant, **env)
    assert done.code == 0
    assert told in done.out
    assert f"#### templates/{variant}.conf" in done.out


def test_a_prefix_is_masked_where_output_is_no_terminal_and_whole_in_the_file_for_our_eyes(shell: Shell) -> None:
    done = shell.app("nginx", MCP_PATH_PREFIX=PREFIX)
    assert "***" in done.out
    assert PREFIX not in done.out + done.err
    done = shell.app("nginx", "--output", "edge", MCP_PATH_PREFIX=PREFIX)
    assert (done.code, done.out) == (0, "")
    written = shell.directory / "edge" / "snippets" / "paths.conf"
    assert PREFIX in written.read_text()
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    assert stat.S_IMODE(written.parent.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("args", "env", "said"),
    [
        (["tls"], {}, "MCP_DOMAIN is not set"),
        (["plain", "--socket", "relative"], {}, "socket: not an absolute path"),
        (["plain", "--nginx-version", "new"], {}, "--nginx-version takes three numbers"),
        (["plain"], {"MCP_PATH_PREFIX": "bad prefix"}, "MCP_PATH_PREFIX="),
        (["plain"], {"MCP_HOST": "no-such-host.invalid"}, "MCP_HOST=no-such-host.invalid names no address"),
        (["plain", "--output", "/proc/nothing"], {}, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_exit_code_2_with_the_reason(
    shell: Shell, args: list[str], env: dict[str, str], said: str
) -> None:
    done = shell.process("nginx", *args, **env)
    assert done.code == 2, done
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_newer_nginx_gets_its_form_of_http2(shell: Shell) -> None:
    env = {"MCP_DOMAIN": "mcp.example.com"}
    assert "http2 on;" in shell.app("nginx", "tls", "--nginx-version", "1.30.0", **env).out
    assert "ssl http2" in shell.app("nginx", "tls", "--nginx-version", "1.22.1", **env).out
