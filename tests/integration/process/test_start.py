"""What `serve` says when it cannot start, how it ends then, and what a running one looks like from outside."""

import json
import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

from tests.support.gateway import STARTED_WITHIN, Gateway, running_gateway, started_gateway
from tests.support.processes import rss_of
from tests.support.wire import Wire

BARE = "tests.support.bare_app:create_app"
EMPTY = {"mcpServers": {}}
KEYS = {"sk-secret-of-the-first-client": "first"}


def _ended(gateway: Gateway) -> tuple[int, list[str]]:
    """Exit code and the messages of its log, each of which must be one JSON object."""
    code = gateway.process.wait(STARTED_WITHIN)
    lines = [json.loads(line) for line in gateway.log().splitlines()]
    return code, [line["message"] for line in lines if line["level"] == "ERROR"]


def test_a_port_in_use_is_named_with_the_variable_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for edge in (False, True):
            with started_gateway(EMPTY, edge=edge, app=BARE, env={"MCP_PORT": str(port)}) as gateway:
                code, said = _ended(gateway)
                assert code == 2
                (line,) = said
                assert line.startswith(
                    f"cannot listen on 127.0.0.1:{port} (MCP_HOST, MCP_PORT): it is in use: set MCP_"
                )


def test_without_a_key_the_start_names_the_variables_and_makes_none() -> None:
    with started_gateway(EMPTY, keys={}) as gateway:
        code, (said,) = _ended(gateway)
        assert code == 2
        assert all(name in said for name in ("MCP_API_KEYS", "MCP_API_KEYS_PATH", "MCP_DISABLE_AUTH", "keys new"))
        assert not list(gateway.directory.glob("**/*key*"))


def test_without_a_config_the_start_names_both_paths() -> None:
    with started_gateway(EMPTY, keys=KEYS, env={"MCP_CONFIG_PATH": "elsewhere.json"}) as gateway:
        assert _ended(gateway) == (2, ["there is no config file elsewhere.json: set MCP_CONFIG_PATH to yours"])


def test_every_setting_that_does_not_parse_is_named_at_once_and_no_secret_with_them() -> None:
    wrong = {"MCP_PORT": "high", "MCP_EDGE": "maybe", "MCP_LOG_LEVEL": "LOUD"}
    with started_gateway(EMPTY, keys=KEYS, env=wrong) as gateway:
        code, said = _ended(gateway)
        assert code == 2
        assert len(said) == 3
        assert all(any(name in line for line in said) for name in wrong)
        assert "sk-secret" not in gateway.log()


def test_an_app_that_cannot_start_ends_the_launcher_with_gunicorns_code() -> None:
    with started_gateway(EMPTY, edge=True, app="tests.support.bare_app:create_broken_app") as gateway:
        assert gateway.process.wait(STARTED_WITHIN) == 3
        lines = [json.loads(line) for line in gateway.log().splitlines()]
        assert [line["message"] for line in lines if "this app never works" in line.get("error", "")] == [
            "the app cannot be built"
        ]


def test_an_app_that_refuses_its_configuration_says_so_in_its_own_lines_alone() -> None:
    with started_gateway(EMPTY, app="tests.support.bare_app:create_refused_app") as gateway:
        code, said = _ended(gateway)
        assert code == 3
        assert said[:2] == ["the first problem", "the second problem"]
        assert "Traceback" not in gateway.log()


def test_an_nginx_that_does_not_run_is_named_with_the_way_out(tmp_path: Path) -> None:
    broken = tmp_path / "nginx"
    broken.write_text("#!/bin/sh\necho 'nginx: [emerg] it is broken' >&2\nexit 1\n")
    broken.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    with started_gateway(EMPTY, edge=True, app=BARE, env={"PATH": path}) as gateway:
        said = "nginx refuses our configuration: it is broken; MCP_EDGE=no goes without it"
        assert _ended(gateway) == (2, [said])
    assert not list(tmp_path.glob("data/*"))


def test_no_secret_is_in_a_command_line_or_in_the_log() -> None:
    with running_gateway(EMPTY, keys=KEYS, edge=True, app=BARE, env={"MCP_LOG_LEVEL": "DEBUG"}) as gateway:
        assert not [seen for seen in gateway.tree() if "sk-secret" in seen.command]
        environment = Path(f"/proc/{gateway.nginx().pid}/environ").read_bytes()
        assert b"sk-secret" not in environment
        gateway.stop()
        assert "sk-secret" not in gateway.log()


def test_arbiter_and_worker_show_gunicorn_in_their_command_lines() -> None:
    with running_gateway(EMPTY, app=BARE) as gateway:
        found = subprocess.run(["pgrep", "-f", "gunicorn"], capture_output=True, text=True, check=True).stdout.split()
        assert {str(gateway.arbiter().pid), str(gateway.worker().pid)} <= set(found)


def test_the_control_socket_is_for_our_own_user_alone_and_goes_with_the_gateway() -> None:
    with running_gateway(EMPTY, keys=KEYS, edge=True, app=BARE) as gateway:
        path = gateway.control_socket
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(path))
            client.sendall(b"GET /servers/headers/mcp HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: client.recv(65536), b""))
        shown = json.loads(answer.split(b"\r\n\r\n", 1)[1])
        assert (shown["server"], shown["client"]) == ([str(path), None], None)
        gateway.stop()
        assert not path.exists()


def test_a_data_directory_that_cannot_be_written_is_a_warning() -> None:
    with running_gateway(EMPTY, app=BARE, env={"MCP_DATA_DIR": "/proc/nothing"}) as gateway:
        assert "no control socket (MCP_DATA_DIR)" in gateway.log()
        assert "MCP_DATA_DIR=/proc/nothing cannot be written" in gateway.log()


def test_servers_find_the_programs_of_our_own_environment_after_those_of_the_machine() -> None:
    with running_gateway(EMPTY, app=BARE, env={"PATH": "/usr/bin:/bin"}) as gateway:
        environment = Path(f"/proc/{gateway.worker().pid}/environ").read_text().split("\0")
    assert f"PATH=/usr/bin:/bin:{sys.prefix}/bin:{sys.prefix}/node" in environment


def test_launcher_and_arbiter_load_no_framework_and_stay_small() -> None:
    with running_gateway(EMPTY, app=BARE) as gateway:
        for process, most in ((gateway.pid, 24_000), (gateway.arbiter().pid, 42_000)):
            maps = Path(f"/proc/{process}/maps").read_text()
            assert not [name for name in ("msgspec", "httptools/parser") if name in maps and process == gateway.pid]
            assert rss_of(process) < most


async def test_an_offer_of_http_2_is_declined_and_the_body_arrives() -> None:
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__")]
    body = b"Connection: upgrade\r\nconnection: Upgrade\r\n"
    with running_gateway(EMPTY, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            for headers in (offer, [], offer):
                answer = await wire.request("POST", "/servers/count/mcp", headers, body)
                assert (answer.status, answer.body) == (200, str(len(body)).encode())


async def test_without_nginx_too_what_is_no_http_is_answered_in_json() -> None:
    with running_gateway(EMPTY, app=BARE) as gateway:
        async with await Wire.connect(gateway.host, gateway.port) as wire:
            await wire.send(b"\x00garbage\r\n\r\n")
            answer = await wire.head()
            answer.body = b"".join([piece async for piece in wire.pieces()])
            assert (answer.status, answer.json()["error"]) == (400, "invalid_request")


def test_every_line_is_one_json_object_whatever_the_level_and_every_event_is_one_line() -> None:
    loud = {"MCP_LOG_LEVEL": "DEBUG", "MCP_LOG_LEVELS": "gunicorn:DEBUG,uvicorn:DEBUG"}
    with running_gateway(EMPTY, edge=True, app=BARE, env=loud) as gateway:
        gateway.get("/servers/headers/mcp")
        gateway.stop()
        seen = [json.loads(line) for line in gateway.log().splitlines() if line != "lifespan over"]
        messages = [line["message"] for line in seen]
        assert {"gunicorn.error", "uvicorn.error", "app.serve"} <= {line["logger"] for line in seen}
        for once in ("Starting gunicorn 27.0.1", "Application startup complete.", "stopping"):
            assert messages.count(once) == 1
        assert not [message for message in messages if "GET /servers/headers/mcp" in message]
