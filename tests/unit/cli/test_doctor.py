"""`doctor`: what it says of a diagnosis."""

from typing import Any

from app.cli.doctor import about, is_well, overview
from tests.unit.cli.conftest import Shell

WELL: dict[str, Any] = {
    "name": "files", "state": "ready", "idle": False, "since": "2026-01-01T00:00:00+00:00", "reason": "",
    "next_attempt": None, "exits": [], "stderr": ["hello"], "listed": True,
    "tools": [
        {"name": "files__read", "own": "read", "hidden": ""},
        {"name": "files__rm", "own": "rm", "hidden": 'the server\'s "tools" deny "rm"'},
    ],
}  # fmt: skip
DEAD: dict[str, Any] = {
    "name": "db", "state": "failed", "idle": False, "since": "2026-01-01T00:00:00+00:00",
    "reason": "Server 'db' exited with code 3.", "next_attempt": 41.0, "listed": False, "tools": [],
    "exits": [{"at": "2026-01-01T00:00:00+00:00", "reason": "Server 'db' exited with code 3.", "served": 0.4,
               "code": 3, "detail": "initialize: closed"}],
    "stderr": [f"line {number}" for number in range(30)],
}  # fmt: skip
OFF: dict[str, Any] = {"name": "off", "state": "disabled", "reason": "disabled in the config", "tools": []}
IDLE: dict[str, Any] = {**WELL, "name": "lazy", "state": "stopped", "idle": True, "tools": []}


def test_what_is_well_has_a_line_and_what_is_not_has_its_history() -> None:
    lines, well = overview([WELL, IDLE, DEAD, OFF], hiding=False)
    assert not well
    assert lines[0] == "files: ready since 2026-01-01T00:00:00+00:00, 2 tools (1 hidden)"
    assert lines[1].startswith("lazy: idle, starts with the next call since")
    assert lines[2].startswith("db: failed since")
    text = "\n".join(lines)
    assert "next attempt in 41 s" in text
    assert "after 0.4 s of service: Server 'db' exited with code 3.\n      initialize: closed" in text
    assert "line 10\n" in text
    assert "line 9\n" not in text, "the last ones tell"
    assert "off: disabled, 0 tools\n  disabled in the config" in text
    assert overview([WELL, IDLE], hiding=False)[1]


def test_for_a_client_each_hidden_tool_is_named_with_its_rule() -> None:
    assert overview([WELL], hiding=True)[0][-1] == 'files__rm is hidden: the server\'s "tools" deny "rm"'


def test_a_tool_is_found_by_every_name_it_has() -> None:
    for name in ("files__rm", "files:rm"):
        assert about([WELL], name) == (['files__rm is hidden: the server\'s "tools" deny "rm"'], False)
    lines, well = about([WELL], "files:read")
    assert well
    assert lines[0] == "files__read is listed."


def test_a_server_is_told_whole() -> None:
    lines, well = about([WELL], "files")
    assert well
    assert lines[-1] == "    hello"
    assert not about([DEAD], "db")[1]


def test_an_unknown_name_gets_the_nearest_and_the_server_it_would_be_of() -> None:
    lines, well = about([WELL, DEAD], "files__reed")
    assert not well
    assert lines[0] == "No server and no tool is called files__reed. Did you mean files__read?"
    lines, _ = about([WELL, DEAD], "db:query")
    assert lines[1] == "db has not been listed yet:"
    assert any("exited with code 3" in line for line in lines)


def test_a_degraded_server_is_not_well() -> None:
    assert not is_well({**WELL, "state": "degraded", "reason": "It lists nothing."})
    assert is_well({**WELL, "state": "starting"})
    assert not is_well({**WELL, "state": "starting", "reason": "It exited."})


def test_it_asks_no_gateway_elsewhere_and_says_where_none_runs(shell: Shell) -> None:
    done = shell.app("doctor", MCP_ENDPOINT="http://127.0.0.1:1/mcp")
    assert done.code == 1
    assert "unset MCP_ENDPOINT" in done.err
    done = shell.app("doctor")
    assert done.code == 1
    assert "No gateway runs here" in done.err


def test_what_happens_again_and_again_is_said_once() -> None:
    died = {"reason": "Server 'db' exited with code 3.", "served": 0.0, "code": 3, "detail": ""}
    ends = [{**died, "at": f"2026-01-01T00:00:0{second}+00:00"} for second in range(3)]
    other = {**died, "at": "2026-01-01T00:00:05+00:00", "reason": "Server 'db' exited with code 4."}
    lines, _ = about([{**DEAD, "exits": [*ends, other], "stderr": ["no", "no", "yes"]}], "db")
    text = "\n".join(lines)
    assert "02+00:00 after 0 s of service, 3 times since 2026-01-01T00:00:00+00:00: Server 'db' exited" in text
    assert text.count("code 3") == 2, "the reason of now, and once in its history"
    assert text.endswith("code 4.\n  last lines it wrote:\n    no (2 times)\n    yes")
