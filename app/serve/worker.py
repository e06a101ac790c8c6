"""The worker: uvicorn (uvloop, httptools) under gunicorn, with an end that nothing survives (DESIGN.md rule 14).

Theory of operation: SIGTERM begins the process's `DRAIN`, at which streams end themselves; uvicorn then waits for
calls in flight (bounded), shuts the lifespan down, and what is left of our descendants is killed. The death of the
arbiter is a SIGTERM too, by the kernel and by a beat of our own. The stock worker has none of this, and dies of its
own re-raised signal before any cleanup (RELIABILITY.md sections 0, 3).
"""

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from gunicorn.arbiter import Arbiter
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # pyright: ignore[reportMissingTypeStubs] - it has none

from app.gateway.drain import DRAIN
from app.gateway.watch import HANGUP
from app.serve.descriptors import limit
from app.serve.handover import Handover
from app.serve.http_protocol import GatewayProtocol
from app.serve.orphans import become_subreaper, die_with, end_descendants
from app.serve.room import Room

log = logging.getLogger("app.serve")

GRACEFUL_SHUTDOWN = 5
"""Seconds calls in flight have after SIGTERM; the lifespan's own shutdown comes after it."""
BEAT = 0.25
# From the loss of the arbiter to the end by force: its successor is starting every server anew (RELIABILITY.md F23).
ORPHANED = 1.5


class GatewayServer(Server):
    """uvicorn's server, which tells `DRAIN` of its end, and ends by returning."""

    async def startup(self, sockets: Any = None) -> None:
        GatewayProtocol.room = Room.of(limit(), behind_nginx=bool(Handover.from_env(os.environ).edge_socket))
        await super().startup(sockets)
        # What is here now lives as long as we do: a full collection over it would stall every call (DESIGN.md 7).
        gc.collect()
        gc.freeze()
        # Calls leave no cycles behind, so looking for them every few calls finds nothing.
        gc.set_threshold(20_000, 20, 20)

    async def on_tick(self, counter: int) -> bool:
        """An app whose lifespan is over serves nothing any more: end, and the arbiter starts another worker."""
        if self.lifespan.error_occurred and not self.should_exit:
            log.critical("the gateway has ended by an error that nothing expected; another worker takes over")
            self.should_exit = True
            DRAIN.begin()
        return await super().on_tick(counter)

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        loop = asyncio.get_running_loop()

        def end(number: int, frame: FrameType | None) -> None:
            self.handle_exit(number, frame)
            loop.call_soon_threadsafe(DRAIN.begin)

        def reload(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal.signal's shape
            log.info("SIGHUP: reading the config and the keys again")
            loop.call_soon_threadsafe(HANGUP.ring)

        signal.signal(signal.SIGHUP, reload)
        former = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}
        try:
            yield
        finally:
            # Once we are through, a late signal changes nothing any more; it must not cut the cleanup short.
            for number in former:
                signal.signal(number, signal.SIG_IGN)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal.signal's shape
        """SIGTERM asks; a second signal, and gunicorn's quick ones, insist."""
        self.force_exit = self.should_exit or sig != signal.SIGTERM
        self.should_exit = True


class GatewayWorker(UvicornWorker):
    """One shard: one event loop, its stdio children, its sessions."""

    CONFIG_KWARGS = {  # noqa: RUF012 - uvicorn-worker's own declaration
        "loop": "uvloop",
        "http": GatewayProtocol,
        "ws": "none",
        "lifespan": "on",
        "server_header": False,
        "access_log": False,
        # Who the peer is, the app decides: it alone knows which way the request came (handover.py).
        "proxy_headers": False,
        "timeout_graceful_shutdown": GRACEFUL_SHUTDOWN,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The line above pointed uvicorn's loggers at gunicorn's handlers; now they are ours again.
        self.log.setup(self.cfg)

    def init_process(self) -> None:
        die_with(self.ppid)
        become_subreaper()
        threading.Thread(target=self._beat, name="parent-beat", daemon=True).start()
        super().init_process()

    def init_signals(self) -> None:
        super().init_signals()
        # Until the loop runs: what a reload would read is about to be read anyway.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)

    def run(self) -> None:
        try:
            super().run()
        finally:
            if left := end_descendants():
                log.warning("ended %d processes that outlived their servers", left)
        # All is closed and written: taking the interpreter apart, object by object, would only make the stop longer.
        os._exit(0)

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = GatewayServer(self.config)
        await server.serve(sockets=self.sockets)
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    def _beat(self) -> None:
        """A thread, so that a blocked loop does not keep us alive when nobody is left to end us."""
        while os.getppid() == self.ppid:
            time.sleep(BEAT)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(ORPHANED)
        end_descendants()
        os._exit(1)
