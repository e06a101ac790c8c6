"""Clients that call throughout: each has a connection kept open and a session, half of them of either era.

A call fails if anything but the answer of its own tool comes back; what came instead is kept.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.gateway import Gateway
from tests.support.wire import Caller, Wire, until

# Seconds a call may take before it has failed.
PATIENCE = 30.0
# Seconds between two calls of one client: a busy gateway, not a saturated machine.
PAUSE = 0.05


@dataclass
class Load:
    """`answered` and `failures` of calls to `servers`; `pids` of the processes that answered, by server."""

    gateway: Gateway
    servers: Sequence[str]
    clients: int = 32
    pause: float = PAUSE
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    pids: dict[str, set[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        eras = itertools.cycle(["legacy", "modern"])
        key = self.gateway.key or None
        self._callers = [
            Caller(self.gateway.host, self.gateway.port, key, next(eras), patience=PATIENCE)
            for _ in range(self.clients)
        ]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """They call while the block lasts; each finishes its last call."""
        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for number, caller in enumerate(self._callers):
                tasks.create_task(self._client(number, caller, over))
            try:
                yield self
            finally:
                over.set()

    async def _client(self, number: int, caller: Caller, over: asyncio.Event) -> None:
        wire: Wire | None = None
        for server in itertools.islice(itertools.cycle(self.servers), number % len(self.servers), None):
            if over.is_set():
                break
            try:
                if caller.era == "legacy" and caller.session is None:
                    await caller.initialize()
                wire = wire or await caller.wire()
                if not await self._call(server, caller, wire):
                    await wire.close()
                    wire = None
            except (OSError, EOFError, TimeoutError, AssertionError, ValueError, LookupError) as error:
                self.failures.append(f"{server}, {caller.era}: {type(error).__name__} {str(error)[:1000]}")
                caller.session = None
                if wire:
                    await wire.close()
                wire = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self.pause):
                    await over.wait()
        if wire:
            await wire.close()

    async def _call(self, server: str, caller: Caller, wire: Wire) -> bool:
        """Whether the connection can be used again."""
        reply = await caller.call(f"{server}__whoami", wire=wire)
        name, _, pid = reply.text.partition(" ")
        assert name == server, json.dumps(reply.message)
        self.answered += 1
        self.pids.setdefault(server, set()).add(int(pid))
        return (reply.answer.header("connection") or "").lower() != "close"


async def until_listed(gateway: Gateway, servers: Callable[[], Sequence[str]], seconds: float = 60.0) -> None:
    """Until the tools of exactly these servers are listed, and all of them serve."""
    caller = Caller(gateway.host, gateway.port, gateway.key or None, "modern", patience=PATIENCE)

    async def all_are() -> bool:
        tools = (await caller.ask("tools/list")).result["tools"]
        listed = {tool["name"].partition("__")[0] for tool in tools}
        status, body = await asyncio.to_thread(gateway.get, "/health", {"Authorization": f"Bearer {gateway.key}"})
        details = json.loads(body)["details"] if status == 200 else {}
        return listed == set(servers()) and {found["state"] for found in details.values()} == {"ready"}

    await until(all_are, f"{servers()} are all there", seconds)
