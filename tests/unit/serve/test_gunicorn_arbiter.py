"""gunicorn runs as we set it, and its own reload and resizing do nothing."""

import logging
import signal
import types
from typing import Any

import pytest

from app.config.snapshot import Notice
from app.gateway.sources import SourceError
from app.serve import gunicorn_arbiter as module
from app.serve.errors import StartError
from app.serve.handover import Handover


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> module.GatewayApplication:
    monkeypatch.setattr(module, "_configure_logs", lambda: None)
    return module.GatewayApplication(Handover(fds=(7, 8), app="tests.support.bare_app:create_app"))


def test_there_is_one_worker_that_serves_the_handed_over_sockets(application: module.GatewayApplication) -> None:
    settings = application.cfg
    assert settings.workers == 1
    assert settings.address == [7, 8]
    assert (settings.graceful_timeout, settings.keepalive, settings.timeout) == (15, 75, 30)
    assert settings.control_socket_disable
    assert settings.worker_class is module.WorkerSeed


@pytest.mark.parametrize("name", ["usr2", "ttin", "ttou", "winch"])
def test_signals_that_would_change_the_workers_change_nothing(
    application: module.GatewayApplication, name: str
) -> None:
    arbiter = module.GatewayArbiter(application)
    arbiter.WORKERS = {1: object()}
    getattr(arbiter, f"handle_{name}")()
    assert arbiter.num_workers == 1
    assert list(arbiter.WORKERS) == [1]


def test_a_hangup_is_passed_on_to_the_worker_and_changes_nothing_here(
    application: module.GatewayApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(module.GatewayArbiter, "kill_worker", lambda _, pid, number: sent.append((pid, number)))
    arbiter = module.GatewayArbiter(application)
    arbiter.WORKERS = {12345: object()}
    arbiter.handle_hup()
    assert sent == [(12345, signal.SIGHUP)]
    assert arbiter.num_workers == 1


def test_what_loads_is_the_factorys_app(application: module.GatewayApplication) -> None:
    assert type(application.load()).__name__ == "BareApp"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (StartError("first", "second"), ["first", "second"]),
        (SourceError(Notice("f:1", "", "wrong", error=True)), ["f:1: wrong"]),
        (ValueError("a bug"), ["the app cannot be built"]),
    ],
)
def test_what_keeps_the_app_from_starting_is_said_once_and_ends_with_gunicorns_code(
    error: Exception, said: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit) as ended, module._Boot():
        raise error
    assert ended.value.code == 3
    assert [record.getMessage() for record in caplog.records] == said
    assert not [record for record in caplog.records if record.exc_info and isinstance(error, StartError)]


def test_a_deliberate_exit_keeps_its_code() -> None:
    with pytest.raises(SystemExit) as ended, module._Boot():
        raise SystemExit(9)
    assert ended.value.code == 9


def test_the_worker_keeps_the_beat_the_arbiter_watches(
    application: module.GatewayApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    grown: list[Any] = []

    class Grown:
        def __init__(self, *_: Any) -> None:
            self.tmp = types.SimpleNamespace(close=lambda: grown.append("closed"))

        def init_process(self) -> None:
            grown.append(self)

    monkeypatch.setattr("app.serve.worker.GatewayWorker", Grown)
    seed = module.WorkerSeed(1, 2, [], application, 15.0, application.cfg, logging.getLogger("x"))
    seed.pid = 42
    seed.init_process()
    seed.tmp.close()
    assert grown[0] == "closed"
    assert (grown[1].tmp, grown[1].pid) == (seed.tmp, 42)
    assert signal.getsignal(signal.SIGTERM) is not None
