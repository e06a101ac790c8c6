"""Caching hints: what servers say, what is made of several, what is left of one."""

import json

import msgspec
import pytest

from app.relay.catalog import Hint
from app.relay.hints import UNHINTED, aged, confined, merged, read_hint, scope_of


@pytest.mark.requirement("cache.ttl")
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (b'{"ttlMs":5,"cacheScope":"public"}', Hint(5, public=True)),
        (b'{"ttlMs":5,"cacheScope":"private"}', Hint(5)),
        (b'{"ttlMs":-5,"cacheScope":"public"}', Hint(0, public=True)),
        (b"{}", UNHINTED),
        (b'{"ttlMs":1.5,"cacheScope":7}', UNHINTED),
        (b'{"ttlMs":"5","cacheScope":"PUBLIC"}', UNHINTED),
    ],
)
def test_what_a_server_says_is_read_and_nonsense_is_the_careful_value(text: bytes, hint: Hint) -> None:
    assert read_hint(msgspec.json.decode(text, type=dict[str, msgspec.Raw])) == hint


@pytest.mark.requirement("cache.pages")
def test_of_several_the_shortest_life_counts_and_one_private_part_makes_all_private() -> None:
    assert merged([Hint(9, public=True), Hint(5, public=True)]) == Hint(5, public=True)
    assert merged([Hint(9, public=True), Hint(50)]) == Hint(9)
    assert merged([]) == UNHINTED == Hint(0, public=False)


def test_a_hint_ages_and_never_below_nothing() -> None:
    assert aged(Hint(1000, public=True), 0.4) == Hint(600, public=True)
    assert aged(Hint(1000), 5) == Hint(0)
    assert [scope_of(hint) for hint in (Hint(0, public=True), Hint())] == ["public", "private"]


def test_what_is_confined_is_private_and_else_as_it_was() -> None:
    raw = b'{"contents":[{"text":"x","n":1.0}],"cacheScope":"public","ttlMs":5}'
    assert confined(raw) == raw.replace(b'"public"', b'"private"')
    for other in (b'{"cacheScope":"private"}', b'{"contents":"public"}', b"[]", b'["public"]'):
        assert confined(other) == other
    assert json.loads(confined(raw))["contents"][0] == {"text": "x", "n": 1.0}
