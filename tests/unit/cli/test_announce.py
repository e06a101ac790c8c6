"""What scripts/run says: each server once it is up, configs with the key where it may be shown, then nothing more."""

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.cli import announce
from app.cli.announce import Greeting, Watch, ask_details, closing, is_up
from tests.support.programs import SERVERS, listening

URL = "http://127.0.0.1:8080/mcp"
READY = {"state": "ready", "tools": 2}
BACKOFF = {"state": "backoff", "tools": 0, "fault": "it ended"}


def test_a_server_is_told_when_it_comes_up_and_not_again() -> None:
    watch = Watch()
    assert list(watch.news({"time": {"state": "starting", "tools": 0}})) == []
    assert list(watch.news({"time": READY})) == ["  time: ready, 2 tools"]
    assert list(watch.news({"time": READY})) == []


def test_one_tool_is_not_two() -> None:
    assert list(Watch().news({"one": {"state": "ready", "tools": 1}})) == ["  one: ready, 1 tool"]


def test_a_server_that_fails_again_and_again_is_told_once_and_again_when_it_is_up() -> None:
    watch = Watch()
    starting = {"state": "starting", "tools": 0}
    lines = [line for state in (BACKOFF, starting, BACKOFF, READY) for line in watch.news({"bad": state})]
    assert lines == ["  bad: not up yet, trying again: it ended", "  bad: ready, 2 tools"]


def test_all_is_settled_once_every_server_is_up_or_off() -> None:
    watch = Watch()
    details = {"time": READY, "off": {"state": "disabled", "fault": "TOKEN is not set"}}
    assert not watch.settled(details)
    assert list(watch.news(details))[1] == "  off: disabled: TOKEN is not set"
    assert watch.settled(details)
    assert not watch.settled({**details, "bad": BACKOFF})


def test_a_lazy_server_at_rest_and_one_that_failed_for_good_are_settled_too() -> None:
    watch = Watch()
    details = {
        "lazy": {"state": "stopped", "idle": True, "tools": 3},
        "gone": {"state": "failed", "tools": 0, "fault": "no such command"},
    }
    assert list(watch.news(details)) == [
        "  lazy: idle, starts with its first call, 3 tools",
        "  gone: not up, tried once a minute: no such command",
    ]
    assert watch.settled(details)


def test_what_a_server_says_cannot_steer_the_terminal() -> None:
    (line,) = Watch().news({"x": {"state": "backoff", "fault": "\x1b[2Jgone"}})
    assert "\x1b" not in line


def test_configs_hold_the_key_and_clients_with_one_form_share_one_text() -> None:
    text = closing(Greeting(URL, Path("control.sock"), "the-key", about_key="About the key."))
    assert "--- Claude Code: .mcp.json in a project\n--- Cursor: ~/.cursor/mcp.json\n{" in text
    assert text.count("Bearer the-key") == 5
    assert text.endswith("About the key.\nCtrl-C ends everything.")


def test_a_key_is_not_in_what_a_traceback_would_show() -> None:
    assert "the-key" not in repr(Greeting(URL, Path("control.sock"), "the-key"))


def test_nothing_answers_where_there_is_no_socket(tmp_path: Path) -> None:
    assert not is_up(tmp_path / "none.sock")
    assert ask_details(tmp_path / "none.sock") is None


def test_endpoint_then_servers_then_configs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "POLL", 0.01)
    path = tmp_path / "control.sock"
    states = [{"a": {"state": "starting"}, "b": READY}, {"a": BACKOFF, "b": READY}, {"a": READY, "b": READY}]
    with listening([sys.executable, "-I", str(SERVERS / "states.py"), str(path), json.dumps(states)]):
        announce.announce(Greeting(URL, path), os.getpid())
    said = [line for line in capsys.readouterr().out.splitlines() if line]
    assert said[:3] == [f"MCP endpoint: {URL}", "Servers:", "  b: ready, 2 tools"]
    assert said[3:5] == ["  a: not up yet, trying again: it ended", "  a: ready, 2 tools"]
    assert said[5].startswith("--- Claude Code")
    assert said[-1] == "Ctrl-C ends everything."


def test_slow_servers_do_not_keep_the_configs_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(announce, "POLL", 0.01)
    monkeypatch.setattr(announce, "SERVERS_FIRST", 0.0)
    monkeypatch.setattr(announce, "LAST_WORD", 0.0)
    path = tmp_path / "control.sock"
    with listening([sys.executable, "-I", str(SERVERS / "states.py"), str(path), '[{"a": {"state": "starting"}}]']):
        announce.announce(Greeting(URL, path), os.getpid())
    assert "--- Claude Code" in capsys.readouterr().out


def test_a_control_socket_that_comes_while_the_listener_is_asked_is_not_taken_for_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "control.sock"
    with ExitStack() as stack:

        def answers(_: object) -> bool:
            states = json.dumps([{"b": READY}])
            stack.enter_context(listening([sys.executable, "-I", str(SERVERS / "states.py"), str(path), states]))
            return True

        monkeypatch.setattr(announce, "_answers", answers)
        announce.announce(Greeting(URL, path), os.getpid())
    assert "  b: ready, 2 tools" in capsys.readouterr().out


def test_without_a_control_socket_the_configs_are_printed_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with listening([sys.executable, "-I", str(SERVERS / "states.py"), "", "[{}]"]) as (port,):
        announce.announce(Greeting(URL, tmp_path / "none.sock", listener=("127.0.0.1", port)), os.getpid())
    said = capsys.readouterr().out
    assert "the log says which are up" in said
    assert "--- Claude Code" in said


def test_it_says_nothing_once_the_launcher_is_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    announce.announce(Greeting(URL, tmp_path / "none.sock"), gone.pid)
    assert capsys.readouterr().out == ""
