"""A POST straight over the connections of an aiohttp session, past the session's own request.

For every request the session merges headers, parses the URL, looks for cookies, redirects and proxies and, before
Python 3.12, starts a task to write the body: half of what the client costs. Here all of that is settled once a URL.
Connections, TLS, parsing, limits and failures are the library's as ever. Not for bodies past `SMALL`, which have to be
written while the answer is read, nor for a way through a proxy (docs/adr/0001-http-client.md).
"""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType

from aiohttp import ClientRequest, ClientResponse, ClientSession, hdrs
from aiohttp.client_reqrep import ConnectionKey
from aiohttp.helpers import TimerNoop
from aiohttp.http import StreamWriter
from yarl import URL

# The library writes so much before it waits for the peer to read.
SMALL = 1 << 16
_TIMER = TimerNoop()


class _Settled(ClientRequest):
    """Never sent: it tells the connector whom to connect to, and what every request says. Worked out once."""

    @cached_property
    def connection_key(self) -> ConnectionKey:  # pyright: ignore[reportIncompatibleMethodOverride] - a property there
        return super().connection_key


class Target:
    """Where POSTs go, and what is the same in each of them. `read_buffer` bounds what is read ahead, in bytes."""

    __slots__ = ("_connector", "_headers", "_info", "_loop", "_read_buffer", "_request", "_session", "_start", "_url")

    def __init__(self, session: ClientSession, url: str, read_buffer: int) -> None:
        assert session.connector is not None, "a session has none only once it is closed"
        self._session = session
        self._connector = session.connector
        self._loop = asyncio.get_running_loop()
        self._read_buffer = read_buffer
        self._url = URL(url)
        self._request = _Settled("POST", self._url, headers=session.headers, loop=self._loop, session=session, ssl=True)
        self._headers = self._request.headers.copy()
        self._info = self._request.request_info
        self._start = f"POST {self._url.raw_path_qs} HTTP/1.1"

    def post(self, headers: Mapping[str, str], body: bytes) -> "Post":
        """A request that `async with` sends; it yields the response's head."""
        return Post(self, headers, body)

    async def send(self, headers: Mapping[str, str], body: bytes) -> ClientResponse:
        """Connect, send, and wait for the head of the answer. A cancel closes the connection."""
        written = self._headers.copy()
        written.update(headers)
        written[hdrs.CONTENT_LENGTH] = str(len(body))
        connection = await self._connector.connect(self._request, [], self._session.timeout)
        try:
            protocol = connection.protocol
            assert protocol is not None, "a connection has its protocol until it is released"
            protocol.set_response_params(read_until_eof=True, read_bufsize=self._read_buffer)
            writer = StreamWriter(protocol, self._loop)
            await writer.write_headers(self._start, written)
            await writer.write(body, drain=False)
            response = ClientResponse(
                "POST",
                self._url,
                writer=None,
                continue100=None,
                timer=_TIMER,
                request_info=self._info,
                traces=[],
                loop=self._loop,
                session=self._session,
                stream_writer=writer,
            )
            return await response.start(connection)
        except BaseException:
            connection.close()
            raise


class Post:
    """One request on its way."""

    __slots__ = ("_body", "_headers", "_response", "_target")

    def __init__(self, target: Target, headers: Mapping[str, str], body: bytes) -> None:
        self._target = target
        self._headers = headers
        self._body = body

    async def __aenter__(self) -> ClientResponse:
        self._response = await self._target.send(self._headers, self._body)
        return self._response

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # One that was not read to its end takes its connection with it.
        self._response.release()
