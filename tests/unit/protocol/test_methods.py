"""Which methods there are in which era."""

import pytest

from app.protocol.methods import CACHEABLE, METHODS, Answer, is_foreign, method_for
from app.protocol.versions import Era


@pytest.mark.parametrize(
    ("method", "era"), [("initialize", Era.MODERN), ("ping", Era.MODERN), ("server/discover", Era.LEGACY)]
)
def test_a_method_of_the_other_era_is_unknown(method: str, era: Era) -> None:
    assert method_for(method, era) is None


def test_a_method_that_nobody_has_is_unknown() -> None:
    assert method_for("logging/setLevel", Era.MODERN) is None
    assert method_for("tools/list2", Era.MODERN) is None


@pytest.mark.parametrize("era", list(Era))
def test_calls_are_relayed_and_lists_answered_here_in_both_eras(era: Era) -> None:
    called, listed = method_for("tools/call", era), method_for("resources/templates/list", era)
    assert called is not None
    assert called.answer is Answer.RELAY
    assert listed is not None
    assert (listed.answer, listed.listed) == (Answer.LIST, "resourceTemplates")


def test_what_may_be_cached_is_what_is_listed_discovered_or_read() -> None:
    lists = {name for name, method in METHODS.items() if method.answer is Answer.LIST}
    assert lists | {"server/discover", "resources/read"} == CACHEABLE


def test_what_no_revision_has_a_client_send_is_foreign_and_nothing_else_is() -> None:
    assert is_foreign("vendor/echo")
    assert is_foreign("notifications/vendor")
    for known in (*METHODS, "tasks/list", "roots/list", "elicitation/create", "notifications/initialized"):
        assert not is_foreign(known)
