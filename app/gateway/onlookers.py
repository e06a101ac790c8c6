"""What stands between a call and its client where the answer is not simply passed on.

Each is a `ClientResponse` around the client's own: one that renames tasks, one for a call that may turn out another
server's, and one that takes the answer for us. No HTTP.
"""

import msgspec

from app.gateway.client_response import ClientResponse
from app.protocol.faults import Fault, Kind
from app.relay import tasks
from app.relay.events import Noticed, PeerError, Request, Result

# Never sent: the call goes on to the server whose name it is.
ELSEWHERE = Fault(Kind.HIDDEN, "The call is another server's.")


class Onlooker:
    """Stands before a client whose call may have to go on to another server. Watches it and keeps it alive."""

    def __init__(self, client: ClientResponse) -> None:
        self._client = client
        self.hung_up = client.hung_up

    @property
    def gone(self) -> bool:
        return self._client.gone

    async def keep_alive(self) -> None:
        await self._client.keep_alive()

    async def pause(self, retry: int) -> None:
        await self._client.pause(retry)

    async def ask(self, ident: int, question: msgspec.Raw) -> None:
        await self._client.ask(ident, question)

    async def closed(self) -> None:
        await self._client.closed()


class Renamer(Onlooker):
    """Stands before a client whose answer may be a task of `server`, and gives it our id."""

    def __init__(self, client: ClientResponse, rename: tasks.Rename, server: str) -> None:
        super().__init__(client)
        self._rename = rename
        self._server = server

    async def stream(self, notice: Noticed) -> None:
        await self._client.stream(notice)

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        if isinstance(outcome, Result):
            outcome = tasks.renamed(outcome, self._rename, self._server)
        await self._client.reply(outcome)


class Guess(Onlooker):
    """The client of a call to a server not listed yet: once `wrong`, the name is another's and no answer is passed."""

    def __init__(self, client: ClientResponse) -> None:
        super().__init__(client)
        self.wrong = False

    def judged(self, request: Request | Fault) -> Request | Fault:
        """The request once its server has been listed: by now it is known whose it is."""
        self.wrong = request is ELSEWHERE
        return request

    async def stream(self, notice: Noticed) -> None:
        await self._client.stream(notice)

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        if not self.wrong:
            await self._client.reply(outcome)


class Probe(Onlooker):
    """Takes an answer for us instead of sending it."""

    def __init__(self, client: ClientResponse) -> None:
        super().__init__(client)
        self.outcome: Result | PeerError | Fault | None = None

    @property
    def settled(self) -> bool:
        """No other server need be asked: this one has it, or the call is over (hung up, cancelled, at a stop)."""
        if isinstance(self.outcome, Fault):
            return self.outcome.server is None
        return not isinstance(self.outcome, PeerError)

    async def stream(self, notice: Noticed) -> None:
        """Nothing: which server will answer is not known yet."""

    async def reply(self, outcome: Result | PeerError | Fault) -> None:
        self.outcome = outcome
