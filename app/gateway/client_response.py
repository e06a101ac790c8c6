"""The client's side of one call, as the driver sees it; implemented by `downstream`.

No HTTP. `Absent` stands for the client of a parked call.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

import msgspec

from app.protocol.faults import Fault
from app.relay.events import Detached, Disconnected, Noticed, PeerError, Result


class ClientResponse(Protocol):
    """Writes after a hang-up do nothing.

    `gone`: a write found the client gone, or took too long; `hung_up`: what that means in its era.
    """

    hung_up: Disconnected | Detached

    @property
    def gone(self) -> bool: ...

    async def stream(self, notice: Noticed) -> None: ...

    async def pause(self, retry: int) -> None:
        """Let go of a client that can come back for the rest, in `retry` milliseconds; nothing for another one."""
        ...

    async def ask(self, ident: int, question: msgspec.Raw) -> None:
        """Ask the client, by a request of that id; `question` is method and params."""
        ...

    def reply(self, outcome: Result | PeerError | Fault) -> Coroutine[Any, Any, None]: ...
    async def keep_alive(self) -> None: ...
    async def closed(self) -> None:
        """Returns once the client has closed its connection."""
        ...


class Absent:
    """Nobody: what is written is lost, and what must not be is kept by the exchange."""

    hung_up: Disconnected | Detached = Disconnected()
    gone = True

    async def stream(self, notice: Noticed) -> None: ...
    async def pause(self, retry: int) -> None: ...
    async def ask(self, ident: int, question: msgspec.Raw) -> None: ...
    async def reply(self, outcome: Result | PeerError | Fault) -> None: ...
    async def keep_alive(self) -> None: ...
    async def closed(self) -> None:
        await asyncio.Event().wait()
