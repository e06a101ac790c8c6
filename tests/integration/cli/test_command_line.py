"""The commands that ask a gateway, and the configs they print, against a real one."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.cli.connect import config_for
from tests.support.gateway import Gateway, clean_environment, running_gateway
from tests.support.programs import ROOT, module_of, python_of, workbench

KEY = "sk-command-line-0123456789abcdefghijkl"
NARROW = "sk-narrow-0123456789abcdefghijklmnopqrs"
PATIENCE = 60.0


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    keys = tmp_path_factory.mktemp("keys") / "keys.json"
    entries = {KEY: {"client_id": "wide"}, NARROW: {"client_id": "schmal é", "scopes": ["bench:whoami"]}}
    keys.write_text(json.dumps(entries))
    keys.chmod(0o600)
    servers = {"mcpServers": {"bench": workbench("bench")}}
    with running_gateway(servers, keys={}, env={"MCP_API_KEYS_PATH": str(keys)}) as running:
        running.wait_until_ready()
        yield running


def app(gateway: Gateway, *args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    """A command, run where the gateway was started."""
    return run([sys.executable, "-m", "app", *args], gateway.directory, **env)


def run(command: list[str], directory: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    whole = {**clean_environment(), **env}
    return subprocess.run(
        command, cwd=directory, env=whole, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def remote(gateway: Gateway, key: str = KEY) -> dict[str, str]:
    return {"MCP_ENDPOINT": gateway.endpoint, "MCP_API_KEY": key}


def listed(done: "subprocess.CompletedProcess[str]") -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def test_tools_are_the_same_through_the_endpoint_and_over_the_control_socket(gateway: Gateway) -> None:
    tools = listed(app(gateway, "tools", **remote(gateway)))
    assert "bench__whoami" in tools
    assert listed(app(gateway, "tools")) == tools
    assert listed(app(gateway, "tools", "--as", "wide")) == tools


def test_a_clients_view_is_taken_by_its_name_whatever_characters_that_has(gateway: Gateway) -> None:
    assert listed(app(gateway, "tools", "--as", "schmal é")) == ["bench__whoami"]
    assert listed(app(gateway, "tools", **remote(gateway, NARROW))) == ["bench__whoami"]


def test_a_client_that_does_not_exist_has_no_view(gateway: Gateway) -> None:
    done = app(gateway, "tools", "--as", "nobody")
    assert done.returncode == 1
    assert "--as" in done.stderr


def test_a_path_that_is_no_endpoint_is_told_with_the_status_and_what_the_gateway_says(gateway: Gateway) -> None:
    done = app(gateway, "tools", **{**remote(gateway), "MCP_ENDPOINT": gateway.endpoint + "x"})
    assert done.returncode == 1
    assert "HTTP 404, but not as an MCP server does: Not found" in done.stderr


@pytest.mark.parametrize("name", ["bench__whoami", "bench:whoami"])
def test_a_call_prints_what_the_tool_says(gateway: Gateway, name: str) -> None:
    done = app(gateway, "call", name, "{}", **remote(gateway))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bench ")


def test_a_tool_that_fails_is_exit_code_1(gateway: Gateway) -> None:
    done = app(gateway, "call", "bench__fail", **remote(gateway))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "it failed\n")


def test_a_servers_own_error_is_exit_code_1_with_its_words(gateway: Gateway) -> None:
    done = app(gateway, "call", "bench__error", **remote(gateway))
    assert done.returncode == 1
    assert "the workbench refuses" in done.stderr


def test_a_hidden_tool_is_answered_as_an_unknown_one_is(gateway: Gateway) -> None:
    hidden = app(gateway, "call", "bench__journal", **remote(gateway, NARROW))
    unknown = app(gateway, "call", "bench__nothing", **remote(gateway, NARROW))
    assert hidden.returncode == unknown.returncode == 1
    assert hidden.stderr.replace("bench__journal", "X") == unknown.stderr.replace("bench__nothing", "X")


def test_a_wrong_key_is_exit_code_1_and_appears_nowhere(gateway: Gateway) -> None:
    done = app(gateway, "tools", **remote(gateway, "sk-wrong-0123456789abcdefghijklmnopqr"))
    assert done.returncode == 1
    assert "MCP_API_KEY" in done.stderr
    assert "sk-wrong" not in done.stderr + gateway.log()


def test_healthcheck_follows_the_port(gateway: Gateway) -> None:
    assert app(gateway, "healthcheck", MCP_HOST="0.0.0.0", MCP_PORT=str(gateway.port)).returncode == 0


def test_the_python_program_that_connect_prints_lists_the_tools(gateway: Gateway, tmp_path: Path) -> None:
    program = tmp_path / "client.py"
    program.write_text(config_for("python", gateway.endpoint, KEY))
    assert "bench__whoami" in listed(run([sys.executable, str(program)], tmp_path))


def test_its_fastmcp_lines_list_the_tools(gateway: Gateway, tmp_path: Path) -> None:
    _, _, commented = config_for("python", gateway.endpoint, KEY).partition("pip install fastmcp\n")
    lines = [line.removeprefix("#").removeprefix("   ") for line in commented.splitlines()]
    indented = "\n".join(f"    {line}" for line in lines if "import" not in line)
    program = tmp_path / "client.py"
    program.write_text(
        f"import asyncio\nfrom fastmcp import Client\nasync def main():\n{indented}\nasyncio.run(main())\n"
    )
    done = run([python_of("client-fastmcp"), "-I", str(program)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "bench__whoami" in done.stdout


async def test_the_claude_desktop_config_works_as_claude_desktop_would_start_it(
    gateway: Gateway, tmp_path: Path
) -> None:
    entry = json.loads(config_for("claude-desktop", gateway.endpoint, KEY))["mcpServers"]["mcp-proxy"]
    assert entry["args"][:2] == ["-y", "mcp-remote"], "npx would fetch the program; here it is installed"
    child = await asyncio.create_subprocess_exec(
        "node",
        module_of("clients-npm", "mcp-remote/dist/proxy.js"),
        *entry["args"][2:],
        env={**os.environ, **entry["env"], "HOME": str(tmp_path), "MCP_REMOTE_CONFIG_DIR": str(tmp_path)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    about = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "desktop", "version": "1"}}
    messages = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": about},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "bench__whoami", "arguments": {}}},
    ]
    try:
        for message in messages:
            child.stdin.write(json.dumps(message).encode() + b"\n")
            if "id" in message:
                answer = json.loads(await asyncio.wait_for(child.stdout.readline(), PATIENCE))
                assert answer["id"] == message["id"]
        assert answer["result"]["content"][0]["text"].startswith("bench ")
    finally:
        child.terminate()
        await asyncio.wait_for(child.wait(), PATIENCE)


@pytest.mark.parametrize("page", ["README.md", "docs/clients.md"])
def test_every_shell_example_that_needs_a_gateway_works(gateway: Gateway, page: str) -> None:
    blocks = re.findall(r"^```sh gateway\n(.*?)^```$", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    assert blocks
    for block in blocks:
        command = block.replace("http://localhost:8080", gateway.url)
        done = run(["sh", "-eu", "-c", command], gateway.directory, KEY=KEY)
        assert done.returncode == 0, done.stderr
        assert "bench__whoami" in [tool["name"] for tool in json.loads(done.stdout)["result"]["tools"]]


def test_check_says_which_names_went_to_another_server(tmp_path: Path) -> None:
    servers = {name: {**workbench(name), "prefix": ""} for name in ("first", "second")}
    with running_gateway({"mcpServers": servers}) as gateway:
        gateway.wait_until_ready()
        assert listed(app(gateway, "tools"))
        checked = app(gateway, "check")
    assert checked.returncode == 0, checked.stdout
    assert re.search(r"warning: second: whoami is listed as whoami_[0-9a-f]{8}: first has whoami", checked.stdout)


def test_commands_on_this_machine_work_where_hosts_are_checked() -> None:
    hosts = {"MCP_ALLOWED_HOSTS": "mcp.example.com, 127.0.0.1"}
    with running_gateway({"mcpServers": {"bench": workbench("bench")}}, env=hosts) as gateway:
        gateway.wait_until_ready()
        assert "bench__whoami" in listed(app(gateway, "tools", **hosts))
        assert app(gateway, "doctor", **hosts).returncode == 0
        assert app(gateway, "healthcheck", MCP_PORT=str(gateway.port), **hosts).returncode == 0


def test_doctor_tells_of_servers_and_of_what_is_hidden_from_a_client(gateway: Gateway) -> None:
    done = app(gateway, "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("bench: ready since ")
    done = app(gateway, "doctor", "bench:mirror", "--as", "schmal é")
    assert done.returncode == 1
    assert done.stdout == 'bench__mirror is hidden: no scope of client "schmal é" allows it\n'
    assert app(gateway, "doctor", "bench__whoami", "--as", "schmal é").returncode == 0
    with httpx.Client() as outside:
        headers = {"Authorization": f"Bearer {KEY}"}
        for method in ("GET", "POST"):
            missing = outside.request(method, gateway.endpoint.removesuffix("/mcp") + "/doctor", headers=headers)
            nowhere = outside.request(method, gateway.endpoint.removesuffix("/mcp") + "/nowhere", headers=headers)
            assert (missing.status_code, missing.content) == (404, nowhere.content)
