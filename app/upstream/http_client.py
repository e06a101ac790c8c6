"""The HTTP client under both HTTP wires: pyreqwest, set up once a process (docs/adr/0001-http-client.md).

Redirects are never followed and cookies never kept: what we send to a server goes to that server. The proxy variables
and `SSL_CERT_FILE` are read by the client itself, from the process environment, when it is built; the CA variables of
other tools are added here.
"""

import asyncio
import ipaddress
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import BuilderError
from pyreqwest.request import RequestBuilder, StreamRequest

# Name lookup, TCP and TLS together (RELIABILITY.md F46).
CONNECT_TIMEOUT = 5.0
# Most servers and load balancers keep a silent connection for 60 s or more; a request must not meet its end.
_IDLE = timedelta(seconds=55)
# A peer that is gone without a word (a pulled cable, a dropped NAT entry) is found within half a minute.
_KEEPALIVE, _KEEPALIVE_INTERVAL, _KEEPALIVE_PROBES = timedelta(seconds=15), timedelta(seconds=5), 3
_EXTRA_CA = ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
USER_AGENT = "mcp-proxy"


class HttpClient:
    """Connection pools shared by every HTTP upstream: one through the proxies of the environment, one past them.

    `environment` is where the CA variables are looked up. Building loads the machine's certificates and costs some
    milliseconds of CPU and 13 MB, so it waits for the first upstream and happens in a thread.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._clients: dict[bool, Client] = {}
        self._building = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<HttpClient {len(self._clients)} built>"

    async def reach(self, url: str) -> Client:
        """The client to send requests for `url` with."""
        direct = is_loopback(url)
        async with self._building:
            if direct not in self._clients:
                self._clients[direct] = await asyncio.to_thread(_build, self._environment, direct)
        return self._clients[direct]

    async def close(self) -> None:
        """End every connection. Requests under way fail."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            await client.close()


def streamed(request: RequestBuilder) -> StreamRequest:
    """The request, its answer to be read as it arrives: by itself the client holds back up to 64 kB of a stream."""
    return request.streamed_read_buffer_limit(0).build_streamed()


def is_loopback(url: str) -> bool:
    """Whether a URL names this machine, which no proxy could reach for us."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _build(environment: Mapping[str, str], direct: bool) -> Client:
    builder = (
        ClientBuilder()
        .follow_redirects(False)
        .referer(False)
        .user_agent(USER_AGENT)
        .connect_timeout(timedelta(seconds=CONNECT_TIMEOUT))
        .pool_idle_timeout(_IDLE)
        .tcp_keepalive(_KEEPALIVE)
        .tcp_keepalive_interval(_KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(_KEEPALIVE_PROBES)
    )
    if direct:
        builder = builder.no_proxy()
    for name in _EXTRA_CA:
        if path := environment.get(name):
            builder = _trusting(builder, path)
    try:
        return builder.build()
    except BuilderError:
        # A machine without any CA certificates, as slim images are: the bundle that comes with our dependencies.
        import certifi

        return _trusting(builder, certifi.where()).build()


def _trusting(builder: ClientBuilder, path: str) -> ClientBuilder:
    try:
        return builder.add_root_certificate_pem(Path(path).read_bytes())
    except (OSError, ValueError):
        return builder  # as curl and Node do: what it would have vouched for fails closed, by name
