"""A refusal to start holds every reason."""

from app.serve.errors import StartError


def test_every_problem_is_a_line() -> None:
    error = StartError("one", "two")
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"
