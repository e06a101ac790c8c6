"""Which servers a file means: roots, names, clashes. What an entry says is in test_entry.py and the goldens."""

import json

from hypothesis import given
from hypothesis import strategies as st

from app.config.compile import read_snapshot
from app.config.schema import ALL_KEYS
from app.config.snapshot import Notice, Snapshot


def compiled(**roots: object) -> Snapshot:
    snapshot = read_snapshot(json.dumps(roots).encode(), "f.json", {})
    assert isinstance(snapshot, Snapshot)
    return snapshot


def test_both_roots_are_read_and_others_are_ignored() -> None:
    snapshot = compiled(mcpServers={"a": {"command": "x"}}, servers={"b": {"command": "x"}}, inputs=[], other={"c": 1})
    assert [spec.name for spec in snapshot.servers] == ["a", "b"]
    assert snapshot.notices == ()


def test_a_misspelt_root_is_an_error() -> None:
    (notice,) = compiled(mcpserver={"a": {}}).notices
    assert notice.error
    assert notice.hint == 'did you mean "mcpServers"?'


def test_no_root_at_all_is_an_error_and_an_empty_one_a_warning() -> None:
    assert [notice.error for notice in compiled().notices] == [True]
    assert [notice.error for notice in compiled(mcpServers={}).notices] == [False]
    assert [notice.message for notice in compiled(mcpServers=[]).notices] == ["must be an object in { }, not a list"]


def test_servers_keep_the_order_of_the_file() -> None:
    names = ["z", "a", "m"]
    assert [spec.name for spec in compiled(mcpServers={name: {"command": "x"} for name in names}).servers] == names


def test_names_are_cleaned_and_the_label_is_kept() -> None:
    (spec,) = compiled(mcpServers={"my files/é": {"command": "x"}}).servers
    assert (spec.name, spec.label, spec.prefix) == ("my_files__", "my files/é", "my_files__")


def test_two_servers_with_one_cleaned_name_are_an_error_and_the_first_runs() -> None:
    snapshot = compiled(mcpServers={"a b": {"command": "x"}, "a_b": {"command": "y"}})
    assert [spec.command for spec in snapshot.servers] == ["x"]
    assert snapshot.disabled == ()
    (notice,) = snapshot.notices
    assert notice.error
    assert '"a_b" and "a b" are both "a_b"' in notice.message


def test_the_same_name_twice_is_an_error_too() -> None:
    snapshot = read_snapshot(b'{"mcpServers": {"a": {"command": "x"},\n"a": {"command": "y"}}}', "f.json", {})
    assert isinstance(snapshot, Snapshot)
    assert [(notice.where, notice.error) for notice in snapshot.notices] == [("f.json:2", True)]


def test_unreadable_json_is_one_notice() -> None:
    assert isinstance(read_snapshot(b"{", "f.json", {}), Notice)


def test_one_bad_server_leaves_the_others_alone() -> None:
    snapshot = compiled(mcpServers={"bad": {"command": ["x"]}, "worse": 5, "good": {"command": "x"}})
    assert [spec.name for spec in snapshot.servers] == ["good"]
    assert [server.name for server in snapshot.disabled] == ["bad", "worse"]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("${}:-aA/.\0 h", max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3),
    max_leaves=4,
)
ENTRY = st.dictionaries(st.sampled_from(ALL_KEYS) | st.text(max_size=5), VALUE, max_size=5)


@given(st.dictionaries(st.text("ab c", max_size=3), ENTRY | VALUE, max_size=4))
def test_never_raises_and_every_entry_runs_is_disabled_or_clashes(entries: dict[str, object]) -> None:
    snapshot = compiled(mcpServers=entries)
    names = [server.name for server in (*snapshot.servers, *snapshot.disabled)]
    assert len(set(names)) == len(names)
    clashes = sum("tool names" in notice.message or "is there twice" in notice.message for notice in snapshot.notices)
    assert len(names) + clashes == len(entries)
    faulty = [server for server in snapshot.disabled if not server.by_user]
    assert all(server.reason for server in faulty)
    assert len(faulty) <= sum(notice.error for notice in snapshot.notices)


@given(st.binary(max_size=100))
def test_never_raises_on_any_bytes(data: bytes) -> None:
    assert isinstance(read_snapshot(data, "f.json", {}), Snapshot | Notice)
