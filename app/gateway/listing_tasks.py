"""Answers `tasks/list`: the tasks of one client, under our ids, each as its server says that it stands now.

What a server says it does not have is on no list any more; one that does not answer in time is left out. Pages are
bounded, since each task on one costs a request (2025-11-25, "Listing Tasks"; PROTOCOL.md section 8, "tasks").
"""

import asyncio
import logging

import msgspec

from app.gateway.addressing import to_raw
from app.gateway.gateway import Gateway
from app.gateway.relayed import Relayed
from app.gateway.relaying import pool_key
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.versions import Era
from app.relay import tasks
from app.relay.catalog import Members
from app.relay.events import PeerError, Request, Result
from app.upstream.errors import UpstreamError

log = logging.getLogger("app.gateway")

PAGE = 50
# Seconds that one server has to say how one task stands.
LIMIT = 5.0
UNKNOWN_CURSOR = Fault(Kind.INVALID_PARAMS, "Unknown cursor.")


async def list_tasks(gateway: Gateway, call: Relayed) -> bytes | Fault:
    """The result: one page of the caller's tasks on the servers that it sees."""
    start = _place(gateway, call)
    if start is None:
        return UNKNOWN_CURSOR
    seen = {
        source.server
        for source in call.view().sources
        if source.catalog and tasks.offers(source.catalog.capabilities, Era.LEGACY)
    }
    known = [made for made in gateway.tasks_made.after(call.client_id, start) if made[1] in seen]
    page = known[:PAGE]
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(_state(gateway, call, server, theirs)) for _, server, theirs in page]
    found: dict[str, object] = {"tasks": [state for each in asked if (state := each.result()) is not None]}
    if len(known) > PAGE:
        found["nextCursor"] = gateway.task_ids.ours("", str(page[-1][0]), call.client_id)
    return msgspec.json.encode(found)


def _place(gateway: Gateway, call: Relayed) -> int | None:
    """The number that the cursor names, which is no task's id, since that has a server; None for none of ours."""
    cursor = call.message.params.get("cursor")
    if cursor is None or bytes(cursor) == b"null":
        return 0
    opened = gateway.task_ids.theirs(text_of(cursor) or "", call.client_id)
    return int(opened[1]) if opened is not None and not opened[0] else None


async def _state(gateway: Gateway, call: Relayed, server: str, theirs: str) -> Members | None:
    """The task as its server describes it, in our words."""
    upstream, spec = gateway.current.upstreams.get(server), gateway.current.specs.get(server)
    if upstream is None or spec is None:
        return None
    try:
        async with asyncio.timeout(LIMIT):
            lease = await upstream.acquire(Era.LEGACY, pool_key(spec, call))
            try:
                if lease.era is not Era.LEGACY:
                    return None
                asked = Request("tasks/get", {"taskId": to_raw(theirs)}, {})
                outcome = await lease.connection.call(asked, LIMIT)
            finally:
                lease.release()
    except (UpstreamError, TimeoutError) as error:
        log.info("server=%s a task is left out of a list: %s", server, error)
        return None
    if isinstance(outcome, PeerError):
        gateway.tasks_made.forget(call.client_id, server, theirs)
        return None
    return tasks.with_id(_task(outcome), lambda theirs: gateway.task_ids.ours(server, theirs, call.client_id))


def _task(outcome: Result) -> Members:
    members = members_of(outcome.raw) or {}
    return {name: value for name, value in members.items() if name != "_meta"}
