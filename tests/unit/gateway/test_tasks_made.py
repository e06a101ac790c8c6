"""Which tasks each client has made."""

import pytest

from app.gateway import tasks_made as module
from app.gateway.tasks_made import TasksMade


def test_a_clients_tasks_are_kept_in_the_order_in_which_they_were_first_met() -> None:
    made = TasksMade()
    for client, server, theirs in (("ann", "a", "1"), ("bob", "a", "2"), ("ann", "b", "1"), ("ann", "a", "1")):
        made.note(client, server, theirs)
    assert [each[1:] for each in made.after("ann", 0)] == [("a", "1"), ("b", "1")]
    assert [each[1:] for each in made.after("bob", 0)] == [("a", "2")]
    assert made.after("eve", 0) == []
    first = made.after("ann", 0)[0][0]
    assert [each[1:] for each in made.after("ann", first)] == [("b", "1")]
    assert repr(made) == "<TasksMade 3 of 2 clients>"


def test_what_is_forgotten_is_gone_and_leaves_nothing() -> None:
    made = TasksMade()
    made.note("ann", "a", "1")
    made.forget("ann", "a", "other")
    made.forget("bob", "a", "1")
    assert made.after("ann", 0) != []
    made.forget("ann", "a", "1")
    assert made.after("ann", 0) == []
    assert repr(made) == "<TasksMade 0 of 0 clients>"


def test_a_client_that_makes_them_without_end_has_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PER_CLIENT", 2)
    made = TasksMade()
    for theirs in "123":
        made.note("ann", "a", theirs)
    assert [theirs for _, _, theirs in made.after("ann", 0)] == ["2", "3"]
