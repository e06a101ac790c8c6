"""The comparison calls nothing passed that is not, and takes a shortfall only with its reason."""

import yaml

from tests.conformance.compare import ABSENT, Known, compare, known, report
from tests.conformance.everything import SERVERS
from tests.conformance.suite import Check, Results, required

RIGHT = Check("c", "SUCCESS", "")
WRONG = Check("c", "FAILURE", "broke")
SKIPPED = Check("c", "SKIPPED", "not advertised")
NOTHING = Known({}, {})


def compared(gateway: Results, said: Known = NOTHING, direct: Results | None = None):
    return compare("2025-11-25", ["a"], direct or {"a": [RIGHT]}, gateway, said)


def test_what_passes_on_both_sides_passes() -> None:
    found = compared({"a": [RIGHT]})
    assert (found.direct, found.gateway, found.failing) == ((1, 1), (1, 1), {})


def test_a_failed_check_fails_the_scenario_and_says_why() -> None:
    found = compared({"a": [WRONG]})
    assert found.gateway == (0, 0)
    assert "broke" in found.failing["a"]
    assert "FAILS    a: c: broke" in report("title", found)


def test_a_check_that_is_skipped_through_the_gateway_alone_fails_it_too() -> None:
    assert set(compared({"a": [SKIPPED]}).failing) == {"a"}
    assert set(compared({"a": []}).failing) == set(compared({}).failing) == {"a"}


def test_one_success_of_two_under_the_same_name_is_one_too_few() -> None:
    assert set(compared({"a": [RIGHT]}, direct={"a": [RIGHT, RIGHT]}).failing) == {"a"}


def test_an_absent_feature_is_no_failure_and_does_not_count_as_passed() -> None:
    found = compared({"a": [WRONG]}, Known({"a": "not built"}, {}))
    assert (found.failing, found.absent, found.gateway[0]) == ({}, {"a": "not built"}, 0)


def test_an_absent_feature_that_passes_is_told() -> None:
    found = compared({"a": [RIGHT]}, Known({"a": "not built"}, {}))
    assert found.passing == ("a",)
    assert "take it off absent.yaml" in report("title", found)


def test_what_is_answered_otherwise_passes_but_may_not_fail() -> None:
    said = Known({}, {"a": {"c": "in JSON"}})
    assert compared({"a": [Check("c", "INFO", "")]}, said).gateway[0] == 1
    assert set(compared({"a": [WRONG]}, said).failing) == {"a"}


def test_a_scenario_that_is_not_required_is_told_where_the_bare_server_passes_it() -> None:
    found = compared({"a": [RIGHT], "b": [WRONG], "c": [WRONG]}, direct={"a": [RIGHT], "b": [RIGHT], "c": [WRONG]})
    assert (set(found.unscored), found.failing, found.gateway) == ({"b"}, {}, (1, 1))
    assert "b (not required)" in report("title", found)


def test_every_entry_of_the_list_is_a_required_scenario_of_a_run() -> None:
    runs = {(server.name, revision) for server in SERVERS for revision in server.revisions}
    written = yaml.safe_load(ABSENT.read_text())
    assert {(server, revision) for server, by in written.items() for revision in by} <= runs
    for server, revision in runs:
        said = known(server, revision)
        assert set(said.absent) <= set(required(revision))
