import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientConnectorError

from app.upstream.http_client import Endpoint, HttpClient
from app.upstream.http_faults import FAILURES
from app.upstream.http_post import SMALL
from tests.support.tls import answering, certificate

HEADERS = {"accept": "application/json", "content-type": "application/json", "mcp-session-id": "abc", "x-über": "ü"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PATIENCE = 30.0


class Server:
    """Keeps its connections and what was sent over each; answers with `reply`, or not at all where that is empty."""

    def __init__(self, reply: bytes) -> None:
        self.reply = reply
        self.port = 0
        self.requests: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.asked, self.left = asyncio.Event(), asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(int(f[15:]) for f in head.lower().split(b"\r\n") if f.startswith(b"content-length:"))
                self.requests.append((head, await reader.readexactly(length)))
                self.asked.set()
                writer.write(self.reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.left.set()
        finally:
            writer.close()

    def headers(self, number: int) -> dict[bytes, bytes]:
        start, *fields = self.requests[number][0].rstrip().split(b"\r\n")
        assert len({field.partition(b":")[0].lower() for field in fields}) == len(fields), fields
        return {b"": start} | {f.partition(b":")[0].lower(): f.partition(b":")[2].strip() for f in fields}


@asynccontextmanager
async def asked(reply: bytes = OK, user: str = "") -> AsyncIterator[tuple[Server, Endpoint]]:
    server, client = Server(reply), HttpClient({})
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server, await client.reach(f"http://{user}127.0.0.1:{server.port}/a%20b?c=d#e")
    finally:
        await client.close()
        listener.close()


async def post(endpoint: Endpoint, body: bytes = b"{}", headers: dict[str, str] = HEADERS) -> bytes:
    async with asyncio.timeout(PATIENCE), endpoint.post(headers, body) as response:
        return await response.read()


async def test_a_small_body_is_sent_as_the_library_itself_sends_it() -> None:
    async with asked() as (server, endpoint):
        assert await post(endpoint, b'{"small":1}') == b"ok"
        assert await post(endpoint, b"x" * (SMALL + 1)) == b"ok"
        small, large = server.headers(0), server.headers(1)
        assert (small.pop(b"content-length"), large.pop(b"content-length")) == (b"11", b"%d" % (SMALL + 1))
        assert small == large
        assert small[b""] == b"POST /a%20b?c=d HTTP/1.1"
        assert server.requests[0][1] == b'{"small":1}'


async def test_one_connection_serves_one_request_after_the_other() -> None:
    async with asked() as (server, endpoint):
        assert [await post(endpoint, b"%d" % number) for number in range(20)] == [b"ok"] * 20
        assert server.connections == 1
        assert [body for _, body in server.requests] == [b"%d" % number for number in range(20)]


async def test_an_answer_that_was_not_read_to_its_end_takes_its_connection_with_it() -> None:
    async with asked(OK.replace(b": 2", b": 9")) as (server, endpoint):
        async with asyncio.timeout(PATIENCE), endpoint.post(HEADERS, b"{}") as response:
            assert response.status == 200
        await asyncio.wait_for(server.left.wait(), PATIENCE)
        server.reply = OK
        assert await post(endpoint) == b"ok"
        assert server.connections == 2


async def test_a_cancel_before_the_answer_closes_the_connection() -> None:
    async with asked(b"") as (server, endpoint), asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(post(endpoint))
        await asyncio.wait_for(server.asked.wait(), PATIENCE)
        waiting.cancel()
        await asyncio.wait_for(server.left.wait(), PATIENCE)


async def test_a_header_of_the_config_replaces_ours_and_none_can_hold_another() -> None:
    async with asked() as (server, endpoint):
        await post(endpoint, headers={"user-agent": "theirs", "host": "elsewhere"})
        assert (server.headers(0)[b"user-agent"], server.headers(0)[b"host"]) == (b"theirs", b"elsewhere")
        with pytest.raises(ValueError, match="injection"):
            await post(endpoint, headers={"x": "a\r\nb: c"})
        assert await post(endpoint) == b"ok"
        assert len(server.requests) == 2


async def test_a_user_in_the_url_is_sent_as_credentials() -> None:
    async with asked(user="me:secret@") as (server, endpoint):
        await post(endpoint)
        assert server.headers(0)[b"authorization"] == b"Basic bWU6c2VjcmV0"


async def test_tls_and_the_proxy_of_the_environment_are_kept(tmp_path: Path) -> None:
    own = certificate(tmp_path)
    client = HttpClient({"CURL_CA_BUNDLE": str(own)})
    async with answering(OK, own) as port:
        assert await post(await client.reach(f"https://localhost:{port}/")) == b"ok"
    stranger = HttpClient({})
    async with answering(OK, own) as port:
        with pytest.raises(ClientConnectorError):
            await post(await stranger.reach(f"https://localhost:{port}/"))
    async with answering(OK) as proxy:
        proxied = HttpClient({"HTTP_PROXY": f"http://127.0.0.1:{proxy}"})
        assert await post(await proxied.reach("http://far.invalid/")) == b"ok"
    for used in (client, stranger, proxied):
        await used.close()


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"nonsense\r\n\r\n"])
async def test_what_is_no_answer_fails_as_a_request_of_the_library_fails(reply: bytes) -> None:
    client = HttpClient({})
    async with answering(reply) as port:
        with pytest.raises(FAILURES):
            await post(await client.reach(f"http://127.0.0.1:{port}/"))
    with pytest.raises(ClientConnectorError):
        await post(await client.reach(f"http://127.0.0.1:{port}/"))
    await client.close()
