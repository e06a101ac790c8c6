"""The wire alone; what servers do with it is in tests/integration/upstream."""

import anyio
import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.upstream.errors import ProcessEnded, UpstreamError
from app.upstream.stderr_log import StderrLog
from app.upstream.stdio import StdioTransport
from app.upstream.transport import Outgoing


class Heard:
    """A `Receiver` that keeps what it hears."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.faults: list[tuple[object, Fault]] = []
        self.arrived = anyio.Event()
        self.ended = anyio.Event()

    def received(self, message: bytes, origin: int | None = None) -> None:
        self.messages.append(message)
        self.arrived.set()

    def failed(self, request_id: int | None, fault: Fault) -> None:
        self.faults.append((request_id, fault))

    def lost(self, fault: Fault) -> None:
        self.faults.append(("lost", fault))

    def closed(self, fault: Fault) -> None:
        self.faults.append(("closed", fault))
        self.ended.set()


def running(command: str, *args: str) -> StdioTransport:
    spec = ServerSpec(name="files", label="Files", kind="stdio", prefix="files", command=command, args=args)
    return StdioTransport(spec, StderrLog("files", lambda: 0.0))


@pytest.mark.requirement("stdio.lines")
async def test_one_message_is_one_line_whatever_it_holds() -> None:
    heard, wire = Heard(), running("cat")
    await wire.open(heard)
    wire.send(Outgoing("x", b'{"a":\r\n"b"}', 1))
    with anyio.fail_after(30):
        await heard.arrived.wait()
    assert heard.messages == [b'{"a":  "b"}']
    await wire.close()
    assert [(who, fault.message) for who, fault in heard.faults] == [("closed", "Server 'files' was stopped.")]


async def test_after_the_end_every_message_fails_and_closing_again_is_nothing() -> None:
    heard, wire = Heard(), running("sh", "-c", "exit 5")
    await wire.open(heard)
    with anyio.fail_after(30):
        await heard.ended.wait()
    wire.send(Outgoing("x", b"{}", 7))
    wire.abandon(7)
    await wire.close()
    await wire.close()
    assert [who for who, _ in heard.faults] == ["closed", 7]
    assert heard.faults[0][1].message == "Server 'files' exited with code 5."
    assert heard.faults[1][1].kind is Kind.CLOSED


async def test_what_a_child_wrote_before_its_end_is_delivered_before_the_end() -> None:
    heard, wire = Heard(), running("sh", "-c", 'printf \'{"n":1}\\n{"n":2}\\n\'; exit 0')
    await wire.open(heard)
    with anyio.fail_after(30):
        await heard.ended.wait()
    assert heard.messages == [b'{"n":1}', b'{"n":2}']
    await wire.close()


async def test_a_wire_that_was_never_opened_closes() -> None:
    wire = running("cat")
    await wire.close()
    with pytest.raises(RuntimeError):
        wire.send(Outgoing("x", b"{}", 1))


async def test_a_command_that_is_not_there_is_said_by_open() -> None:
    with pytest.raises(UpstreamError, match="not found"):
        await running("no-such-command-here").open(Heard())


async def test_what_was_to_be_sent_to_a_child_that_is_gone_never_left_and_says_how_it_ended() -> None:
    heard, wire = Heard(), running("sh", "-c", "exit 5")
    await wire.open(heard)
    with anyio.fail_after(30):
        await heard.ended.wait()
    wire.send(Outgoing("x", b"{}", 7))
    await wire.close()
    who, fault = heard.faults[-1]
    assert who == 7
    assert fault.unsent
    assert isinstance(fault, ProcessEnded)
    assert fault.code == 5
    assert "exited with code 5" in fault.message
