"""What one legacy server asks of its client: whose call each question belongs to, and its answer under the server's id.

A legacy question names no call. Theory of operation: the stream it came on says which (Streamable HTTP); else
`attribute`, which the owner of an interactive session sets, says whose turn it is; a question before the first call
waits for that one, since servers ask for roots as soon as they may. What belongs to nobody for certain is declined: on
a session that several share, a guess could ask the wrong person (PROTOCOL.md section 5).
"""

import logging
from collections.abc import Callable, Mapping

import msgspec

from app.relay import questions
from app.relay.events import Given, NeedsInput, Question, Sink, Withdrawn
from app.relay.questions import Read
from app.upstream.wire import read_cancelled

log = logging.getLogger("app.upstream")

# A server that asks without end is not kept in memory.
MAX_OPEN = 64

Ident = float | str


class _Open(msgspec.Struct):
    """One question without an answer: the server's id for it, and who was asked, if anybody yet."""

    ident: Ident
    question: Read
    sink: Sink | None = None


class Inquiries:
    """The questions of one session. `answer` writes one to the server: its id, and the result or error."""

    def __init__(self, server: str, answer: Callable[[Ident, Given], None]) -> None:
        self._server = server
        self._answer = answer
        self._open: dict[str, _Open] = {}
        self._count = 0
        self.attribute: Callable[[], list[int] | None] | None = None
        """Which of our requests a question may be of that came on no stream; None where the next one is meant.

        Unset: everybody's, so that nobody knows."""

    def __repr__(self) -> str:
        return f"<Inquiries {self._server} {len(self._open)} open>"

    def asked(
        self, method: str, ident: Ident, params: msgspec.Raw, pending: Mapping[int, Sink], origin: int | None
    ) -> None:
        """The server asks; `pending` are the sinks of our requests."""
        question = Read(method, questions.members_of(params) or {})
        sink = pending.get(origin) if origin is not None else None
        waits = False
        if origin is not None:
            pass  # of that call alone, and of nobody's once it is over
        elif self.attribute is not None:
            candidates = self.attribute()
            sink = next((pending[each] for each in candidates or () if each in pending), None)
            waits = candidates is None
        elif method != questions.ROOTS and len(pending) == 1:
            # It declared nothing, and is asked all the same: its client hears what it takes. Roots are asked for by
            # servers that only start.
            [sink] = pending.values()
        if (sink is None and not waits) or len(self._open) >= MAX_OPEN:
            log.info("server=%s asked %s of nobody in particular: declined", self._server, method)
            self._answer(ident, questions.declined(question))
            return
        self._count += 1
        key = f"{method.partition('/')[0]}-{self._count}"
        self._open[key] = _Open(ident, question, sink)
        if sink is not None:
            self._put(key, question, sink)

    def newest(self, pending: Mapping[int, Sink]) -> int | None:
        """The call that a message without a stream is of, where the session is in one client's hands."""
        candidates = [ident for ident in (self.attribute() if self.attribute else None) or () if ident in pending]
        return candidates[-1] if candidates else None

    def called(self, sink: Sink) -> None:
        """A call begins: what was asked before there was one is asked of its client."""
        for key, each in self._open.items():
            if each.sink is None:
                each.sink = sink
                self._put(key, each.question, sink)

    def forsake(self) -> None:
        """The session goes to somebody else: what still waits for a call is not for that one to hear."""
        for key in [key for key, each in self._open.items() if each.sink is None]:
            self.answer(key, questions.declined(self._open[key].question))

    def answer(self, key: str, given: Given) -> None:
        """What the client says; unknown keys, and late ones, are ignored."""
        found = self._open.pop(key, None)
        if found is not None:
            self._answer(found.ident, given)

    def decline(self, question: Question) -> None:
        """There is no client to ask."""
        for key, raw in question.requests.items():
            self.answer(key, questions.declined(questions.read(raw)))

    def withdrawn(self, params: msgspec.Raw) -> None:
        """The server cancels a question of its own."""
        ident = read_cancelled(params)
        key = next((key for key, each in self._open.items() if each.ident == ident), None)
        if key is not None and ident is not None:
            sink = self._open.pop(key).sink
            if sink is not None:
                sink(Withdrawn(key))

    def _put(self, key: str, question: Read, sink: Sink) -> None:
        sink(NeedsInput(Question({key: questions.to_raw(question)})))
