"""The image: what is in it and what is not, who runs there, and what PID 1 does with the processes below it."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import BASE, IMAGE, Engine
from tests.containers.outside import MEMORY, TIME, bench, call, get, wait_until_ready, write_config
from tests.support.gateway import free_port
from tests.support.processes import eventually

# The first test waits until the base image is made and built upon.
pytestmark = pytest.mark.timeout(600)

KEY = "sk-of-the-containers-0123456789abcdef"
# Megabytes that we add to the base: Node, uv, nginx, Python and what is locked.
LARGEST = 400
HARDENED = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
STOPPED_WITHIN = 20


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder to mount as /app/config."""
    write_config(tmp_path / "mcp_config.json", bench=bench())
    tmp_path.chmod(0o755)
    return tmp_path


def run(podman: Engine, place: Path, *options: str) -> int:
    """Starts the gateway in a container called `gateway`; answers its port on this machine."""
    port = free_port()
    published = ["-p", f"{port}:8080", "-v", f"{place}:/app/config:ro", "-e", f"MCP_API_KEYS={KEY}:visitor"]
    podman.run("run", "-d", "--name", "gateway", *published, *options, IMAGE)
    return port


def running(podman: Engine, place: Path, *options: str, servers: tuple[str, ...] = ("bench",)) -> int:
    """The same, once these servers are ready."""
    port = run(podman, place, *options)
    try:
        wait_until_ready(port, KEY, *servers, seconds=60)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{podman.logs('gateway')[-4000:]}") from error
    return port


@pytest.fixture(scope="module")
def inside(built: tuple[Engine, Path]) -> Iterator[Engine]:
    """A container of the image that does nothing, to look around in."""
    engine, _ = built
    engine.remove_all()
    engine.run("run", "-d", "--name", "idle", IMAGE, "sleep", "600")
    yield engine
    engine.remove_all()


@pytest.mark.parametrize("program", ["node", "npm", "npx", "uv", "uvx", "python", "nginx", "setpriv"])
def test_what_servers_and_we_need_is_there(inside: Engine, program: str) -> None:
    told = inside.run(
        "exec", "idle", "sh", "-c", f"command -v {program} && {program} --version 2>&1 || {program} -v 2>&1"
    )
    assert told.startswith("/")


def test_it_runs_as_uid_1000_and_only_the_data_directory_is_its_own(inside: Engine) -> None:
    assert inside.run("exec", "idle", "id", "-u").strip() == "1000"
    inside.run("exec", "idle", "touch", "/data/x")
    for path in ("/app/x", "/app/app/x", "/etc/x", "/usr/local/bin/x"):
        assert "Permission denied" in inside.run("exec", "idle", "sh", "-c", f"touch {path} 2>&1 || true")


def test_nothing_of_a_checkout_but_the_program_is_in_it(inside: Engine) -> None:
    assert inside.run("exec", "idle", "ls", "-A", "/app").split() == [".venv", "app", "nginx"]
    assert "No module named pip" in inside.run("exec", "idle", "sh", "-c", "python -m pip 2>&1 || true")
    assert inside.run("exec", "idle", "find", "/app/app", "-name", "*.py", "-newer", "/nonexistent", check=False) == ""


def test_it_is_small(inside: Engine) -> None:
    sizes = [int(inside.run("image", "inspect", name, "--format", "{{.Size}}")) for name in (IMAGE, BASE)]
    assert (sizes[0] - sizes[1]) / 1e6 < LARGEST


def test_where_nobody_serves_it_is_unwell(inside: Engine) -> None:
    assert "unhealthy: no answer" in inside.run("exec", "idle", "sh", "-c", "python -m app healthcheck 2>&1 || true")


def test_docker_asks_after_its_health_by_our_own_command(podman: Engine, place: Path) -> None:
    found = json.loads(podman.run("image", "inspect", IMAGE))[0]
    assert found["Healthcheck"]["Test"] == ["CMD", "python", "-m", "app", "healthcheck"]
    running(podman, place)
    podman.run("healthcheck", "run", "gateway")


def test_nginx_is_in_front_unless_it_is_not_wanted(podman: Engine, place: Path) -> None:
    running(podman, place)
    assert "nginx: worker process" in podman.run("top", "gateway", "args")
    podman.remove_all()
    running(podman, place, "-e", "MCP_EDGE=no")
    assert "nginx" not in podman.run("top", "gateway", "args")


def test_on_a_root_that_cannot_be_written_without_capabilities_and_with_a_foreign_data_directory_every_server_starts(
    podman: Engine, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_config(place / "mcp_config.json", time=TIME, memory=MEMORY, bench=bench())
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o755)
    port = running(podman, place, *HARDENED, "-v", f"{data}:/data", servers=("time", "memory", "bench"))
    assert "UTC" in asyncio.run(call(port, KEY, "time__get_current_time", {"timezone": "UTC"}))
    assert "entities" in asyncio.run(call(port, KEY, "memory__read_graph", {}))
    told = podman.logs("gateway")
    assert "HOME=/data/home cannot be written by uid 1000" in told
    assert "MCP_DATA_DIR" in told
    assert list(data.iterdir()) == []


def test_pid_1_reaps_what_loses_its_parent_and_a_stop_is_in_order(podman: Engine, place: Path) -> None:
    port = running(podman, place)
    podman.run("exec", "gateway", "sh", "-c", "(sleep 1001 &) ; (sleep 0.1 &)")

    def sleepers() -> str:
        lines = podman.run("top", "gateway", "args", "state").splitlines()
        return "\n".join(line for line in lines if line.startswith("sleep"))

    eventually(lambda: not sleepers(), 10, "orphans and zombies are gone")
    assert get(port, "/health")[0] == 200
    began = time.monotonic()
    podman.run("stop", "-t", str(STOPPED_WITHIN), "gateway")
    assert time.monotonic() - began < STOPPED_WITHIN
    assert podman.run("inspect", "gateway", "--format", "{{.State.ExitCode}} {{.State.OOMKilled}}").split() == [
        "0",
        "false",
    ]


def test_a_stop_in_the_middle_of_the_start_is_heeded(podman: Engine, place: Path) -> None:
    run(podman, place)
    pid = podman.run("inspect", "gateway", "--format", "{{.State.Pid}}").strip()

    def can_be_told() -> int:
        caught = Path(f"/proc/{pid}/status").read_text().split("SigCgt:")[1].split()[0]
        return int(caught, 16) >> (signal.SIGTERM - 1) & 1

    eventually(can_be_told, 20, "PID 1 hears SIGTERM")
    began = time.monotonic()
    podman.run("stop", "-t", str(STOPPED_WITHIN), "gateway")
    assert time.monotonic() - began < STOPPED_WITHIN / 2
    assert podman.run("inspect", "gateway", "--format", "{{.State.ExitCode}}").strip() == "0"


def test_a_config_directory_that_uid_1000_may_not_enter_is_said(podman: Engine, place: Path) -> None:
    place.chmod(0o700)
    podman.run(
        "run", "--name", "gateway", "-v", f"{place}:/app/config:ro", "-e", f"MCP_API_KEYS={KEY}:x", IMAGE, check=False
    )
    assert "config/mcp_config.json: we run as uid 1000 and may not read it" in podman.logs("gateway")


def test_a_data_directory_that_uid_1000_may_not_enter_is_said(
    podman: Engine, place: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = tmp_path_factory.mktemp("data")
    data.chmod(0o700)
    run(podman, place, "-v", f"{data}:/data")
    assert podman.run("wait", "gateway").strip() != "0"
    assert "/data/api_keys.json: we run as uid 1000 and may not read it" in podman.logs("gateway")


def test_without_a_key_it_says_what_to_set_and_ends(podman: Engine, place: Path) -> None:
    podman.run("run", "--name", "gateway", "-v", f"{place}:/app/config:ro", IMAGE, check=False)
    assert podman.run("inspect", "gateway", "--format", "{{.State.ExitCode}}").strip() == "2"
    assert "MCP_API_KEYS" in podman.logs("gateway")
