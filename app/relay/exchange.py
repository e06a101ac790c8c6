"""One client request from first byte to last, as a table.

Pure; knows no era, socket or clock.

Theory of operation: the driver feeds events to `receive` one at a time and performs the effects it returns, in order,
before the next. `TRANSITIONS` is the whole behaviour: (state, type of event) to (next state, effects). A pair without a
row is a late event (an answer after a cancel) and changes nothing. `docs/architecture.md` shows the table, and a test
compares the two.
"""

from collections.abc import Callable
from enum import Enum, auto

from app.protocol.faults import Fault, Kind
from app.relay.effects import Acquire, CancelUpstream, Effect, Release, Reply, SendUpstream, SetTimer, Stream
from app.relay.events import (
    Called,
    Cancelled,
    Detached,
    Disconnected,
    Event,
    Expired,
    Failed,
    Finished,
    Leased,
    Lost,
    NeedsInput,
    Noticed,
    Result,
)


class State(Enum):
    """NEW: not asked yet. ACQUIRING: waits for a connection. CALLING: the server works. DONE: nothing follows."""

    NEW = auto()
    ACQUIRING = auto()
    CALLING = auto()
    DONE = auto()


UNASKABLE = Fault(Kind.PROTOCOL, "The server asked for input that the client cannot give.")


class Exchange:
    """The neutral machine of one request; `called` is what was asked, once it was.

    `ask` makes of a server's question the one that the client gets, or says why it gets none.
    """

    __slots__ = ("ask", "called", "state")

    def __init__(self, ask: Callable[[Result], Result | Fault] = lambda _: UNASKABLE) -> None:
        self.ask = ask
        self.state = State.NEW
        self.called: Called | None = None

    def __repr__(self) -> str:
        return f"<Exchange {self.state.name} {self.called.request.method if self.called else '-'}>"

    @property
    def done(self) -> bool:
        return self.state is State.DONE

    def receive(self, event: Event) -> list[Effect]:
        """What follows from `event`. The caller performs the effects in order; after DONE there are none."""
        row = TRANSITIONS.get((self.state, type(event)))
        if row is None:
            return []
        self.state, effects = row
        return effects(self, event)


def _acquire(exchange: Exchange, called: Called) -> list[Effect]:
    exchange.called = called
    return [SetTimer(), Acquire()]


def _send(exchange: Exchange, _: Leased) -> list[Effect]:
    assert exchange.called is not None, "there is no way to ACQUIRING but by Called"
    return [SetTimer(), SendUpstream(exchange.called.request)]


def _stream(_: Exchange, notice: Noticed) -> list[Effect]:
    return [SetTimer(), Stream(notice)]


def _finish(_: Exchange, finished: Finished) -> list[Effect]:
    return [Release(), Reply(finished.outcome)]


def _question(exchange: Exchange, asked: NeedsInput) -> list[Effect]:
    # Also in one era nothing waits for the answer: the client's retry is a request of its own.
    return [Release(), Reply(exchange.ask(asked.question))]


def _refuse(_: Exchange, event: Failed | Expired) -> list[Effect]:
    return [Reply(event.fault)]


def _fail(_: Exchange, failed: Failed) -> list[Effect]:
    return [Release(), Reply(failed.fault)]


def _again(_: Exchange, __: Lost) -> list[Effect]:
    return [Release(), Acquire()]


def _expire(_: Exchange, expired: Expired) -> list[Effect]:
    return [CancelUpstream(expired.fault.message), Release(), Reply(expired.fault)]


def _give_up(_: Exchange, cancelled: Cancelled) -> list[Effect]:
    # A cancelled POST still needs an HTTP answer, which its client ignores (2025-11-25, cancellation).
    return [Reply(Fault(Kind.CANCELLED, cancelled.reason))]


def _cancel(exchange: Exchange, cancelled: Cancelled) -> list[Effect]:
    return [CancelUpstream(cancelled.reason), Release(), *_give_up(exchange, cancelled)]


def _hang_up(_: Exchange, gone: Disconnected) -> list[Effect]:
    return [CancelUpstream(gone.reason), Release()]


def _nothing(_: Exchange, __: Event) -> list[Effect]:
    return []


_Row = tuple[State, Callable[..., list[Effect]]]
TRANSITIONS: dict[tuple[State, type[Event]], _Row] = {
    (State.NEW, Called): (State.ACQUIRING, _acquire),
    (State.ACQUIRING, Leased): (State.CALLING, _send),
    (State.ACQUIRING, Failed): (State.DONE, _refuse),
    (State.ACQUIRING, Expired): (State.DONE, _refuse),
    (State.ACQUIRING, Cancelled): (State.DONE, _give_up),
    (State.ACQUIRING, Disconnected): (State.DONE, _nothing),
    (State.ACQUIRING, Detached): (State.ACQUIRING, _nothing),
    (State.CALLING, Noticed): (State.CALLING, _stream),
    (State.CALLING, Finished): (State.DONE, _finish),
    (State.CALLING, NeedsInput): (State.DONE, _question),
    (State.CALLING, Failed): (State.DONE, _fail),
    (State.CALLING, Lost): (State.ACQUIRING, _again),
    (State.CALLING, Expired): (State.DONE, _expire),
    (State.CALLING, Cancelled): (State.DONE, _cancel),
    (State.CALLING, Disconnected): (State.DONE, _hang_up),
    (State.CALLING, Detached): (State.CALLING, _nothing),
}
