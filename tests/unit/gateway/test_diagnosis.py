"""What `doctor` is told: everything, and which rule hides what."""

from pathlib import Path

import msgspec
import pytest

from app.config.keyring import Principal
from app.config.snapshot import ServerSpec, ToolFilter
from app.gateway.diagnosis import diagnosis, what_hides
from app.relay.policy import Grant
from app.upstream.upstream import State
from tests.support.house import eventually, open_house
from tests.support.programs import workbench

SPEC = ServerSpec("files", "files", "stdio", "files", tools=ToolFilter(("read_*", "list"), ("*secret*",)))


def client(*scopes: str) -> Principal:
    return Principal("ann", Grant(scopes))


@pytest.mark.parametrize(
    ("scopes", "item", "said"),
    [
        (None, "read_file", ""),
        (None, "read_secrets", 'the server\'s "tools" deny "*secret*"'),
        (None, "write_file", 'no glob of the server\'s "tools" allows it'),
        (["*"], "list", ""),
        (["files:read_*"], "list", 'no scope of client "ann" allows it'),
        (["*", "!files:l*"], "list", 'the scope "!files:l*" of client "ann"'),
        (["*", "!f*"], "list", 'the scope "!f*" of client "ann"'),
        ([], "list", 'no scope of client "ann" allows it'),
        (["@admin"], "list", 'no scope of client "ann" allows it'),
    ],
)
def test_the_rule_that_hides_a_tool_is_named(scopes: list[str] | None, item: str, said: str) -> None:
    assert what_hides(SPEC, item, None if scopes is None else client(*scopes)) == said


async def test_every_server_is_told_in_config_order_with_how_it_ended_and_what_it_wrote(tmp_path: Path) -> None:
    entries = {
        "wrong": {**workbench("wrong"), "era": "stone"},
        "dying": {
            "command": "/bin/sh",
            "args": ["-c", "echo no database for $DB_TOKEN >&2; exit 3"],
            "env": {"DB_TOKEN": "token-of-the-database"},
        },
        "good": {**workbench("good"), "tools": {"deny": ["crash"]}},
    }
    async with open_house(tmp_path, entries, wait=False) as gateway:
        dying, good = gateway.current.upstreams["dying"], gateway.current.upstreams["good"]
        await eventually(good, lambda: good.state is State.READY)
        await eventually(dying, lambda: dying.state is State.BACKOFF)
        found = diagnosis(gateway.current, None)
        assert msgspec.json.decode(msgspec.json.encode(found)) == found
        assert "client" not in found
        wrong, dead, well = found["servers"]
        assert (wrong["name"], wrong["state"]) == ("wrong", "disabled")
        assert "must be one of" in wrong["reason"]
        assert (dead["name"], dead["state"], dead["stderr"]) == ("dying", "backoff", ["no database for ***"])
        assert dead["exits"][0]["code"] == 3
        assert dead["next_attempt"] is not None
        assert (well["state"], well["reason"], well["exits"]) == ("ready", "", [])
        hidden = {tool["own"]: tool["hidden"] for tool in well["tools"] if tool["hidden"]}
        assert hidden == {"crash": 'the server\'s "tools" deny "crash"'}
        as_ann = diagnosis(gateway.current, client("good:w*"))
        assert as_ann["client"] == {"id": "ann", "scopes": ["good:w*"]}
        shown = [tool["name"] for tool in as_ann["servers"][2]["tools"] if not tool["hidden"]]
        assert shown == ["good__whoami", "good__workbench_job"]
