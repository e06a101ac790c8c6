"""What health says of files and servers that were not taken as they were edited."""

from typing import Any

from app.gateway.edits import Edits, Problem


def test_nothing_is_said_while_every_edit_was_taken() -> None:
    edits = Edits()
    assert not edits.refused
    assert edits.told() == {}
    assert repr(edits) == "<Edits 0 files 0 stale 0 servers>"


def test_a_rejected_file_and_a_dead_mount_are_told_with_reason_and_time() -> None:
    edits = Edits()
    edits.files["config"] = Problem("mcp_config.json:3: mcpServers.a.evn: is not a key of ours", since=0.0)
    edits.stale["keys"] = Problem("was replaced outside", since=0.0)
    assert edits.refused
    assert edits.told() == {
        "keys": {"state": "stale", "reason": "was replaced outside", "since": "1970-01-01T00:00:00+00:00"},
        "config": {
            "state": "rejected",
            "reason": "mcp_config.json:3: mcpServers.a.evn: is not a key of ours",
            "since": "1970-01-01T00:00:00+00:00",
        },
    }


def test_a_rejected_server_is_marked_where_it_may_be_seen_at_all() -> None:
    edits = Edits()
    edits.servers |= {"a": Problem("did not start", since=0.0), "hidden": Problem("secret", since=0.0)}
    details: dict[str, dict[str, Any]] = {"a": {"state": "ready"}, "b": {"state": "ready"}}
    edits.mark(details)
    assert details == {
        "a": {"state": "ready", "rejected": {"reason": "did not start", "since": "1970-01-01T00:00:00+00:00"}},
        "b": {"state": "ready"},
    }
    assert not edits.refused
