"""What the gateway has asked the client of one legacy session: our ids, and which call waits for each answer.

No I/O. Ids are ours and belong to the session alone: an answer counts only from the session that was asked, and once.
"""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from app.gateway.client_response import ClientResponse
from app.protocol.jsonrpc import Message
from app.relay.effects import Ask, Unask
from app.relay.events import Answered, Given, Noticed, PeerError
from app.relay.questions import OVER, ROOTS, read

# The oldest is forgotten: a client that never answers does not fill the memory.
MAX_OPEN = 256

Deliver = Callable[[Answered], None]


class Asked:
    """The open requests to one client."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, tuple[str, Deliver]] = OrderedDict()
        self._last = 0

    def __repr__(self) -> str:
        return f"<Asked {len(self._open)} open>"

    def __len__(self) -> int:
        return len(self._open)

    def ask(self, key: str, deliver: Deliver) -> int:
        """A new request; its id. `deliver` gets the answer, under `key`."""
        self._last += 1
        self._open[self._last] = key, deliver
        if len(self._open) > MAX_OPEN:
            self._open.popitem(last=False)
        return self._last

    def redirect(self, ident: int, deliver: Deliver) -> None:
        """Somebody else waits for that answer now."""
        if ident in self._open:
            self._open[ident] = self._open[ident][0], deliver

    def forget(self, ident: int) -> None:
        """Nobody waits for that answer any more."""
        self._open.pop(ident, None)

    def end(self) -> None:
        """The session is over: nobody will answer."""
        while self._open:
            _, (key, deliver) = self._open.popitem()
            deliver(Answered({key: OVER}))

    def answered(self, message: Message) -> bool:
        """A response of the client's. False when it answers nothing that was asked: late, repeated or made up."""
        found = self._open.pop(_ident(message.id), None)
        if found is None:
            return False
        key, deliver = found
        given: Given = PeerError(message.error) if bytes(message.error) else message.result
        deliver(Answered({key: given}))
        return True


def _ident(raw: msgspec.Raw) -> int:
    """Our id, also from a client that gives it back as a text."""
    text = bytes(raw).strip(b'"')
    return int(text) if text.isdigit() and len(text) < 16 else 0


class Asking:
    """What one call asks of its client: `asked` is the session's, None for a client that is not asked on a stream."""

    def __init__(self, deliver: Deliver, asked: Asked | None = None) -> None:
        self.asked = asked
        self._deliver = deliver
        self._idents: dict[str, int] = {}
        self._late: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Asking {list(self._idents)}>"

    async def perform(self, effect: Ask | Unask, response: ClientResponse) -> None:
        """Ask the client, or tell it that no answer is needed any more."""
        if self.asked is None:
            return
        if isinstance(effect, Ask):
            self._idents[effect.key] = ident = self.asked.ask(effect.key, self._deliver)
            if read(effect.request).method == ROOTS:
                self._late[effect.key] = ident
            await response.ask(ident, effect.request)
        elif (ident := self._idents.pop(effect.key, 0)) and effect.key not in self._late:
            self.asked.forget(ident)
            params = {"requestId": ident, "reason": "The answer is not needed any more."}
            await response.stream(Noticed("notifications/cancelled", msgspec.Raw(msgspec.json.encode(params))))

    def late(self, key: str, answer: Callable[[str, Given], None]) -> bool:
        """Whether the answer is worth something after the call too: a client's folders are, for the calls to come.

        `answer` gives it to the server then.
        """
        ident = self._late.get(key)
        if self.asked is None or ident is None:
            return False
        self._idents.pop(key, None)
        self.asked.redirect(ident, lambda answered: answer(key, answered.answers[key]))
        return True

    def end(self) -> None:
        """The call is over: nobody waits for what is still open."""
        if self.asked is not None:
            for ident in self._idents.values():
                self.asked.forget(ident)
