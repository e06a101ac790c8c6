"""Listed names, and the aliases that find them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.names import LIMIT, clean, hashed_name, listed_name, own_names


def test_a_name_has_its_servers_prefix_also_when_there_is_one_server() -> None:
    assert listed_name("files", "read") == "files__read"
    assert listed_name("", "read") == "read"


def test_characters_that_model_apis_refuse_become_underscores() -> None:
    assert listed_name("files", "a.b/c d") == "files__a_b_c_d"
    assert clean("größe") == "gr__e"


def test_a_long_name_is_cut_and_given_the_same_hash_for_ever() -> None:
    name = listed_name("files", "x" * 100)
    assert name == "files__" + "x" * 48 + "_209f3035"
    assert len(name) == LIMIT
    assert listed_name("files", "x" * 57) == "files__" + "x" * 57


@given(prefix=st.text(max_size=70), own=st.text(min_size=1, max_size=200))
def test_every_listed_name_is_one_that_model_apis_take(prefix: str, own: str) -> None:
    for name in (listed_name(prefix, own), hashed_name(prefix, own)):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name)


@pytest.mark.parametrize(
    ("alias", "found"),
    [
        ("files:read", ["read", "files_read"]),
        ("f:read", ["read", "f_read"]),
        ("f__read", ["read"]),
        ("files__read", ["read"]),
        ("read", []),
        ("filesread", []),
        ("FILES:read", []),
    ],
)
def test_a_name_may_be_said_by_server_or_by_prefix(alias: str, found: list[str]) -> None:
    assert own_names(alias, "files", "f") == found
