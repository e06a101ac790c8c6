"""The gateway's own app with one more path, `/counts`: how many of everything that must not grow it holds now.

For `running_gateway(app="tests.soak.counted:create_app")`; all else is the real one's.
"""

import asyncio
import gc
import json
import os
import threading
from collections import Counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.downstream import plugin
from app.gateway.gateway import Gateway
from app.serve.asgi import create_app as create_real_app

running: list[Gateway] = []


class NotedGateway(Gateway):
    """Tells where it is."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        running.append(self)


def counts(gateway: Gateway) -> dict[str, Any]:
    """`names`: the tasks by what they run; `leases`: sessions in somebody's hands and requests a server works on.

    Connections that nginx keeps for its next requests are not among `descriptors`: their number is its own affair.
    """
    gc.collect()
    tasks = Counter(getattr(task.get_coro(), "__qualname__", "?") for task in asyncio.all_tasks())
    protocols = [each for each in gc.get_objects() if isinstance(each, HttpToolsProtocol)]
    connections = sum(not each.transport.is_closing() for each in protocols)
    return {
        "tasks": sum(tasks.values()),
        "names": dict(tasks),
        "descriptors": len(os.listdir("/proc/self/fd")) - 1 - connections,
        "connections": connections,
        "threads": threading.active_count(),
        "calls": len(gateway.drivers),
        "leases": sum(_leases(upstream) for upstream in gateway.registry.running),
        "servers": len(gateway.registry.running),
    }


def _leases(upstream: Any) -> int:
    pool = upstream._pool
    if pool is None:
        return 0
    sessions = {id(session): session for session in (pool._first, *pool._sessions.values())}.values()
    return sum(session.users + session.connection.pending for session in sessions)


def create_app() -> Any:
    plugin.Gateway = NotedGateway
    real: Any = create_real_app()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/counts":
            await real(scope, receive, send)
            return
        body = json.dumps(counts(running[-1])).encode()
        head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body})

    return app
