"""The HTTP client under both HTTP wires: aiohttp, set up once a process (docs/adr/0001-http-client.md).

Redirects are never followed and cookies never kept: what we send to a server goes to that server. The library and the
machine's certificates are loaded in a thread when the first HTTP server needs them: stdio servers do without.
"""

import asyncio
import importlib
import io
import os
import ssl
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio.to_thread

from app.upstream.http_addresses import open_socket, proxy_for

if TYPE_CHECKING:
    import aiohttp

    Exchange = AbstractAsyncContextManager[aiohttp.ClientResponse]

# Name lookup, TCP and TLS together (RELIABILITY.md F46).
CONNECT_TIMEOUT = 4.5
# Long enough that calls at once ask for a name once, too short for a server that moved to be missed at its next start.
NAME_SECONDS = 1
# Servers commonly close a silent connection after 5 s or more, and what meets that end is lost: this is the compromise
# between a new connection for every call and a lost call in a thousand million.
IDLE_SECONDS = 30.0
READ_BUFFER = 1 << 18
# The library warns of larger bodies given as bytes, which it would send in one go.
_LARGE = 1 << 20
_EXTRA_CA = ("REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE")
USER_AGENT = "mcp-proxy"


class HttpClient:
    """The connections to every HTTP server. `environment` is where the proxy and CA variables are looked up."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._session: aiohttp.ClientSession | None = None
        self._building = asyncio.Lock()

    def __repr__(self) -> str:
        return f"<HttpClient {'loaded' if self._session else 'not loaded'}>"

    async def reach(self, url: str) -> "Endpoint":
        """The way to a URL. Raises `ValueError` for what is none."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.port == 0:
            raise ValueError("not an http or https URL")
        return Endpoint(await self.load(), url, proxy_for(url, self._environment))

    async def load(self) -> "aiohttp.ClientSession":
        """Import the library and read the certificates, without holding up the loop. Afterwards imports are cheap."""
        async with self._building:
            if self._session is None:
                context = await anyio.to_thread.run_sync(_load, self._environment)
                self._session = _session(context)
        return self._session

    async def close(self) -> None:
        """End every connection. Requests under way fail."""
        session, self._session = self._session, None
        if session:
            await session.close()


class Endpoint:
    """Requests to one URL. Each method makes a request that `async with` sends; it yields the response's head."""

    def __init__(self, session: "aiohttp.ClientSession", url: str, proxy: str | None) -> None:
        from app.upstream.http_post import SMALL, Target

        self._session = session
        self._url = url
        self._options: dict[str, Any] = {"proxy": proxy, "allow_redirects": False}
        # The session itself sees to proxies, and to a user and password in the URL.
        self._target: Target | None = None if proxy or "@" in url else Target(session, url, READ_BUFFER)
        self._small = SMALL

    def __repr__(self) -> str:
        return f"<Endpoint {urlsplit(self._url).hostname}>"

    def at(self, url: str) -> "Endpoint":
        """Another URL of the same origin."""
        return Endpoint(self._session, url, self._options["proxy"])

    def post(self, headers: Mapping[str, str], body: bytes) -> "Exchange":
        if self._target is not None and len(body) <= self._small:
            return self._target.post(headers, body)
        data = body if len(body) <= _LARGE else io.BytesIO(body)
        return self._session.post(self._url, headers=headers, data=data, **self._options)

    def get(self, headers: Mapping[str, str]) -> "Exchange":
        return self._session.get(self._url, headers=headers, **self._options)

    def delete(self, headers: Mapping[str, str]) -> "Exchange":
        return self._session.delete(self._url, headers=headers, **self._options)


def _load(environment: Mapping[str, str]) -> ssl.SSLContext | None:
    """Load the library, and with it the certificates of the machine or of `SSL_CERT_FILE`; None: those are all."""
    importlib.import_module("aiohttp")
    paths = ssl.get_default_verify_paths()
    known = {os.path.realpath(paths.cafile)} if paths.cafile else set[str]()
    named = [environment[name] for name in _EXTRA_CA if environment.get(name)]
    more = [path for path in named if os.path.realpath(path) not in known]
    if not paths.cafile and not (paths.capath and any(Path(paths.capath).iterdir())):
        # A machine without any, as slim images are: the bundle that comes with our dependencies.
        more.append(importlib.import_module("certifi").where())
    if not more:
        return None
    context = ssl.create_default_context()
    for path in more:
        # What cannot be read is passed over, as curl and Node do: what it would have vouched for fails closed, by name.
        with suppress(OSError, ValueError):
            context.load_verify_locations(path)
    return context


def _session(context: ssl.SSLContext | None) -> "aiohttp.ClientSession":
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=context or True,
        keepalive_timeout=IDLE_SECONDS,
        socket_factory=open_socket,
        ttl_dns_cache=NAME_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": USER_AGENT},
        # How long an answer may take is for the owner of each request to say.
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT),
        trust_env=False,
        read_bufsize=READ_BUFFER,
    )
