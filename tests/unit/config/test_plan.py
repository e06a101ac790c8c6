"""What an edit touches, as a law over all configs; the cases by name are in tests/golden/plan."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from app.config.identity import identity
from app.config.plan import Plan, make_plan, refusals
from app.config.snapshot import Notice, ServerSpec, Snapshot

SPECS = st.builds(
    lambda name, command, prefix: ServerSpec(name, name, "stdio", prefix, command=command),
    st.sampled_from("abcd"),
    st.sampled_from("xy"),
    st.sampled_from("pq"),
)
CONFIGS = st.lists(SPECS, unique_by=lambda spec: spec.name)


@given(CONFIGS, CONFIGS)
def test_every_server_is_in_one_part_and_only_another_identity_is_started_anew(
    before: list[ServerSpec], after: list[ServerSpec]
) -> None:
    plan = make_plan(before, after)
    old, new = ({spec.name: spec for spec in specs} for specs in (before, after))
    parts = [name for field in Plan.__struct_fields__ for name in getattr(plan, field)]
    assert sorted(parts) == sorted({*old, *new})
    assert set(plan.stop) == set(old) - set(new)
    assert set(plan.start) == set(new) - set(old)
    assert all(old[name] == new[name] for name in plan.keep)
    assert all(identity(old[name]) == identity(new[name]) and old[name] != new[name] for name in plan.retune)
    assert all(identity(old[name]) != identity(new[name]) for name in plan.change)
    assert plan.empty == (old == new)


def test_a_snapshot_is_refused_for_an_error_and_for_nothing_less() -> None:
    warning = Notice("f:1", "a", "odd")
    missing = Notice("f:2", "b", "not set", error=True, missing=True)
    error = Notice("f:3", "c", "wrong", error=True)
    assert refusals(Snapshot((), notices=(warning, missing))) == ()
    assert refusals(Snapshot((), notices=(warning, missing, error))) == (error,)


def test_a_plan_reads_as_a_sentence_without_what_stays() -> None:
    assert str(Plan(keep=("a",))) == "no server is touched"
    assert str(Plan(keep=("a",), start=("b", "c"), stop=("d",))) == "start b, c; stop d"
    assert msgspec.structs.asdict(Plan())["stop"] == ()
