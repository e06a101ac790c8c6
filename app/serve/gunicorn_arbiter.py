"""gunicorn's arbiter as we run it (`python -m app.serve.gunicorn_arbiter`), its settings and its logger.

Imports no framework: the app is loaded by the worker, after the fork. RELIABILITY.md section 3d says why each setting
is as it is; the timeout ladder at the end of its section 2b orders the seconds.
"""

import logging
import os
import signal
import sys
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger
from gunicorn.util import import_app
from gunicorn.workers.base import Worker

from app.config.settings import SettingsError, load_settings
from app.serve import logs
from app.serve.errors import CONFIGURATION, StartError
from app.serve.handover import Handover

log = logging.getLogger("app.serve")

GRACEFUL_TIMEOUT = 15
"""Seconds from SIGTERM to SIGKILL for a worker; its own shutdown is bounded well below (worker.py)."""
KEEP_ALIVE = 75
"""Seconds an idle connection lives: longer than nginx keeps it (60), so that nginx is who closes."""
SETTINGS: dict[str, Any] = {
    # One worker is one shard: it owns the stdio children and the sessions (DESIGN.md section 8).
    "workers": 1,
    "graceful_timeout": GRACEFUL_TIMEOUT,
    # A loop that does not turn for so long is ended (RELIABILITY.md F25).
    "timeout": 30,
    "keepalive": KEEP_ALIVE,
    "control_socket_disable": True,
    # The beat must not wait for a disk.
    "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else None,  # noqa: S108
    "proc_name": "mcp-proxy",
    "accesslog": None,
    "reuse_port": False,
}
# gunicorn's `header_map` is not here: uvicorn parses by itself, and keeps names with underscores.


class GatewayLogger(Logger):
    """gunicorn's lines go where ours go, in our form."""

    def setup(self, cfg: Any) -> None:
        self.cfg = cfg
        self._access_log_enabled = False
        _configure_logs()


class WorkerSeed(Worker):
    """What the arbiter forks: it becomes the real worker on the other side, so that we never load what that needs."""

    def init_process(self) -> None:
        from app.serve.worker import GatewayWorker

        worker = GatewayWorker(self.age, self.ppid, self.sockets, self.app, self.timeout, self.cfg, self.log)
        worker.pid = self.pid
        # The beat the arbiter watches is the file that was opened before the fork.
        worker.tmp, unwatched = self.tmp, worker.tmp
        unwatched.close()
        worker.init_process()


class GatewayArbiter(Arbiter):
    """SIGHUP is the worker's own reload, never gunicorn's; there is one worker; the sockets are the launcher's."""

    def start(self) -> None:
        # As with systemd's: they outlive us, and their paths are not ours to remove.
        self.systemd = True
        super().start()

    def handle_hup(self) -> None:
        self.kill_workers(signal.SIGHUP)

    def handle_usr2(self) -> None:
        log.debug("signal ignored")

    handle_ttin = handle_ttou = handle_winch = handle_usr2


class GatewayApplication(BaseApplication):
    """What the arbiter serves: the sockets and the factory of the launcher's handover."""

    def __init__(self, handover: Handover) -> None:
        self._handover = handover
        super().__init__()

    def load_config(self) -> None:
        for name, value in SETTINGS.items():
            self.cfg.set(name, value)
        self.cfg.set("logger_class", GatewayLogger)
        self.cfg.set("worker_class", WorkerSeed)
        self.cfg.set("bind", [f"fd://{descriptor}" for descriptor in self._handover.fds])

    def load(self) -> Any:
        """In the worker."""
        with _Boot():
            return import_app(f"{self._handover.app}()")

    def run(self) -> None:
        """Returns never: in the arbiter and in the workers alike, nothing is left to take apart."""
        try:
            GatewayArbiter(self).run()
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        os._exit(0)


class _Boot:
    """Whatever keeps the app from starting is said once, in a log line, and ends the whole gateway by exit code 3."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        from app.gateway.sources import SourceError, to_line

        match error:
            case None | SystemExit():
                return
            case StartError():
                problems = error.problems
            case SourceError():
                problems = tuple(map(to_line, error.notices))
            case _:
                log.critical("the app cannot be built", exc_info=error)
                problems = ()
        for problem in problems:
            log.error(problem)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)


def _configure_logs() -> None:
    settings, _ = load_settings(os.environ, terminal=os.isatty(2))
    logs.configure(settings.log_level, settings.log_levels, settings.log_format)


def main() -> None:
    # Until gunicorn has its own handler: a reload that comes so early changes nothing.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        _configure_logs()
    except SettingsError as error:
        # Only without the launcher, which has read the same environment.
        sys.exit(f"{error}\n({CONFIGURATION})")
    GatewayApplication(Handover.from_env(os.environ)).run()


if __name__ == "__main__":
    main()
