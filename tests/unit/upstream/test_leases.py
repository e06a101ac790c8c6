"""Who has a session, and whose turn it is."""

import msgspec

from app.protocol.versions import Era
from app.relay.events import NeedsInput, Request, UpstreamEvent
from app.upstream.connection import Connection
from app.upstream.leases import Asker, Session
from app.upstream.negotiated import Negotiated
from app.upstream.opening import Opened
from tests.support.recorded import RecordedWire

ANN = Asker("ann", b"{}")
BOB = Asker("bob", b"{}")
ALONE = Asker("client", b"{}", alone=True)
ECHO = Request("tools/call", {"name": msgspec.Raw(b'"echo"')}, {})


def session() -> Session:
    wire = RecordedWire()
    connection = wire.receiver = Connection(wire, "files")
    connection.adopt(Era.LEGACY, "2025-11-25")
    return Session(Opened(connection, Negotiated(Era.LEGACY, "2025-11-25"), False))


def send(lease: object, heard: list[UpstreamEvent]) -> int:
    return lease.send(ECHO, heard.append)  # type: ignore[attr-defined]


def test_a_lease_is_given_back_once_and_its_owner_hears_of_it() -> None:
    found, returned = session(), list[str]()
    lease = found.lease(ANN, lambda: returned.append("back"))
    assert (found.users, found.owner) == (1, "ann")
    lease.release()
    lease.release()
    assert (found.users, returned) == (0, ["back"])


def test_a_question_is_of_the_only_call_or_of_any_of_one_client() -> None:
    found, heard = session(), list[UpstreamEvent]()
    assert found.whose() is None
    first, second = found.lease(ANN), found.lease(ANN)
    assert found.whose() is None, "nothing was sent yet"
    assert [send(first, heard), send(second, heard)] == found.whose()


def test_a_question_of_several_clients_is_nobodys() -> None:
    for others in ((ANN, BOB), (ALONE, ALONE), (ANN, None)):
        found = session()
        leases = [found.lease(asker) for asker in others]
        for lease in leases:
            send(lease, [])
        assert found.whose() == []
        leases[1].release()
        assert found.whose() == [1]


def test_what_a_server_asks_before_the_first_call_is_asked_in_it() -> None:
    found, heard = session(), list[UpstreamEvent]()
    lease = found.lease(ANN)
    found.connection.received(b'{"jsonrpc":"2.0","id":"q","method":"roots/list"}')
    assert heard == []
    send(lease, heard)
    assert [type(event) for event in heard] == [NeedsInput]


def test_what_a_server_asks_after_a_clients_last_call_is_asked_of_nobody_else() -> None:
    for first, next_one, heard_of in ((ANN, BOB, False), (ALONE, ALONE, False), (ANN, None, False), (ANN, ANN, True)):
        found, heard = session(), list[UpstreamEvent]()
        lease = found.lease(first)
        found.connection.cancel(send(lease, []), "not wanted")
        lease.release()
        found.connection.received(b'{"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"?"}}')
        send(found.lease(next_one), heard)
        assert bool(heard) is heard_of, (first, next_one)
