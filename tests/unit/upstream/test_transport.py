from app.upstream.connection import Connection
from app.upstream.stderr_log import StderrLog
from app.upstream.stdio import StdioTransport
from app.upstream.transport import Outgoing, Receiver, Transport
from tests.support.recorded import RecordedWire
from tests.support.upstreams import wayward


def test_the_stdio_wire_and_the_connection_fit_the_seam() -> None:
    wire: Transport = StdioTransport(wayward(), StderrLog("wayward", lambda: 0.0))
    receiver: Receiver = Connection(wire, "wayward")
    assert not wire.cancels_by_closing
    assert receiver is not None
    assert isinstance(RecordedWire().cancels_by_closing, bool)


def test_a_message_is_a_notification_without_headers_unless_said_otherwise() -> None:
    message = Outgoing("ping", b"{}")
    assert message.id is None
    assert message.headers == {}
