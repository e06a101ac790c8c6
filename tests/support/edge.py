"""nginx in a process of its own before a gateway, as two containers have it: `python -m app nginx VARIANT --run`."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.serve.handover import EDGE_SOCKET
from tests.support.gateway import STARTED_WITHIN, STOPPED_WITHIN, Gateway, clean_environment, started_gateway
from tests.support.processes import eventually, survivors, tree_of


@contextmanager
def running_behind(
    variant: str,
    config: Mapping[str, Any],
    *,
    keys: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
    edge_env: Mapping[str, str] | None = None,
    app: str | None = None,
    arguments: Sequence[str] = (),
    live: Callable[[], bool] | None = None,
) -> Iterator[Gateway]:
    """A gateway on a unix socket alone, and nginx on its port. `env` is for both, `edge_env` and `arguments` for nginx;
    `live`: another way to find out that it serves.
    """
    with (
        tempfile.TemporaryDirectory(prefix="edge-") as folder,
        started_gateway(config, keys=keys, app=app, env={**(env or {}), EDGE_SOCKET: f"{folder}/app.sock"}) as gateway,
    ):
        # As root, nginx's workers are another user.
        Path(folder).chmod(0o755)
        own = {"MCP_HOST": "127.0.0.1", "MCP_PORT": str(gateway.port), EDGE_SOCKET: f"{folder}/app.sock"}
        with open(gateway.directory / "edge-log", "wb") as log:
            nginx = subprocess.Popen(
                [sys.executable, "-m", "app", "nginx", variant, "--run", *arguments],
                cwd=gateway.directory,
                env=clean_environment() | own | dict(env or {}) | dict(edge_env or {}),
                stdout=log,
                stderr=log,
            )
        try:
            try:
                if live:
                    eventually(live, STARTED_WITHIN, "live")
                else:
                    gateway.wait_until_live()
            except AssertionError as error:
                raise AssertionError(f"{error}\n{edge_log(gateway)}") from error
            seen = tree_of(nginx.pid)
            yield gateway
            nginx.terminate()
            assert nginx.wait(STOPPED_WITHIN) == 0
            assert not survivors(seen)
        finally:
            if nginx.poll() is None:
                nginx.kill()
            nginx.wait(STOPPED_WITHIN)


def edge_log(gateway: Gateway) -> str:
    """Everything nginx and who runs it wrote until now."""
    return (gateway.directory / "edge-log").read_text(encoding="utf-8", errors="replace")
