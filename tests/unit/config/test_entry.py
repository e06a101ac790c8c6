"""One entry: what each key means, and what disables its server."""

import json
from typing import Any

import pytest

from app.config.compile import read_snapshot
from app.config.snapshot import Limits, Notice, ServerSpec, Snapshot, ToolFilter

ENV = {"TOKEN": "s3cret", "PORT": "8080", "OFF": "false"}


def compiled(entry: object) -> Snapshot:
    snapshot = read_snapshot(json.dumps({"mcpServers": {"a": entry}}).encode(), "f.json", ENV)
    assert isinstance(snapshot, Snapshot)
    return snapshot


def spec(**members: Any) -> ServerSpec:
    snapshot = compiled(members)
    assert snapshot.servers, snapshot.disabled
    return snapshot.servers[0]


def stdio(**members: Any) -> ServerSpec:
    return spec(command="x", **members)


def refusal(**members: Any) -> Notice:
    snapshot = compiled(members)
    assert not snapshot.servers
    (error,) = [notice for notice in snapshot.notices if notice.error]
    assert error.message in snapshot.disabled[0].reason
    return error


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"command": "x"}, "stdio"),
        ({"command": "x", "type": "stdio"}, "stdio"),
        ({"url": "http://h"}, "auto"),
        ({"serverUrl": "http://h"}, "auto"),
        ({"httpUrl": "http://h"}, "auto"),
        ({"url": "http://h", "type": "http"}, "http"),
        ({"url": "http://h", "transport": "streamable-http"}, "http"),
        ({"url": "http://h", "type": "streamable_http"}, "http"),
        ({"url": "http://h", "type": "streamableHttp"}, "http"),
        ({"url": "http://h", "type": "streamablehttp"}, "http"),
        ({"url": "http://h", "type": "SSE"}, "sse"),
        ({"url": "http://h", "type": "http", "transport": "streamableHttp"}, "http"),
        ({"url": "http://h", "serverUrl": "http://h"}, "auto"),
    ],
)
def test_every_spelling_of_a_transport_is_read(members: dict[str, str], kind: str) -> None:
    assert spec(**members).kind == kind


@pytest.mark.parametrize(
    ("members", "path", "message"),
    [
        ({}, "mcpServers.a", 'has neither a "command" nor a "url"'),
        ({"command": "x", "url": "http://h"}, "mcpServers.a.url", "not both"),
        ({"command": "x", "type": "sse"}, "mcpServers.a.type", 'does not go with a "command"'),
        ({"url": "http://h", "type": "stdio"}, "mcpServers.a.type", 'does not go with a "url"'),
        ({"url": "http://h", "type": "htp"}, "mcpServers.a.type", "must be one of stdio, http"),
        ({"url": "http://h", "type": "http", "transport": "sse"}, "mcpServers.a.transport", "say different things"),
        ({"url": "http://h", "serverUrl": "http://g"}, "mcpServers.a.serverUrl", "say different things"),
        ({"url": "h/x"}, "mcpServers.a.url", "must be an http:// or https:// URL"),
        ({"url": "ftp://h"}, "mcpServers.a.url", "must be an http:// or https:// URL"),
        ({"command": ""}, "mcpServers.a.command", "must be a string that is not empty, not an empty one"),
        ({"command": ["x"]}, "mcpServers.a.command", "must be a string, not a list"),
        ({"command": "x", "args": "y"}, "mcpServers.a.args", "must be a list, not a string"),
        ({"command": "x", "args": [{}]}, "mcpServers.a.args[0]", "must be a string, not an object"),
        ({"command": "x", "args": [None]}, "mcpServers.a.args[0]", "must be a string, not null"),
        ({"command": "x", "env": []}, "mcpServers.a.env", "must be an object in { }, not a list"),
        ({"command": "x", "env": {"A": []}}, "mcpServers.a.env.A", "must be a string, not a list"),
        ({"command": "x", "env": {"A=B": "1"}}, "mcpServers.a.env", 'holds no "="'),
        ({"command": "x", "args": ["a\0b"]}, "mcpServers.a.args[0]", "without NUL"),
        ({"command": "x", "cwd": 5}, "mcpServers.a.cwd", "must be a string, not a number"),
        ({"url": "http://h", "headers": {"A B": "x"}}, "mcpServers.a.headers", "no valid header"),
        ({"url": "http://h", "headers": {"A": "x\ny"}}, "mcpServers.a.headers", "no valid header"),
        ({"headers": {"authorization": "x"}, "url": "http://me:x@h"}, "mcpServers.a.headers", "URL's user too"),
        ({"command": "x", "timeout": 0}, "mcpServers.a.timeout", "a number of seconds above 0"),
        ({"command": "x", "timeout": -1}, "mcpServers.a.timeout", "a number of seconds above 0"),
        ({"command": "x", "timeout": True}, "mcpServers.a.timeout", "must be a number of seconds, not a boolean"),
        ({"command": "x", "timeout": "soon"}, "mcpServers.a.timeout", "must be a number of seconds, not a string"),
        ({"command": "x", "max_timeout": []}, "mcpServers.a.max_timeout", "must be a number of seconds, not a list"),
        ({"command": "x", "roots": "yes"}, "mcpServers.a.roots", "must be true or false, not a string"),
        ({"command": "x", "disabled": 1}, "mcpServers.a.disabled", "must be true or false, not a number"),
        ({"command": "x", "pool": "many"}, "mcpServers.a.pool", "must be one of auto, one, client, session"),
        ({"command": "x", "era": "old"}, "mcpServers.a.era", "must be one of auto, legacy, modern, mirror"),
        ({"command": "x", "prefix": 5}, "mcpServers.a.prefix", "must be a string, not a number"),
        ({"command": "x", "tools": "read_*"}, "mcpServers.a.tools", "must be an object in { }, not a string"),
        ({"command": "x", "tools": {"allow": "x"}}, "mcpServers.a.tools.allow", "must be a list, not a string"),
        ({"command": "x", "tools": {"alow": []}}, "mcpServers.a.tools.alow", "is not a key of ours"),
        ({"command": "x", "headres": {}}, "mcpServers.a.headres", "is not a key of ours"),
        ({"command": "x", "maxTimeout": 5}, "mcpServers.a.maxTimeout", "is not a key of ours"),
        ({"command": "x", "args": ["${NOPE}"]}, "mcpServers.a.args[0]", "NOPE is not set"),
        ({"url": "http://h", "headers": {"K": "${input:k}"}}, "mcpServers.a.headers.K", "${input:k}"),
    ],
)
def test_what_is_wrong_disables_the_server_with_the_reason(members: dict[str, Any], path: str, message: str) -> None:
    notice = refusal(**members)
    assert notice.path == path
    assert message in notice.message


@pytest.mark.parametrize(
    ("limits", "memory", "processes"),
    [
        ({}, None, None),
        ({"memory": "512mb"}, 512 << 20, None),
        ({"memory": 2_000_000, "processes": 7}, 2_000_000, 7),
        ({"processes": "7"}, None, 7),
    ],
)
def test_limits_are_sizes_and_counts(limits: dict[str, object], memory: int | None, processes: int | None) -> None:
    spec = compiled({"command": "x", "limits": limits}).servers[0]
    assert spec.limits == Limits(memory, processes)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"memory": "lots"}, "limits.memory: must be a size such as 512mb, at least 1mb"),
        ({"memory": "4kb"}, "limits: memory must be a size such as 512mb, at least 1mb"),
        ({"processes": 0}, "limits.processes: must be a whole number above 0"),
        ({"processes": "1.5"}, "limits.processes: must be a whole number above 0"),
        ({"proceses": 5}, 'limits.proceses: is no limit of ours (did you mean "processes"?)'),
        ({"calls": 5}, "limits.calls: is no limit of ours (there are memory and processes)"),
        ("512mb", "limits: must be an object in { }, not a string"),
    ],
)
def test_limits_that_mean_nothing_disable_the_server_with_the_reason(limits: object, said: str) -> None:
    assert compiled({"command": "x", "limits": limits}).disabled[0].reason == said


def test_limits_mean_nothing_for_a_remote_server() -> None:
    assert "means nothing for a remote server" in compiled({"url": "http://h", "limits": {}}).notices[0].message


def test_all_errors_of_an_entry_are_told_at_once_in_file_order() -> None:
    snapshot = read_snapshot(
        b'{"mcpServers": {"a": {\n"args": 5,\n"headres": {},\n"pool": "x",\n"command": 1}}}', "f.json", {}
    )
    assert isinstance(snapshot, Snapshot)
    assert [notice.where for notice in snapshot.notices] == ["f.json:2", "f.json:3", "f.json:4", "f.json:5"]


def test_an_entry_that_is_no_object_is_disabled() -> None:
    assert compiled("npx x").disabled[0].reason == "must be an object in { }, not a string"


def test_a_disabled_entry_is_kept_and_not_judged() -> None:
    snapshot = compiled({"disabled": True, "command": 5, "headres": {}})
    assert snapshot.disabled[0].by_user
    assert snapshot.notices == ()
    assert stdio(disabled=False).name == "a"
    assert stdio(disabled="${OFF}").name == "a"


def test_numbers_are_strings_as_they_were_written() -> None:
    snapshot = read_snapshot(
        b'{"servers": {"a": {"command": "x", "args": [8080, 1.50, true], "env": {"N": 7}}}}', "f", {}
    )
    assert isinstance(snapshot, Snapshot)
    assert snapshot.servers[0].args == ("8080", "1.50", "true")
    assert snapshot.servers[0].env == {"N": "7"}


def test_null_in_env_leaves_the_variable_out() -> None:
    assert stdio(env={"A": None, "B": ""}).env == {"B": ""}


def test_variables_expand_in_every_string() -> None:
    one = spec(url="http://h/${TOKEN}", headers={"Authorization": "Bearer ${env:TOKEN}"}, timeout="${PORT}")
    assert (one.url, one.headers, one.timeout) == ("http://h/s3cret", {"Authorization": "Bearer s3cret"}, 8080.0)
    assert stdio(cwd="${NOPE:-/tmp}", args=["${PORT}"], prefix="${NOPE:-p}").args == ("8080",)


@pytest.mark.parametrize(
    ("tools", "meant"),
    [
        (["read_*"], ToolFilter(("read_*",))),
        ({"allow": ["a", "b"], "deny": ["*c*"]}, ToolFilter(("a", "b"), ("*c*",))),
        ({"deny": ["x"]}, ToolFilter((), ("x",))),
        ({}, ToolFilter()),
        ([], ToolFilter((), ("*",))),
        ({"allow": [], "deny": ["x"]}, ToolFilter((), ("*",))),
    ],
)
def test_tools_are_a_list_or_allow_and_deny_and_an_empty_list_is_none(tools: object, meant: ToolFilter) -> None:
    assert stdio(tools=tools).tools == meant


def test_a_timeout_of_10000_or_more_is_milliseconds_with_a_notice() -> None:
    snapshot = compiled({"command": "x", "timeout": 60000})
    assert snapshot.servers[0].timeout == 60.0
    assert [notice.message for notice in snapshot.notices] == ["is read as milliseconds: 60 s"]
    assert stdio(timeout=9999, max_timeout=10000).timeout == 9999.0
    assert stdio(max_timeout=86400).max_timeout == 86400.0


def test_a_timeout_beyond_the_maximum_is_said() -> None:
    assert "max_timeout" in compiled({"command": "x", "timeout": 4000}).notices[0].message


def test_the_defaults_are_those_of_the_contract() -> None:
    one = stdio()
    assert (one.timeout, one.max_timeout, one.startup_timeout, one.pool, one.era) == (300, 3600, None, "auto", "auto")
    assert not one.roots
    assert spec(url="http://h").roots
    assert stdio(roots=True).roots


def test_a_prefix_replaces_the_name_and_may_be_empty() -> None:
    assert [stdio(prefix=prefix).prefix for prefix in ("p", "", "p q")] == ["p", "", "p_q"]
    assert compiled({"command": "x", "prefix": "p q"}).notices[0].message == 'is read as "p_q"'


@pytest.mark.parametrize(
    ("members", "hint"),
    [
        ({"description": "x"}, ""),
        ({"enabled": True}, 'use "disabled"'),
        ({"envFile": ".env"}, 'put the variables into "env"'),
    ],
)
def test_any_other_unknown_key_warns(members: dict[str, Any], hint: str) -> None:
    snapshot = compiled({"command": "x"} | members)
    assert len(snapshot.servers) == 1
    (notice,) = snapshot.notices
    assert (notice.error, notice.hint) == (False, hint)


@pytest.mark.parametrize(
    "members", [{"command": "x", "headers": {}}, {"url": "http://h", "args": []}, {"command": "npx y"}]
)
def test_what_has_no_effect_or_looks_wrong_warns(members: dict[str, Any]) -> None:
    snapshot = compiled(members)
    assert len(snapshot.servers) == 1
    assert [notice.error for notice in snapshot.notices] == [False]


def test_a_key_given_twice_warns_and_the_last_counts() -> None:
    snapshot = read_snapshot(b'{"servers": {"a": {"command": "x",\n"command": "y"}}}', "f.json", {})
    assert isinstance(snapshot, Snapshot)
    assert snapshot.servers[0].command == "y"
    assert [notice.where for notice in snapshot.notices] == ["f.json:2"]


def test_no_notice_and_no_reason_holds_a_value() -> None:
    wrong = {"url": "${TOKEN}", "headers": {"A": "s3cret\nx"}, "timeout": "s3cret", "type": "s3cret", "roots": "s3cret"}
    snapshot = compiled(wrong)
    assert len(snapshot.notices) == 5
    assert "s3cret" not in f"{snapshot.notices} {snapshot.disabled}"


def test_an_empty_name_is_disabled() -> None:
    snapshot = read_snapshot(b'{"servers": {"": {"command": "x"}}}', "f.json", {})
    assert isinstance(snapshot, Snapshot)
    assert snapshot.disabled[0].reason == "a server needs a name"


@pytest.mark.parametrize(("more", "missing"), [({}, True), ({"headres": {}}, False)])
def test_an_entry_tells_whether_a_variable_is_all_that_it_lacks(more: dict[str, object], missing: bool) -> None:
    snapshot = compiled({"command": "${NOPE}", **more})
    assert [server.missing for server in snapshot.disabled] == [missing]
    assert sum(notice.missing for notice in snapshot.notices) == 1


def test_a_broken_entry_is_still_known_to_be_required() -> None:
    assert compiled({"command": "x", "required": True, "era": "stone"}).disabled[0].required
    assert not compiled({"command": "x", "era": "stone"}).disabled[0].required


def test_an_idle_timeout_means_nothing_for_a_server_that_is_not_lazy() -> None:
    assert "not lazy" in compiled({"command": "x", "idle_timeout": 5}).notices[0].message
    lazy = compiled({"command": "x", "idle_timeout": 5, "start": "lazy"})
    assert not lazy.notices
    assert lazy.servers[0].lazy
