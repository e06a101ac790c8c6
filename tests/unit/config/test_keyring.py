"""Who a presented key is."""

import hashlib
import math

from app.config.key_format import hashed
from app.config.keyring import Key, Keyring, Principal
from app.relay.policy import Grant


def key(text: str, client: str, expires: float = math.inf, *, enabled: bool = True) -> Key:
    digest = hashlib.sha256(text.encode()).digest()
    return Key(digest, Principal(client, Grant()), "here", expires=expires, enabled=enabled)


RING = Keyring([key("first", "a"), key("second", "a"), key("brief", "b", 100.0), key("off", "c", enabled=False)])


def test_a_known_key_is_its_principal() -> None:
    assert RING.resolve(b"first", 0.0) == Principal("a", Grant())
    assert RING.resolve(b"second", 0.0) == Principal("a", Grant())


def test_an_unknown_a_disabled_and_an_empty_key_are_nobody() -> None:
    for presented in (b"", b"third", b"off", b"FIRST", b"first ", b"\xff\x00"):
        assert RING.resolve(presented, 0.0) is None


def test_a_key_works_until_the_second_it_expires() -> None:
    assert RING.resolve(b"brief", 99.9) is not None
    assert RING.resolve(b"brief", 100.0) is None


def test_the_text_of_a_stored_hash_is_never_a_key() -> None:
    assert RING.resolve(hashed("first").encode(), 0.0) is None


def test_what_the_dummy_stands_for_resolves_to_nobody() -> None:
    assert Keyring().resolve(b"", 0.0) is None
    assert Keyring().resolve(bytes(32), -math.inf) is None


def test_clients_are_listed_once_in_order_and_no_key_is_shown() -> None:
    assert RING.clients == ("a", "b", "c")
    assert len(RING) == 4
    assert repr(RING) == "Keyring(4 keys, 3 clients)"
