"""Who is calling."""

import hashlib
import statistics
import time

import pytest

from app.config.keyring import ANONYMOUS, Key, Keyring, Principal
from app.config.settings import Settings
from app.downstream.authenticators import (
    LOOPBACK_ONLY,
    MISSING,
    OPERATOR,
    Authenticator,
    host_name,
    is_local,
)
from app.downstream.callers import Way
from app.downstream.penalties import AT_ONCE
from app.protocol.faults import Kind
from app.relay.policy import Grant
from tests.unit.downstream.wire import scope

KEY = b"sk-0123456789-0123456789-0123456789"
ANN = Principal("ann", Grant(["*"]))
KEYRING = Keyring([Key(hashlib.sha256(KEY).digest(), ANN, "test")])
HOST = (b"host", b"localhost:8080")


def authenticator(way: Way = "direct", disable: str = "no") -> Authenticator:
    return Authenticator(Settings(disable_auth=disable), lambda: KEYRING, lambda _: way)


def bearer(value: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", value)]


@pytest.mark.parametrize(
    "value", [b"Bearer " + KEY, b"bearer " + KEY, b"BEARER  " + KEY, b"Bearer Bearer " + KEY, b" Bearer " + KEY + b" "]
)
def test_a_key_is_known_however_the_scheme_is_written(value: bytes) -> None:
    assert authenticator().identify(scope(headers=bearer(value))) is ANN


@pytest.mark.parametrize(
    "headers",
    [
        [], bearer(b"Bearer"), bearer(b"Bearer "), bearer(KEY), bearer(b"Basic " + KEY),
        bearer(b"Bearer " + KEY + b"x"),
        bearer(b"Bearer sha256:" + hashlib.sha256(KEY).hexdigest().encode()), bearer(b"Bearer " + KEY) * 2,
        bearer(b"Bearer " + KEY + b" " + KEY), [(b"x-api-key", KEY)], [(b"cookie", KEY)],
    ],
)  # fmt: skip
def test_anything_else_is_nobody(headers: list[tuple[bytes, bytes]]) -> None:
    assert authenticator().identify(scope(headers=headers)) is None
    assert authenticator().identify(scope(headers=headers, query_string=b"key=" + KEY)) is None


def test_a_command_of_ours_is_the_operator_or_whom_it_names_on_the_control_socket_alone() -> None:
    named = [(b"x-mcp-client", b"ann")]
    assert authenticator("control").identify(scope()) is OPERATOR
    assert authenticator("control").identify(scope(headers=named)) is ANN
    assert authenticator("control").identify(scope(headers=[(b"x-mcp-client", b"nobody")])) is None
    assert authenticator("direct").identify(scope(headers=named)) is None
    assert authenticator("edge").identify(scope(headers=named)) is None


def test_a_client_is_named_by_its_keys_that_work() -> None:
    now = time.time()
    former, gone = Principal("ann", Grant(["old"])), Principal("bob", Grant(["*"]))
    keyring = Keyring(
        [
            Key(b"a" * 32, former, "test", expires=now - 1),
            Key(b"b" * 32, former, "test", enabled=False),
            Key(b"c" * 32, ANN, "test", expires=now + 600),
            Key(b"d" * 32, gone, "test", expires=now - 1),
        ]
    )
    control = Authenticator(Settings(), lambda: keyring, lambda _: "control")
    assert control.identify(scope(headers=[(b"x-mcp-client", b"ann")])) is ANN
    assert control.identify(scope(headers=[(b"x-mcp-client", b"bob")])) is None


def test_with_keys_switched_off_this_machine_is_served_and_nobody_else() -> None:
    off = authenticator(disable="loopback")
    assert off.identify(scope(headers=[HOST])) is ANONYMOUS
    assert off.identify(scope(headers=[HOST], client=("192.0.2.1", 5))) is None
    assert off.refusal == LOOPBACK_ONLY
    assert authenticator().refusal == MISSING
    assert authenticator(disable="all").identify(scope(client=("192.0.2.1", 5))) is ANONYMOUS


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"cf-ray", b"cf-connecting-ip"])
def test_whatever_came_through_a_proxy_is_not_local(header: bytes) -> None:
    assert not is_local(scope(headers=[HOST, (header, b"127.0.0.1")]), "direct")


@pytest.mark.parametrize(
    ("host", "local"), [(b"127.0.0.1", True), (b"[::1]:8080", True), (b"evil.example", False), (b"", False)]
)
def test_the_host_must_be_this_machine_too(host: bytes, local: bool) -> None:
    assert is_local(scope(headers=[(b"host", host)]), "direct") is local


def test_behind_our_nginx_the_peer_is_who_it_says() -> None:
    assert is_local(scope(headers=[HOST, (b"x-real-ip", b"127.0.0.1")], client=None), "edge")
    assert not is_local(scope(headers=[HOST, (b"x-real-ip", b"192.0.2.1")], client=None), "edge")
    assert not is_local(scope(headers=[HOST], client=None), "edge")


def test_a_host_header_is_read_without_its_port() -> None:
    assert [host_name(host) for host in ("a:1", "a", "[::1]:1", "")] == ["a", "a", "::1", ""]


def test_unknown_keys_of_one_address_are_refused_otherwise_after_a_while_and_a_known_key_never() -> None:
    asked = authenticator("edge")

    def seen(address: bytes, key: bytes | None) -> list[tuple[bytes, bytes]]:
        return [(b"x-real-ip", address), *(bearer(b"Bearer " + key) if key else [])]

    kinds = [asked.refuse(scope(headers=seen(b"192.0.2.1", b"wrong-key"))).kind for _ in range(AT_ONCE + 5)]
    assert kinds == [Kind.UNAUTHENTICATED] * AT_ONCE + [Kind.THROTTLED] * 5
    fault = asked.refuse(scope(headers=seen(b"192.0.2.1", b"wrong-key")))
    assert 0 < (fault.retry_after or 0) <= 3
    assert asked.identify(scope(headers=seen(b"192.0.2.1", KEY))) is ANN
    assert asked.refuse(scope(headers=seen(b"192.0.2.2", b"wrong-key"))).kind is Kind.UNAUTHENTICATED
    assert asked.refuse(scope(headers=seen(b"192.0.2.1", None))).kind is Kind.UNAUTHENTICATED, "no key is no guess"


def test_no_wrong_key_takes_longer_than_another() -> None:
    """Medians of interleaved trials; a hash of the whole key and one look into a table are all that happens."""
    expired = b"mgw_expired1_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"
    keys = [
        Key(hashlib.sha256(KEY).digest(), ANN, "test"),
        Key(hashlib.sha256(expired).digest(), ANN, "x", expires=1.0),
    ]
    asked = Authenticator(Settings(), lambda: Keyring(keys), lambda _: "direct")
    wrong = {
        "right beginning": KEY[:-1] + b"x",
        "unknown": b"sk-9876543210-9876543210-9876543210",
        "expired": expired,
        "bad checksum": b"mgw_abcdefgh_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    }
    scopes = {name: scope(headers=bearer(b"Bearer " + key)) for name, key in wrong.items()}
    taken: dict[str, list[int]] = {name: [] for name in wrong}
    for _ in range(2000):
        for name, found in scopes.items():
            began = time.perf_counter_ns()
            assert asked.identify(found) is None
            taken[name].append(time.perf_counter_ns() - began)
    medians = {name: statistics.median(times) for name, times in taken.items()}
    assert max(medians.values()) - min(medians.values()) < 5000, medians
