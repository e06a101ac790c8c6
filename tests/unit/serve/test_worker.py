"""The worker's server ends by returning, and says so to all that lasts. (Its processes: tests/integration/process.)"""

import asyncio
import os
import signal

import pytest
from uvicorn.config import Config

from app.gateway.drain import Drain
from app.serve import worker
from tests.support.bare_app import create_app


def _server() -> worker.GatewayServer:
    return worker.GatewayServer(Config(create_app(), log_config=None))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
async def test_a_signal_begins_the_drain_and_is_not_raised_again(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    drain, server = Drain(), _server()
    monkeypatch.setattr(worker, "DRAIN", drain)
    former = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}
    try:
        with server.capture_signals():
            os.kill(os.getpid(), number)
            await asyncio.wait_for(drain.wait(), 30)
        os.kill(os.getpid(), number)
        assert server.should_exit
        assert server.force_exit == (number != signal.SIGTERM)
    finally:
        for n, handler in former.items():
            signal.signal(n, handler)


def test_a_second_signal_insists() -> None:
    server = _server()
    server.handle_exit(signal.SIGTERM, None)
    assert not server.force_exit
    server.handle_exit(signal.SIGTERM, None)
    assert server.force_exit


def test_its_settings_are_those_the_process_model_needs() -> None:
    assert worker.GatewayWorker.CONFIG_KWARGS["timeout_graceful_shutdown"] == 5
    assert worker.GatewayWorker.CONFIG_KWARGS["loop"] == "uvloop"
    assert not worker.GatewayWorker.CONFIG_KWARGS["proxy_headers"]
