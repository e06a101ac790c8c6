"""The comparison calls nothing passed that is not, and takes a shortfall only with its reason."""

from collections.abc import Mapping

from tests.conformance.compare import compare, known, report
from tests.conformance.suite import Check, Results, required

RIGHT = Check("c", "SUCCESS", "")
WRONG = Check("c", "FAILURE", "broke")
SKIPPED = Check("c", "SKIPPED", "not advertised")


def compared(gateway: Results, absent: Mapping[str, str] | None = None, direct: Results | None = None):
    return compare("2025-11-25", ["a"], direct or {"a": [RIGHT]}, gateway, absent or {})


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
    found = compared({"a": [WRONG]}, {"a": "not built"})
    assert (found.failing, found.absent, found.gateway[0]) == ({}, {"a": "not built"}, 0)


def test_an_absent_feature_that_passes_is_told() -> None:
    found = compared({"a": [RIGHT]}, {"a": "not built"})
    assert found.passing == ("a",)
    assert "take it off absent.yaml" in report("title", found)


def test_every_entry_of_the_list_is_a_required_scenario() -> None:
    for revision in ("2025-11-25", "2026-07-28"):
        assert set(known(revision)) <= set(required(revision))
