"""`call`: where the result goes, and the exit code for everything that is not a good one."""

import json

import pytest

from app.cli.call import result_text
from tests.unit.cli.conftest import Outcome, Shell


@pytest.fixture
def call(shell: Shell, front: str):
    def run(*args: str, stdin: str = "") -> Outcome:
        return shell.app("call", *args, stdin=stdin, MCP_ENDPOINT=front, MCP_API_KEY="right")

    return run


def test_the_text_of_the_result_goes_to_standard_output_alone(call) -> None:
    done = call("demo__echo", '{"path": "/tmp"}')
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"arguments": {"path": "/tmp"}, "headers": {"Mcp-Name": "demo__echo"}}


def test_arguments_can_be_left_out_or_come_from_standard_input(call) -> None:
    assert json.loads(call("demo__echo").out)["arguments"] == {}
    assert json.loads(call("demo__echo", "-", stdin='{"a": 1}').out)["arguments"] == {"a": 1}


@pytest.mark.parametrize(
    "arguments", ['{"a": NaN}', '{"a": 1e999}', r'{"a": "\ud800"}', '{"a": "\udcff"}', '{"a":' + "[" * 5000, "[]", ""]
)
def test_arguments_that_no_request_can_carry_are_wrong_usage_with_an_example(call, arguments: str) -> None:
    done = call("demo__echo", arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("mcp-proxy: the arguments ")
    assert '{"path": "/tmp"}' in done.err


def test_a_name_that_is_not_utf8_is_wrong_usage(call) -> None:
    done = call("demo__\udcff")
    assert (done.code, done.out) == (2, "")
    assert "is not UTF-8" in done.err


def test_a_name_that_no_header_can_hold_is_encoded(call) -> None:
    assert json.loads(call("demo__café").out)["headers"] == {"Mcp-Name": "=?base64?ZGVtb19fY2Fmw6k=?="}


def test_json_is_the_whole_result(call) -> None:
    assert json.loads(call("demo__data", "--json").out) == {
        "content": [],
        "structuredContent": {"n": 1},
        "resultType": "complete",
    }


def test_an_answer_that_comes_as_a_stream_is_read_to_its_end(call) -> None:
    done = call("demo__stream")
    assert (done.code, done.out) == (0, "streamed\u2028whole\n")


def test_a_tool_that_fails_is_exit_code_1_and_its_words_are_on_standard_error(call) -> None:
    done = call("demo__fail")
    assert (done.code, done.out) == (1, "")
    assert "it failed" in done.err
    assert "\x1b" not in done.err


def test_a_failing_result_asked_for_as_json_is_still_exit_code_1(call) -> None:
    done = call("demo__fail", "--json")
    assert done.code == 1
    assert json.loads(done.out)["isError"] is True


def test_an_unknown_tool_is_answered_with_the_closest_one(call) -> None:
    done = call("demo:ecko", "{}")
    assert done.code == 1
    assert "Unknown tool: demo:ecko. Did you mean `demo__echo`?" in done.err


def test_an_unknown_tool_that_is_close_to_none_is_answered_with_how_to_list_them(call) -> None:
    assert "`python -m app tools`" in call("zzz").err


def test_a_tool_that_asks_for_input_cannot_be_answered_here(call) -> None:
    done = call("demo__ask")
    assert done.code == 1
    assert "asks for input" in done.err


@pytest.mark.parametrize("arguments", ["{path: 1}", "[1]", "'x'"])
def test_arguments_that_are_not_an_object_are_wrong_usage(call, arguments: str) -> None:
    done = call("demo__echo", arguments)
    assert done.code == 2
    assert '{"path": "/tmp"}' in done.err


@pytest.mark.usefixtures("socket_front")
def test_as_chooses_the_client_on_the_control_socket(shell: Shell) -> None:
    done = shell.app("call", "demo__echo", "--as", "letta")
    assert json.loads(done.out)["headers"] == {"Mcp-Name": "demo__echo", "X-MCP-Client": "letta"}


def test_what_is_not_text_gets_a_line_that_says_what_it_is() -> None:
    blocks = [
        {"type": "text", "text": "see"},
        {"type": "image", "data": "AA==", "mimeType": "image/png"},
        {"type": "resource", "resource": {"uri": "file:///a", "text": "x"}},
        {"type": "vendor/thing"},
    ]
    lines = result_text({"content": blocks}).splitlines()
    assert lines == ["see", "[image: image/png]", "[resource: file:///a]", "[vendor/thing: use --json to see it]"]


def test_structured_content_stands_in_for_missing_blocks() -> None:
    assert json.loads(result_text({"content": [], "structuredContent": {"n": 1}})) == {"n": 1}
