"""When two specs are the same server."""

from typing import Any

import msgspec
import pytest

from app.config.identity import fingerprint, identity
from app.config.snapshot import ServerSpec, ToolFilter

SPEC = ServerSpec("a", "a", "stdio", "a", command="x", env={"A": "1", "B": "2"})


@pytest.mark.parametrize(
    "change",
    [
        {"command": "y"},
        {"args": ("z",)},
        {"env": {"A": "2", "B": "2"}},
        {"cwd": "/"},
        {"kind": "http"},
        {"url": "http://x"},
        {"headers": {"A": "1"}},
        {"pool": "one"},
        {"roots": True},
        {"era": "mirror"},
    ],
)
def test_what_a_connection_depends_on_changes_it(change: dict[str, Any]) -> None:
    assert identity(msgspec.structs.replace(SPEC, **change)) != identity(SPEC)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "b", "label": "b"},
        {"prefix": ""},
        {"tools": ToolFilter(("x",))},
        {"timeout": 1.0, "max_timeout": 2.0, "startup_timeout": 3.0},
        {"env": {"B": "2", "A": "1"}},
    ],
)
def test_what_it_does_not_depend_on_keeps_it(change: dict[str, Any]) -> None:
    assert identity(msgspec.structs.replace(SPEC, **change)) == identity(SPEC)


def test_it_is_the_same_in_every_process() -> None:
    assert identity(SPEC) == "7b41caa3f9ff1b573b7eacad8611f4741a6102377e96fb55738e0e89b2fdf934"


def test_a_fingerprint_is_of_the_whole_entry() -> None:
    tuned = msgspec.structs.replace(SPEC, timeout=1.0)
    assert fingerprint(tuned) != fingerprint(SPEC)
    assert fingerprint(msgspec.structs.replace(SPEC, env={"B": "2", "A": "1"})) == fingerprint(SPEC)
