"""The `tls` edge with directories of a test's own where compose has volumes."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.edge import edge_log, running_behind
from tests.support.gateway import KEY, UNLIMITED, Gateway, free_port
from tests.support.tls import Tls, certificate, split

NAME, OTHER = "mcp.example.test", "other.example.test"


@dataclass
class Site:
    """`gateway.port` is the one of plain HTTP."""

    gateway: Gateway
    tls: Tls
    folder: Path

    @property
    def certificates(self) -> Path:
        """What certbot calls its configuration."""
        return self.folder / "certificates"

    @property
    def webroot(self) -> Path:
        return self.folder / "webroot"

    @property
    def live(self) -> Path:
        return self.certificates / "live" / NAME

    def log(self) -> str:
        return edge_log(self.gateway)


def write_pair(folder: Path, live: Path, host: str = NAME, days: int = 60) -> int:
    """A certificate that nobody signed, put where certbot would; its serial is what `presented` shows."""
    chain, key = split(certificate(folder, host, days))
    live.mkdir(parents=True, exist_ok=True)
    (live / "privkey.pem").write_bytes(key)
    (live / "fullchain.pem").write_bytes(chain)
    return serial_of(chain)


def serial_of(chain: bytes) -> int:
    from cryptography import x509

    return x509.load_pem_x509_certificate(chain).serial_number


@contextmanager
def running_site(
    config: Mapping[str, Any], *, domains: str = NAME, issued: bool = False, app: str | None = None
) -> Iterator[Site]:
    """`issued`: with a certificate of its own from the start."""
    with tempfile.TemporaryDirectory(prefix="tls-") as name:
        folder, port = Path(name), free_port()
        # As root, nginx's workers are another user.
        folder.chmod(0o755)
        for below in ("certificates/live", "webroot"):
            (folder / below).mkdir(parents=True)
        if issued:
            write_pair(folder, folder / "certificates/live" / NAME)
        tls = Tls(port, NAME)
        arguments = ["--tls-port", str(port), "--certificates", str(folder / "certificates/live")]
        arguments += ["--webroot", str(folder / "webroot")]
        own = {"MCP_DOMAIN": domains, **UNLIMITED}
        with running_behind(
            "tls", config, keys={KEY: "one"}, edge_env=own, app=app, arguments=arguments, live=tls.listens
        ) as gateway:  # fmt: skip
            yield Site(gateway, tls, folder)
