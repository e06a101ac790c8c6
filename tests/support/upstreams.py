"""Runs upstreams without a gateway, and asks them through a lease as the driver does."""

import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import msgspec

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.relay import questions
from app.relay.events import Failed, Finished, NeedsInput, Noticed, PeerError, Request, Result, UpstreamEvent
from app.upstream.leases import Lease
from app.upstream.registry import UpstreamRegistry
from app.upstream.upstream import State, Upstream

WAYWARD = Path(__file__).parent / "servers" / "wayward.py"
PATIENCE = 30.0
# Seconds a server may take to start: interpreters start slowly on a machine that runs many of them at once.
STARTUP = 30.0


def wayward(name: str = "wayward", *options: str, **members: Any) -> ServerSpec:
    """The spec of a misbehaving stdio server; `options` are its own, `members` those of the spec."""
    command = {"command": sys.executable, "args": ("-I", str(WAYWARD), *options)}
    return ServerSpec(name=name, label=name, kind="stdio", prefix=name, **{**command, **members})


@asynccontextmanager
async def running(*specs: ServerSpec, **settings: Any) -> AsyncIterator[list[Upstream]]:
    """The specs provisioned, and all gone afterwards. `settings` are the registry's."""
    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks, **settings)
        try:
            yield [registry.provision(spec) for spec in specs]
        finally:
            await registry.aclose()
            tasks.cancel_scope.cancel()


@dataclass
class Call:
    """One request under way: what came for it so far."""

    lease: Lease
    id: int = 0
    notices: list[Noticed] = field(default_factory=list)
    last: list[Finished | Failed] = field(default_factory=list)
    ended: anyio.Event = field(default_factory=anyio.Event)

    def sink(self, event: UpstreamEvent) -> None:
        if isinstance(event, Noticed):
            self.notices.append(event)
        elif isinstance(event, NeedsInput):  # as the driver has it for a client that cannot be asked
            for key, question in event.question.requests.items():
                self.lease.answer(key, questions.declined(questions.read(question)))
        elif isinstance(event, Finished | Failed):
            self.last.append(event)
            self.ended.set()

    async def outcome(self, patience: float = PATIENCE) -> Result | PeerError | Fault:
        with anyio.fail_after(patience):
            await self.ended.wait()
        event = self.last[0]
        return event.fault if isinstance(event, Failed) else event.outcome


def start(lease: Lease, tool: str, *, token: bytes = b"", **arguments: Any) -> Call:
    params = {"name": raw(tool), "arguments": raw(arguments)}
    call = Call(lease)
    call.id = lease.send(Request("tools/call", params, {}, token), call.sink)
    return call


async def ask(lease: Lease, tool: str, *, patience: float = PATIENCE, **arguments: Any) -> str:
    """The text that the tool answers; anything but a result fails the test."""
    outcome = await start(lease, tool, **arguments).outcome(patience)
    assert isinstance(outcome, Result), outcome
    return str(json.loads(bytes(outcome.raw))["content"][0]["text"])


async def fails(lease: Lease, tool: str, *, patience: float = PATIENCE, **arguments: Any) -> Fault:
    outcome = await start(lease, tool, **arguments).outcome(patience)
    assert isinstance(outcome, Fault), outcome
    return outcome


async def lease_of(upstream: Upstream, era: Era = Era.LEGACY, key: str = "") -> Lease:
    with anyio.fail_after(STARTUP):
        return await upstream.acquire(era, key)


async def reaches(upstream: Upstream, state: State, patience: float = STARTUP) -> None:
    await until(upstream, lambda: upstream.state is state, patience)


async def until(upstream: Upstream, condition: Callable[[], bool], patience: float = STARTUP) -> None:
    """Wait for what a change of state or catalog brings about."""
    changed = anyio.Event()

    def listen(_: Upstream) -> None:
        changed.set()

    remove = upstream.add_listener(listen)
    try:
        with anyio.fail_after(patience):
            while not condition():
                await changed.wait()
                changed = anyio.Event()
    finally:
        remove()


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


async def gone(*pids: int, patience: float = PATIENCE) -> None:
    with anyio.fail_after(patience):
        while any(alive(pid) for pid in pids):  # noqa: ASYNC110 (strangers' deaths tell nobody)
            await anyio.sleep(0.02)
