"""Compiled config as a value."""

import msgspec
import pytest

from app.config.snapshot import METHOD_TIMEOUT, ServerSpec, Snapshot, ToolFilter


def test_a_server_is_remote_unless_it_is_a_child() -> None:
    assert [ServerSpec("a", "a", kind, "a").remote for kind in ("stdio", "http", "sse", "auto")] == [
        False,
        True,
        True,
        True,
    ]


def test_it_is_compared_by_value_and_cannot_be_changed() -> None:
    one, other = (Snapshot((ServerSpec("a", "a", "stdio", "a", tools=ToolFilter(("x",))),)) for _ in range(2))
    assert one == other
    with pytest.raises(AttributeError):
        one.servers = ()  # type: ignore[misc] - that it cannot be done is the point


def test_the_defaults_are_those_of_the_contract() -> None:
    spec = ServerSpec("a", "a", "stdio", "a")
    assert (spec.timeout, METHOD_TIMEOUT, spec.max_timeout) == (300.0, 60.0, 3600.0)
    assert msgspec.structs.asdict(spec)["pool"] == "auto"
