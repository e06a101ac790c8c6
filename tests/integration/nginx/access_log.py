"""The access log of a running gateway, as a reader of it sees it."""

import json
from typing import Any

from tests.support.gateway import Gateway
from tests.support.processes import eventually


def lines_of(gateway: Gateway) -> list[dict[str, Any]]:
    """Its access lines until now; every line of the whole log is one JSON object."""
    raw = (gateway.directory / "log").read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1].split(b"\n")[:-1]
    found = [json.loads(line.decode("utf-8", "strict")) for line in whole]
    assert all(isinstance(line, dict) for line in found)
    return [line for line in found if line["logger"] == "nginx.access"]


def line_of(gateway: Gateway, agent: str) -> dict[str, Any]:
    """The line of the one request that came with this User-Agent."""
    [line] = eventually(lambda: [line for line in lines_of(gateway) if line["user_agent"] == agent], what=agent)
    return line
