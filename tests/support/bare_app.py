"""An ASGI app without MCP, to see what the processes around an app do: calls that take long, streams, children.

Its paths are `/servers/…/mcp`, which nginx passes on: `slow?SECONDS` answers then, `running` says how many do;
`stream` sends an event at once and one each second until the process drains; `spawn` starts a stubborn child with a
`setsid` grandchild; `headers` shows what arrived; `block?SECONDS` stops the loop; `big?BYTES`; `count` counts the bytes
of a body, as `/mcp` does; `crumble` ends the lifespan by an error.
"""

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

from app.gateway.drain import DRAIN

STUBBORN = (
    "import os,signal,sys,time\n"
    "[signal.signal(s, signal.SIG_IGN) for s in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]\n"
    "if os.fork() == 0:\n    os.setsid()\n"
    "sys.stdout.write('x'); sys.stdout.flush()\ntime.sleep(600)\n"
)


class BareApp:
    def __init__(self) -> None:
        self.children: list[subprocess.Popen[bytes]] = []
        self.running = 0
        self.crumbles = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        query = scope["query_string"].decode()
        match scope["path"].rstrip("/").removeprefix("/servers").removesuffix("/mcp"):
            case "/slow":
                self.running += 1
                await asyncio.sleep(float(query))
                self.running -= 1
                await answer(send, b"done")
            case "/running":
                await answer(send, str(self.running).encode())
            case "/stream":
                await self._stream(send)
            case "/spawn":
                await answer(send, json.dumps(await asyncio.to_thread(self._spawn)).encode())
            case "/block":
                print("blocking now", file=sys.stderr, flush=True)
                block(float(query))
                await answer(send, b"unblocked")
            case "/crumble":
                self.crumbles.set()
                await answer(send, b"{}")
            case "/big":
                await answer(send, b"x" * int(query))
            case "/count" | "":
                await answer(send, str(await body_size(receive)).encode())
            case "/headers" | "/a":
                pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
                shown = {"headers": pairs, "path": scope["raw_path"].decode("latin-1"), "server": scope["server"]}
                await answer(send, json.dumps({**shown, "client": scope["client"], "query": query}).encode())
            case "/health/live":
                await answer(send, b"{}")
            case _:
                await answer(send, b'{"error":"not_found","error_description":"Not found"}', 404)

    def _spawn(self) -> list[int]:
        child = subprocess.Popen([sys.executable, "-c", STUBBORN], stdout=subprocess.PIPE, start_new_session=True)
        self.children.append(child)
        assert child.stdout
        child.stdout.read(2)
        return [child.pid]

    async def _stream(self, send: Any) -> None:
        head = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        number = 0
        while not DRAIN.begun:
            await send({"type": "http.response.body", "body": b"data: %d\n\n" % number, "more_body": True})
            number += 1
            try:
                await asyncio.wait_for(DRAIN.wait(), 1)
            except TimeoutError:
                continue
        await send({"type": "http.response.body", "body": b"data: bye\n\n"})

    async def _crumble(self) -> None:
        await self.crumbles.wait()
        raise Crumbled

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        async with asyncio.TaskGroup() as tasks:
            crumbling = tasks.create_task(self._crumble())
            await receive()
            crumbling.cancel()
        print("lifespan over", file=sys.stderr, flush=True)
        await send({"type": "lifespan.shutdown.complete"})


class Crumbled(Exception):
    pass


def block(seconds: float) -> None:
    time.sleep(seconds)


async def answer(send: Any, body: bytes, status: int = 200) -> None:
    head = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def body_size(receive: Any) -> int:
    size, more = 0, True
    while more:
        event = await receive()
        size += len(event.get("body", b""))
        more = event.get("more_body", False)
    return size


def create_app() -> BareApp:
    return BareApp()


def create_broken_app() -> BareApp:
    raise ValueError("this app never works")


def create_refused_app() -> BareApp:
    from app.serve.errors import StartError

    raise StartError("the first problem", "the second problem")
