"""One config with every kind of server that people run, and what a client has to be able to do with each.

All of them are real: the official servers as published, and servers written with either generation of the SDK.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.programs import SERVERS, listening, official, program_of, python_of

KEY = "key-of-the-visitor-0123456789abcdef"

Json = dict[str, Any]
# What server-everything lists over any transport; where it is listed thrice, the first in the config owns the URI.
DEMO = "demo://resource/static/document/architecture.md"


@dataclass
class Plan:
    """What every client does: calls, prompts and resources, and a word that each answer must hold."""

    calls: list[tuple[str, Json, str]] = field(default_factory=list)
    prompts: list[tuple[str, Json, str]] = field(default_factory=list)
    resources: list[tuple[str, str]] = field(default_factory=list)

    def as_json(self) -> Json:
        return {
            "calls": [[name, arguments] for name, arguments, _ in self.calls],
            "prompts": [[name, arguments] for name, arguments, _ in self.prompts],
            "resources": [uri for uri, _ in self.resources],
        }


@dataclass
class House:
    """The config, the plan, and a folder with a file `greeting.txt` that the filesystem server may read."""

    config: Json
    plan: Plan
    folder: Path


@contextmanager
def built(place: Path) -> Iterator[House]:
    """Starts the HTTP servers and writes the config; the gateway starts the stdio ones."""
    folder, repository = place / "folder", place / "repository"
    folder.mkdir()
    (folder / "greeting.txt").write_text("good morning from the folder")
    subprocess.run(["git", "init", "-q", str(repository)], check=True)
    (repository / "untracked.txt").write_text("new")
    preload = str(SERVERS / "loopback.cjs")
    with (
        listening(
            ["node", "-r", preload, official("everything"), "sse"],
            ["node", "-r", preload, official("everything"), "streamableHttp"],
            [sys.executable, str(SERVERS / "sdk2_server.py")],
            [python_of("sdk1"), str(SERVERS / "sdk1_server.py"), "sse"],
            [python_of("sdk1"), str(SERVERS / "sdk1_server.py"), "http"],
            environment={"PORT": "0"},
        ) as ports,
    ):
        every_sse, every_http, sdk2, sdk1_sse, sdk1_http = (f"http://127.0.0.1:{port}" for port in ports)
        servers = {
            "time": {"command": program_of("servers-py", "mcp-server-time")},
            "git": {
                "command": program_of("servers-py", "mcp-server-git"),
                "args": ["--repository", str(repository)],
            },
            "filesystem": {"command": "node", "args": [official("filesystem"), str(folder)]},
            "memory": {
                "command": "node",
                "args": [official("memory")],
                "env": {"MEMORY_FILE_PATH": str(place / "memory.jsonl")},
            },
            "everything": {"command": "node", "args": [official("everything")]},
            "everything-sse": {"type": "sse", "url": f"{every_sse}/sse"},
            "everything-http": {"type": "http", "url": f"{every_http}/mcp"},
            "sdk2": {"url": f"{sdk2}/mcp"},
            "sdk1-sse": {"url": f"{sdk1_sse}/sse"},
            "sdk1-http": {"url": f"{sdk1_http}/mcp"},
        }
        yield House({"mcpServers": servers}, plan_for(folder, repository), folder)


def plan_for(folder: Path, repository: Path) -> Plan:
    greeting = {"path": str(folder / "greeting.txt")}
    return Plan(
        calls=[
            ("time__get_current_time", {"timezone": "UTC"}, "UTC"),
            ("git__git_status", {"repo_path": str(repository)}, "untracked.txt"),
            # The alias `git:status` finds `git_status`, and `filesystem:read_file` is `filesystem__read_file`.
            ("git:status", {"repo_path": str(repository)}, "untracked.txt"),
            ("filesystem__read_file", greeting, "good morning from the folder"),
            ("filesystem:read_file", greeting, "good morning from the folder"),
            ("memory__read_graph", {}, "entities"),
            ("everything__echo", {"message": "over stdio"}, "over stdio"),
            ("everything-sse__echo", {"message": "over sse"}, "over sse"),
            ("everything-http__echo", {"message": "over http"}, "over http"),
            ("sdk2__add", {"a": 2, "b": 3}, "5"),
            ("sdk1-sse__multiply", {"a": 2, "b": 3}, "6"),
            ("sdk1-http__multiply", {"a": 4, "b": 5}, "20"),
        ],
        prompts=[
            ("everything__simple-prompt", {}, "simple prompt"),
            ("everything-sse__args-prompt", {"city": "Oslo"}, "Oslo"),
            ("sdk2__sdk2_greeting", {"name": "Ada"}, "Ada"),
            ("sdk1-sse__sdk1_greeting", {"name": "Bob"}, "Bob"),
            ("sdk1-http__sdk1_greeting", {"name": "Cyd"}, "Cyd"),
        ],
        resources=[
            (DEMO, "Architecture"),
            ("sdk2://facts", "sdk2 facts"),
            ("sdk2://square/7", "49"),
            ("sdk1://sse/facts", "over sse"),
            ("sdk1://http/facts", "over http"),
            ("sdk1://http/cube/3", "27"),
        ],
    )
