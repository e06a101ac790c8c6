"""MCP_API_KEYS and the keys file: what is read, and what is said about it without a key."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.key_format import hashed
from app.config.keys import KeysRead, read_keyring

LONG = "k" * 40
NOW = 1_800_000_000.0


def read(variable: str = "", **file: object) -> KeysRead:
    data = json.dumps(file).encode() if file else None
    return read_keyring(variable, data, "keys.json", NOW)


def entry(**members: object) -> KeysRead:
    return read(**{LONG: {"client_id": "a"} | members})


def messages(read: KeysRead, *, error: bool = True) -> list[str]:
    return [f"{notice.where}: {notice.message}" for notice in read.notices if notice.error == error]


def test_the_variable_is_split_at_commas_and_the_first_colon_and_trimmed() -> None:
    keyring = read(f" {LONG} : client 1 ,{LONG}2:b:c,").keyring
    assert [key.principal.client_id for key in keyring.keys] == ["client 1", "b:c"]
    principal = keyring.resolve(LONG.encode(), NOW)
    assert principal is not None
    assert principal.grant.scopes == ("*",)
    assert not principal.grant.admin


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        ("s3cret-s3cret", "entry 1: has no client"),
        (f"{LONG}:a,s3cret-s3cret:", "entry 2: has no client"),
        (f"{LONG}:a,,{LONG}2:a", "entry 2: is empty"),
        ("s3cret:a", "entry 1: the key is shorter than 8"),
        (":s3cret", "entry 1: the key is shorter than 8"),
        ("s3cret\u00e9s3cret:a", "entry 1: the key holds what a header cannot carry"),
        ("s3cret s3cret:a", "entry 1: the key holds what a header cannot carry"),
        (f"{hashed('s3cret')}", "entry 1: is a hash"),
        (f"{LONG}:a\x00", "entry 1: a client's name"),
        ("${S3CRET_s3cret}:a", "entry 1: the key is a variable"),
        ("$S3CRET_s3cret:a", "entry 1: the key is a variable"),
        (f"{LONG}:a,{LONG}:b", "entry 2: this key belongs to another client already: MCP_API_KEYS entry 1"),
    ],
)
def test_a_bad_entry_is_named_by_position_never_by_value(variable: str, message: str) -> None:
    found = messages(read(variable))
    assert len(found) == 1
    assert found[0].startswith(f"MCP_API_KEYS {message}")
    assert "s3cret" not in str(read(variable).notices)
    assert LONG not in str(read(variable).notices)


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (f'"{LONG}:a,{LONG}2:b"', "has quotes around it"),
        (f"'{LONG}:a'", "has quotes around it"),
        (f'{{"{LONG}": {{"client_id": "a"}}}}', "holds JSON"),
    ],
)
def test_what_is_no_list_of_keys_is_said_once(variable: str, message: str) -> None:
    assert messages(read(variable)) == [f"MCP_API_KEYS: {message}"]


def test_all_errors_come_at_once() -> None:
    assert len(messages(read("a:b,c,d:e"))) == 3


def test_a_short_key_works_with_a_warning() -> None:
    found = read("sk-abc123:client1")
    assert found.keyring.resolve(b"sk-abc123", NOW) is not None
    assert not found.errors
    assert "shorter than 32" in messages(found, error=False)[0]


def test_the_file_holds_keys_and_hashes() -> None:
    found = read(**{LONG: {"client_id": "a"}, hashed("other"): {"client_id": "b", "scopes": ["files"]}})
    assert found.notices == ()
    for presented, client, scopes in ((LONG, "a", ("*",)), ("other", "b", ("files",))):
        principal = found.keyring.resolve(presented.encode(), NOW)
        assert principal is not None
        assert (principal.client_id, principal.grant.scopes) == (client, scopes)
    assert found.keyring.resolve(hashed("other").encode(), NOW) is None


def test_comments_are_read_in_the_file() -> None:
    data = f'{{ // ours\n "{LONG}": {{"client_id": "a",}},\n}}'.encode()
    assert read_keyring("", data, "keys.json", NOW).keyring.clients == ("a",)


def test_missing_scopes_are_all_and_an_empty_list_is_none() -> None:
    (everything,) = entry().keyring.keys
    (nothing,) = entry(scopes=[]).keyring.keys
    assert everything.principal.grant.scopes == ("*",)
    assert nothing.principal.grant.scopes == ()


def test_a_key_expires_and_can_be_switched_off() -> None:
    ring = entry(expires_at="2027-01-15T08:00:01Z").keyring
    assert ring.resolve(LONG.encode(), NOW) is not None
    assert ring.resolve(LONG.encode(), NOW + 1) is None
    assert entry(enabled=False).keyring.resolve(LONG.encode(), NOW) is None
    expired = entry(expires_at="2020-01-01T00:00:00+02:00")
    assert "has expired" in messages(expired, error=False)[0]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"client_id": ""}, "client_id must be a string that is not empty, not an empty one"),
        ({"client_id": 5}, "client_id must be a string that is not empty, not a number"),
        ({"scopes": "files"}, "scopes must be a list, not a string"),
        ({"scopes": ["files", 5]}, "scope 2 must be a string, not a number"),
        ({"scopes": ["my files"]}, "scope 1: server names hold"),
        ({"expires_at": "tomorrow"}, "expires_at must be a time"),
        ({"expires_at": "2027-01-15T08:00:01"}, "expires_at must be a time"),
        ({"expires_at": 5}, "expires_at must be a string"),
        ({"enabled": "no"}, "enabled must be true or false"),
        ({"rate_limit": 5}, "rate_limit is not supported by this version"),
        ({"roles": []}, "roles is not supported by this version"),
        ({"scope": ["files"]}, "line 1 has a key that is not ours"),
        ({"expires": "2027-01-31"}, "expires is not a key of ours"),
        ({"permissions": []}, "permissions is not a key of ours"),
        ({"disabled": True}, "disabled is not a key of ours"),
    ],
)
def test_a_wrong_member_is_an_error_of_its_entry(members: dict[str, object], message: str) -> None:
    found = messages(entry(**members))
    assert len(found) == 1
    assert found[0].startswith(f"keys.json:1 entry 1: {message}")


def test_a_key_of_the_entry_that_is_far_from_ours_warns() -> None:
    found = entry(comment="for the laptop")
    assert not found.errors
    assert len(found.notices) == 1


def test_an_entry_must_be_an_object_with_a_client() -> None:
    assert "must be an object" in messages(read(**{LONG: "client"}))[0]
    assert messages(read(**{LONG: {}})) == ["keys.json:1 entry 1: has no client_id"]
    assert "64 hex digits" in messages(read(**{"sha256:12": {"client_id": "a"}}))[0]


def test_only_exclamation_scopes_warn_that_nothing_is_granted() -> None:
    assert "grant nothing" in messages(entry(scopes=["!files"]), error=False)[0]


def test_the_union_of_both_sources_counts_and_one_key_has_one_client() -> None:
    both = read(f"{LONG}:a", **{f"{LONG}2": {"client_id": "b"}})
    assert both.keyring.clients == ("a", "b")
    assert "belongs to another client" in messages(read(f"{LONG}:a", **{LONG: {"client_id": "b"}}))[0]
    assert "belongs to another client" in messages(read(f"{LONG}:a", **{hashed(LONG): {"client_id": "b"}}))[0]
    assert "with other rights" in messages(read(f"{LONG}:a", **{LONG: {"client_id": "a", "scopes": ["x"]}}))[0]
    again = read(f"{LONG}:a", **{LONG: {"client_id": "a"}})
    assert not again.errors
    assert len(again.notices) == 1


def test_an_unreadable_file_is_named_without_its_keys() -> None:
    data = b'{\n "s3cret-key": {"client_id": tru}}'
    (notice,) = read_keyring("", data, "keys.json", NOW).errors
    assert (notice.where, notice.path) == ("keys.json:2", "")
    assert "s3cret" not in str(notice)


@given(st.binary(max_size=80), st.text(max_size=40))
def test_never_raises_on_any_bytes(data: bytes, variable: str) -> None:
    read_keyring(variable, data, "keys.json", NOW)
