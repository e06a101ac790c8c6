"""`docker compose up` from a clone: the main job through the containers, live edits of the mounted directory, a stop
that leaves nothing.
"""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.engine import Engine
from tests.containers.outside import (
    MEMORY,
    TIME,
    bench,
    call,
    get,
    port_for,
    states,
    tool_names,
    wait_until_ready,
    write_config,
)
from tests.interop.test_clients import run_program
from tests.support.processes import eventually
from tests.support.programs import python_of

# The first test waits until the base image is made and built upon.
pytestmark = pytest.mark.timeout(600)

KEY = "sk-of-the-containers-0123456789abcdef"
UP = "docker compose up -d"
DOWN = "docker compose down -v"
CLIENTS = Path(__file__).parents[1] / "interop/clients"


class Deployment:
    """A clone with a `.env` and a config, brought up; `port` is where clients connect."""

    def __init__(self, engine: Engine, clone: Path, port: int) -> None:
        self.engine, self.clone, self.port = engine, clone, port
        self.config = clone / "config/mcp_config.json"

    def processes(self, word: str) -> list[str]:
        """Those of the app's container that hold `word`: pid and command line."""
        told = self.engine.run("top", "mcp-proxy", "hpid", "args").splitlines()
        return sorted(line for line in told if word in line)


@pytest.fixture(scope="module")
def deployment(built: tuple[Engine, Path]) -> Iterator[Deployment]:
    engine, clone = built
    engine.remove_all()
    found = Deployment(engine, clone, port_for(8080))
    example = (clone / ".env.example").read_text()
    (clone / ".env").write_text(f"{example}\nMCP_API_KEYS={KEY}:visitor\nMCP_PORT={found.port}\n")
    write_config(found.config, time=TIME, memory=MEMORY, bench=bench())
    engine.shell(UP, clone)
    try:
        wait_until_ready(found.port, KEY, "time", "memory", "bench")
        yield found
    finally:
        engine.remove_all()


@pytest.mark.parametrize("mode", ["legacy", "auto"])
async def test_a_client_of_each_era_lists_and_uses_every_server(deployment: Deployment, mode: str) -> None:
    names = await tool_names(deployment.port, KEY, mode)
    assert {"time__get_current_time", "memory__read_graph", "bench__whoami"} <= set(names)
    told = await call(deployment.port, KEY, "time__get_current_time", {"timezone": "UTC"}, mode)
    assert "UTC" in told
    assert "entities" in await call(deployment.port, KEY, "memory:read_graph", {}, mode)
    assert "workbench" in await call(deployment.port, KEY, "bench__whoami", {}, mode)


async def test_a_client_that_nobody_here_wrote_does_the_main_job(deployment: Deployment) -> None:
    plan = {
        "calls": [["time__get_current_time", {"timezone": "UTC"}], ["bench__sized", {"label": "x", "size": 3}]],
        "prompts": [],
        "resources": ["workbench://shared"],
    }
    report = await run_program(
        [python_of("client-fastmcp"), str(CLIENTS / "fastmcp_client.py")],
        ENDPOINT=f"http://127.0.0.1:{deployment.port}/mcp",
        KEY=KEY,
        PLAN=json.dumps(plan),
    )
    assert "UTC" in report["calls"][0]
    assert report["calls"][1] == "x.."
    assert report["reads"] == ["workbench holds workbench://shared"]
    assert "bench__greet" in report["prompts"]


def test_whoever_has_no_key_sees_that_it_lives_and_nothing_else(deployment: Deployment) -> None:
    assert get(deployment.port, "/health") == (200, {"status": "healthy", "service": "mcp-proxy"})
    assert get(deployment.port, "/mcp")[0] == 401
    assert get(deployment.port, "/.git/config") == (404, {"error": "not_found", "error_description": "Not found"})


def test_both_containers_are_well_and_commands_work_inside(deployment: Deployment) -> None:
    names = deployment.engine.run("ps", "--format", "{{.Names}}").split()
    assert len(names) == 2
    for name in names:
        deployment.engine.run("exec", name, "python", "-m", "app", "healthcheck")
    told = deployment.engine.shell("docker exec mcp-proxy python -m app tools --as visitor", deployment.clone)
    assert "time__get_current_time" in told
    assert "ready" in deployment.engine.shell("docker exec mcp-proxy python -m app doctor", deployment.clone)


def test_docker_logs_show_calls_and_what_servers_write_and_no_secret(deployment: Deployment) -> None:
    asyncio.run(call(deployment.port, KEY, "bench__whoami", {}))
    told = deployment.engine.shell("docker logs mcp-proxy", deployment.clone)
    lines = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    calls = [line for line in lines if line["logger"] == "app.call" and line.get("tool") == "bench__whoami"]
    assert calls
    assert calls[0]["client"] == "visitor"
    assert any("Knowledge Graph MCP Server running" in line["message"] for line in lines)
    assert KEY not in told


def test_what_runs_is_uid_1000_on_a_root_that_cannot_be_written_without_any_capability(deployment: Deployment) -> None:
    probe = "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/1/status; touch /app/x 2>&1 || true"
    for name in deployment.engine.run("ps", "--format", "{{.Names}}").split():
        told = deployment.engine.run("exec", name, "sh", "-c", probe)
        assert told.split("\n", 1)[0] == "1000"
        assert told.count("0000000000000000") == 2
        assert "NoNewPrivs:\t1" in told
        assert "Read-only file system" in told


def in_place(path: Path, text: str) -> None:
    path.write_text(text)


def by_rename(path: Path, text: str) -> None:
    new = path.with_suffix(".tmp")
    new.write_text(text)
    new.replace(path)


def as_vim(path: Path, text: str) -> None:
    """`:w` with `backupcopy=no`: the file becomes the backup, and a new one takes its name."""
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text(text)
    backup.unlink()


def by_sed(path: Path, text: str) -> None:
    (path.parent / "wanted").write_text(text)
    subprocess.run(["sed", "-i", "-e", "1{r wanted", "-e", "d}", "-e", "2,$d", path.name], cwd=path.parent, check=True)
    (path.parent / "wanted").unlink()
    assert path.read_text().strip() == text.strip()


def by_git(path: Path, text: str) -> None:
    """A branch with the other text is checked out."""
    git = ["git", "-C", str(path.parent), "-c", "user.name=x", "-c", "user.email=x@example.com"]
    former = path.read_text()
    for command in (["init", "-q", "-b", "one"], ["add", path.name], ["commit", "-q", "-m", "one"]):
        subprocess.run([*git, *command], check=True)
    subprocess.run([*git, "checkout", "-q", "-b", "two"], check=True)
    path.write_text(text)
    subprocess.run([*git, "commit", "-q", "-am", "two"], check=True)
    subprocess.run([*git, "checkout", "-q", "one"], check=True)
    assert path.read_text() == former
    subprocess.run([*git, "checkout", "-q", "two"], check=True)


@pytest.mark.parametrize("edit", [in_place, by_rename, as_vim, by_sed, by_git])
def test_an_edit_of_the_mounted_directory_reaches_the_container(deployment: Deployment, edit: object) -> None:
    assert callable(edit)
    name = edit.__name__
    others = deployment.processes("mcp-server-time")
    assert others
    before = json.loads(deployment.config.read_text())["mcpServers"]
    wanted = {key: before[key] for key in ("time", "memory", "bench")} | {name: bench(WORKBENCH_NAME=name)}
    edit(deployment.config, json.dumps({"mcpServers": wanted}))
    expected = dict.fromkeys(wanted, "ready")
    eventually(lambda: states(deployment.port, KEY) == expected, 20, f"{name} arrives")
    assert name in asyncio.run(call(deployment.port, KEY, f"{name}__whoami", {}))
    assert deployment.processes("mcp-server-time") == others


def test_a_second_start_needs_no_download_and_a_stop_leaves_nothing(deployment: Deployment) -> None:
    engine, clone = deployment.engine, deployment.clone
    downloads = engine.logs("mcp-proxy").count("Downloading")
    assert downloads
    engine.shell("docker compose stop", clone)
    codes = engine.run("ps", "-a", "--format", "{{.ExitCode}}").split()
    assert codes == ["0", "0"]
    engine.shell("docker compose start", clone)
    wait_until_ready(deployment.port, KEY, "time", "memory", "bench", "by_git", seconds=30)
    assert engine.logs("mcp-proxy").count("Downloading") == downloads
    engine.shell(DOWN, clone)
    assert engine.run("ps", "-a", "-q") == ""
    assert engine.run("volume", "ls", "-q") == ""
    assert [name for name in engine.run("network", "ls", "--format", "{{.Name}}").split() if name != "podman"] == []
