"""What nginx asks of a request that it could not read: two `Authorization` headers, or something else."""

import json

import pytest

from app.config.settings import Settings
from app.downstream.authenticators import MISSING, Authenticator
from app.downstream.unparsed import Unparsed
from tests.unit.downstream.conftest import ANN, BOB, KEYRING, key_of
from tests.unit.downstream.wire import Wire, scope

PEER = (b"x-real-ip", b"192.0.2.1")


def unparsed(**settings: str) -> Unparsed:
    return Unparsed(Authenticator(Settings(**settings), lambda: KEYRING, lambda _: "edge"))  # type: ignore[arg-type] # of literals


async def asked(app: Unparsed, *headers: tuple[bytes, bytes]) -> Wire:
    wire = Wire()
    await app(scope("GET", [PEER, *headers]), wire.receive, wire.send)  # type: ignore[arg-type] - of the wire
    return wire


@pytest.mark.parametrize("mode", ["no", "all"])
async def test_two_are_no_key_even_if_both_are_good_and_where_none_is_needed(mode: str) -> None:
    wire = await asked(unparsed(disable_auth=mode), key_of(ANN), key_of(BOB))
    assert (wire.status, json.loads(wire.body)["error_description"]) == (401, MISSING)
    assert wire.headers[b"www-authenticate"] == b"Bearer"


async def test_one_or_none_was_refused_for_something_else() -> None:
    for headers in ((), (key_of(ANN),), ((b"authorization", b"Bearer wrong"),)):
        assert (await asked(unparsed(), *headers)).status == 400


async def test_pairs_count_as_wrong_keys_of_their_address() -> None:
    app = unparsed()
    wires = [await asked(app, key_of(ANN), key_of(ANN)) for _ in range(1000)]
    assert wires[0].status == 401
    assert wires[-1].status == 429
    assert int(wires[-1].headers[b"retry-after"]) >= 1
