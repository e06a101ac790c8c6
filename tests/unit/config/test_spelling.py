"""Near misses: one edit or transposition, case and `_` ignored."""

import pytest

from app.config.spelling import did_you_mean, near

WORDS = ("headers", "env", "max_timeout", "url")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("headres", "headers"),
        ("header", "headers"),
        ("headersx", "headers"),
        ("heeders", "headers"),
        ("Headers", "headers"),
        ("maxTimeout", "max_timeout"),
        ("max_timout", "max_timeout"),
        ("uri", "url"),
        ("nev", "env"),
        ("aheaders", "headers"),
    ],
)
def test_one_edit_or_transposition_is_a_near_miss(written: str, meant: str) -> None:
    assert near(written, WORDS) == (meant,)


@pytest.mark.parametrize("written", ["haedesr", "description", "", "h", "hdrs", "headers"])
def test_anything_further_away_and_the_word_itself_are_not(written: str) -> None:
    assert near(written, WORDS) == ()


def test_every_word_that_is_near_is_named() -> None:
    assert did_you_mean("tool", ("tools", "pool", "args")) == 'did you mean "tools" or "pool"?'


def test_nothing_near_says_nothing() -> None:
    assert did_you_mean("xyz", WORDS) == ""
