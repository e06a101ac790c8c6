"""The schema editors use: pinned to the file in config/, and no stricter or laxer than reading."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.config.compile import read_snapshot
from app.config.json_schema import config_schema
from app.config.snapshot import Snapshot

CONFIG = Path(__file__).parents[3] / "config"
VALIDATOR = jsonschema.Draft202012Validator(config_schema())


def test_the_file_in_config_is_what_the_command_prints() -> None:
    pinned = (CONFIG / "mcp_config.schema.json").read_text(encoding="utf-8")
    assert json.loads(pinned) == config_schema(), "write it anew: python -m app schema > config/mcp_config.schema.json"


def test_it_is_a_valid_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(config_schema())


@pytest.mark.parametrize(
    "entry",
    [
        {"command": "x"},
        {"command": "x", "args": ["a", 1, True], "env": {"A": 1, "B": None}, "cwd": "/"},
        {"url": "http://h", "headers": {"A": "b"}, "type": "streamableHttp"},
        {"serverUrl": "http://h"},
        {"httpUrl": "http://h", "timeout": 60, "pool": "one", "era": "legacy", "roots": True, "prefix": ""},
        {"command": "x", "tools": ["a"], "somethingElse": 1},
        {"command": "x", "tools": {"allow": ["a"], "deny": []}},
        {"command": "x", "timeout": "${T:-30}", "disabled": "${D:-false}", "pool": "${P:-one}"},
        {"disabled": True},
        {},
        {"command": 5},
        {"command": ""},
        {"command": "x", "args": "y"},
        {"command": "x", "args": [None]},
        {"command": "x", "env": {"A": []}},
        {"url": "http://h", "type": "htp"},
        {"command": "x", "timeout": 0},
        {"command": "x", "tools": "a"},
        {"command": "x", "roots": 1},
        {"command": "x", "pool": "many"},
        {"command": "x", "start": "lazy"},
        {"command": "x", "limits": {}},
    ],
)
def test_it_accepts_what_runs_and_refuses_what_is_disabled(entry: dict[str, Any]) -> None:
    config = {"mcpServers": {"a": entry}}
    snapshot = read_snapshot(json.dumps(config).encode(), "f.json", {})
    assert isinstance(snapshot, Snapshot)
    reads = bool(snapshot.servers) or snapshot.disabled[0].by_user
    assert VALIDATOR.is_valid(config) is reads


def test_a_file_needs_one_of_the_roots() -> None:
    assert VALIDATOR.is_valid({"servers": {}})
    assert not VALIDATOR.is_valid({"other": {}})
