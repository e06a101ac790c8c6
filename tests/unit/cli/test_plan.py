"""`plan` where no gateway runs; what it says of a running one is in tests/integration/life."""

import json
from pathlib import Path

import msgspec
import pytest

from app.cli.plan import Changes, Live, _against, _kept, _lines, _listed
from app.config.identity import fingerprint, identity
from app.config.settings import Settings
from app.config.snapshot import ServerSpec, Snapshot, ToolFilter
from app.relay.catalog import Item, ServerCatalog
from app.relay.policy import Grant
from app.upstream.catalogs import Catalogs
from tests.unit.cli.conftest import Shell

SPEC = ServerSpec("a", "a", "stdio", "a", command="x")


def config(path: Path, servers: dict[str, object]) -> None:
    path.write_text(json.dumps({"mcpServers": servers}))


def test_without_a_gateway_all_would_be_started(shell: Shell) -> None:
    config(shell.directory / "mcp_config.json", {"a": {"command": "x"}})
    done = shell.app("plan")
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == ["No gateway runs here: all would be started.", "start    a: started"]


def test_without_a_gateway_a_file_is_compared_with_the_config_that_would_be_taken(shell: Shell) -> None:
    config(shell.directory / "mcp_config.json", {"a": {"command": "x"}, "b": {"command": "y"}, "c": {"command": "z"}})
    edit = {"a": {"command": "x"}, "b": {"command": "y", "timeout": 5}, "d": {"command": "${NOT_SET}"}}
    config(shell.directory / "edit.json", edit)
    done = shell.app("plan", "edit.json")
    assert done.code == 0
    assert done.out.splitlines() == [
        "No gateway runs here: compared with the config it would take.",
        "keep     a: untouched",
        "retune   b: tuned while it runs",
        "stop     c: stopped, once its calls are over",
        "off      d: command: the environment variable NOT_SET is not set (set it, or write ${NOT_SET:-default})",
    ]


@pytest.mark.parametrize("text", ['{"mcpServers": {"a"', '{"mcpServers": {"a": {"command": "x", "evn": {}}}}'])
def test_a_file_that_would_be_rejected_is_told_with_its_line(shell: Shell, text: str) -> None:
    (shell.directory / "mcp_config.json").write_text(text)
    done = shell.app("plan")
    assert done.code == 1
    assert "it would be rejected, and nothing changes" in done.err
    assert "mcp_config.json:1" in done.err


def test_what_runs_is_known_by_what_it_is_and_by_its_whole_entry() -> None:
    runs = {"a": Live(identity(SPEC)[:16], fingerprint(SPEC), "a"), "gone": Live("", "", "gone")}
    tuned = ServerSpec("a", "a", "stdio", "p", command="x")
    edited = ServerSpec("a", "a", "stdio", "a", command="y")
    new = ServerSpec("new", "new", "stdio", "new", command="x")
    assert _against(runs, Snapshot((SPEC, new))).keep == ("a",)
    assert _against(runs, Snapshot((SPEC, new))).start == ("new",)
    assert _against(runs, Snapshot((tuned,))).retune == ("a",)
    assert _against(runs, Snapshot((edited,))).change == ("a",)
    assert _against(runs, Snapshot((edited,))).stop == ("gone",)


def test_a_filter_and_a_prefix_decide_on_the_names_that_clients_see() -> None:
    spec = ServerSpec("a", "a", "stdio", "p", tools=ToolFilter(("read_*",)))
    own = ["read_file", "read_key", "write_file"]
    assert _listed(spec, Grant(["*", "!a:*key"]), own) == {"p__read_file"}
    found = Changes()
    assert list(_lines("ann", found)) == ["ann: no change"]
    found.gains, found.loses, found.changed, found.later = ["x"], ["y", "z"], ["same"], ["new"]
    assert list(_lines("ann", found)) == [
        "ann: gains x",
        "ann: loses y z",
        "ann: may see changed same",
        "ann: sees what new will list, which is known once it runs",
    ]


def test_what_a_server_listed_last_is_known_for_the_same_entry_alone(tmp_path: Path) -> None:
    chosen = Settings(data_dir=str(tmp_path))
    assert _kept(chosen, SPEC) is None
    Catalogs(tmp_path).put("a", identity(SPEC), ServerCatalog(tools=(Item("echo", {"name": msgspec.Raw(b'"echo"')}),)))
    assert _kept(chosen, SPEC) == ["echo"]
    assert _kept(chosen, ServerSpec("a", "a", "stdio", "a", command="y")) is None
