"""What scripts/run says once the gateway serves: endpoint, servers as they come up, key, configs to paste.

Runs beside the launcher, asks over the control socket, and ends with it or when nothing is left to say. The standard
library only, and it changes nothing: without it the gateway serves just the same.
"""

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import cast

from app.cli.connect import CLIENTS, NO_KEY, config_for
from app.cli.show import printable

POLL = 0.1
# The configs come after the servers that are quick; who is slower is reported below them.
SERVERS_FIRST = 3.0
# A first start may download for 120 s (`startup_timeout`); who needs longer is in the log and in /health.
LAST_WORD = 150.0
ASK_TIMEOUT = 5.0
UNSETTLED = frozenset({"", "starting"})
UNKNOWN = "the log says which are up, and so does /health with a key"
SETTLED = frozenset({"ready", "degraded", "stopped", "failed", "disabled"})
LISTED = frozenset({"ready", "degraded", "stopped"})
IN_WORDS = {
    "backoff": "not up yet, trying again",
    "failed": "not up, tried once a minute",
    "stopped": "idle, starts with its first call",
}
# Printed whole, each with the place it belongs to; of the others one line says how to get them.
PLACES = {
    "claude-code": "Claude Code: .mcp.json in a project",
    "cursor": "Cursor: ~/.cursor/mcp.json",
    "vscode": "VS Code: .vscode/mcp.json in a workspace",
    "claude-desktop": "Claude Desktop: claude_desktop_config.json (Settings > Developer > Edit Config)",
    "letta": "Letta: the body of POST /v1/mcp-servers/",
    "codex": "Codex: ~/.codex/config.toml",
}
Details = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Greeting:
    """What is known before the gateway serves."""

    url: str
    """What clients are given; ends in `/mcp`."""
    control: Path
    """The control socket."""
    key: str = field(default=NO_KEY, repr=False)
    """What goes into the configs: the key where it may be shown."""
    listener: tuple[str, int] = ("127.0.0.1", 8080)
    """Where clients of this machine connect."""
    about_key: str = ""
    """A sentence or two on where the key is, or how to get one."""


@dataclass
class Watch:
    """What was said of each server so far."""

    told: dict[str, str] = field(default_factory=dict[str, str])

    def news(self, details: Details) -> Iterator[str]:
        """A line for each server whose state is new and is one to tell."""
        for name, detail in details.items():
            state = str(detail.get("state", ""))
            if state in UNSETTLED or self.told.get(name) == state:
                continue
            self.told[name] = state
            yield f"  {printable(name)}: {_described(state, detail)}"

    def settled(self, details: Details) -> bool:
        """Whether every server is up, or is one that will not come."""
        return all(self.told.get(name) in SETTLED for name in details)


def announce(words: Greeting, launcher: int) -> None:
    """Says everything in its time; returns when all is said or process `launcher` is gone."""
    began = time.monotonic()
    while not is_up(words.control):
        if not _lives(launcher):
            return
        if not words.control.exists() and _answers(words.listener) and not words.control.exists():
            # The data directory cannot be written to: the log has said so. Looked at twice: it may have come while the
            # listener's answer was waited for.
            print(f"\nMCP endpoint: {words.url}\nServers: {UNKNOWN}\n{closing(words)}", flush=True)
            return
        time.sleep(POLL)
    print(f"\nMCP endpoint: {words.url}\nServers:", flush=True)
    watch = Watch()
    configs_due = time.monotonic() + SERVERS_FIRST
    said = False
    while _lives(launcher):
        details = ask_details(words.control)
        for line in watch.news(details or {}):
            print(line, flush=True)
        settled = details is not None and watch.settled(details)
        if not said and (settled or time.monotonic() >= configs_due):
            print(closing(words), flush=True)
            said = True
        if said and (settled or time.monotonic() - began > LAST_WORD):
            return
        time.sleep(POLL)


def closing(words: Greeting) -> str:
    """Configs to paste, and a word on the key."""
    places: dict[str, list[str]] = {}
    for client, place in PLACES.items():
        places.setdefault(config_for(client, words.url, words.key), []).append(place)
    parts = [""]
    for config, found in places.items():
        parts += [*(f"--- {place}" for place in found), config, ""]
    names = "|".join(CLIENTS)
    parts.append(f"More on each, and Python code: .venv/bin/python -m app connect {names}")
    parts.append(f"{words.about_key}\nCtrl-C ends everything.")
    return "\n".join(parts)


def is_up(control: Path) -> bool:
    """Whether the gateway answers on its control socket."""
    return _get(control, "/health/live") is not None


def ask_details(control: Path) -> Details | None:
    """`details` of `/health`, by server; None where there is no answer."""
    body = _get(control, "/health")
    with suppress(ValueError):
        answer: object = json.loads(body or b"")
        if isinstance(answer, dict):
            details = cast(dict[str, object], answer).get("details")
            return cast(Details, details) if isinstance(details, dict) else {}
    return None


def _answers(listener: tuple[str, int]) -> bool:
    """Whether whatever listens there speaks HTTP by now."""
    connection = HTTPConnection(*listener, timeout=ASK_TIMEOUT)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status < 500
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _get(control: Path, path: str) -> bytes | None:
    connection = HTTPConnection("localhost", timeout=ASK_TIMEOUT)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(ASK_TIMEOUT)
            wire.connect(str(control))
            connection.sock = wire
            connection.request("GET", path, headers={"Connection": "close"})
            response = connection.getresponse()
            return response.read() if response.status == 200 else None
    except (OSError, HTTPException):
        return None


def _described(state: str, detail: Mapping[str, object]) -> str:
    tools = detail.get("tools")
    count = f", {tools} tool{'' if tools == 1 else 's'}" if isinstance(tools, int) and state in LISTED else ""
    reason = str(detail.get("reason") or detail.get("fault") or "")
    return printable(f"{IN_WORDS.get(state, state)}{count}{f': {reason}' if reason else ''}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
