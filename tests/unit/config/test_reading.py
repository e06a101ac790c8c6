"""Typed values of an entry; what the keys mean is in test_entry.py."""

import pytest

from app.config.reading import EntryReader, Field
from app.config.tree import Object, Scalar


def field(value: str | float | bool | None, text: str = "") -> Field:
    return Field("key", "a.key", 3, Scalar(value, text, 4))


def reader(**env: str) -> EntryReader:
    return EntryReader("f.json", env)


def test_a_complaint_names_file_line_and_path_and_the_kind_of_value() -> None:
    one = reader()
    assert one.string(field(5, "5")) is None
    (notice,) = one.errors
    assert (notice.where, notice.path, notice.message) == ("f.json:4", "a.key", "must be a string, not a number")


def test_a_failed_expansion_is_one_complaint() -> None:
    one = reader()
    assert one.seconds(field("${NOPE}")) is None
    assert len(one.errors) == 1


@pytest.mark.parametrize(("value", "seconds"), [(5, 5.0), (0.5, 0.5), ("30", 30.0), ("1.5", 1.5), ("${T}", 9.0)])
def test_seconds_are_numbers_or_strings_that_read_as_such(value: str | float, seconds: float) -> None:
    assert reader(T="9").seconds(field(value, str(value))) == seconds


@pytest.mark.parametrize("value", [0, -1, float("inf"), "inf", "1e5", "", None, True])
def test_other_seconds_are_refused(value: str | float | None) -> None:
    one = reader()
    assert one.seconds(field(value, str(value))) is None
    assert len(one.errors) == 1


def test_a_choice_is_found_in_any_case_and_a_near_miss_is_guessed() -> None:
    one = reader()
    assert one.choice(field("AUTO"), ("auto", "one")) == "auto"
    assert one.choice(field("onee"), ("auto", "one")) is None
    assert one.errors[0].hint == 'did you mean "one"?'


def test_warnings_are_no_errors() -> None:
    one = reader()
    one.warn(1, "a", "odd")
    assert one.errors == []
    assert len(one.notices) == 1


def test_what_is_no_object_has_no_members() -> None:
    one = reader()
    assert one.members(field("x")) == []
    assert one.members(Field("key", "a", 1, Object((), 1))) == []
    assert len(one.errors) == 1
