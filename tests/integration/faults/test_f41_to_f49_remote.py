"""Faults of remote servers, in the numbers promised (RELIABILITY.md F41 to F49)."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.protocol.faults import Kind
from app.protocol.versions import Era
from app.upstream import heartbeat
from app.upstream.errors import UpstreamError
from app.upstream.upstream import State, Upstream
from tests.integration.faults.figures import watched_loop
from tests.support.http_wires import remote, seen, wayward_http
from tests.support.pace import kept
from tests.support.place import Place, placed, seconds_since, told
from tests.support.processes import eventually, tree_of
from tests.support.programs import SERVERS, listening
from tests.support.tls import answering, certificate
from tests.support.upstreams import ask, lease_of, reaches, running
from tests.support.wire import Reply, until


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    with wayward_http() as url:
        yield url


@pytest.fixture(scope="module")
def trickling() -> Iterator[str]:
    with listening([sys.executable, "-I", str(SERVERS / "trickling.py")]) as [port]:
        yield f"http://127.0.0.1:{port}/mcp"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, origin: str, trickling: str) -> Iterator[Place]:
    servers = {
        "unknown": {"url": f"{origin}/status/401", "headers": {"Authorization": "Bearer of-the-gateway"}},
        "forbidden": {"url": f"{origin}/status/403"},
        "throttled": {"url": f"{origin}/status/429?retry-after=40"},
        "failing": {"url": f"{origin}/status/503?retry-after=50"},
        "moved": {"url": f"{origin}/redirect", "headers": {"Authorization": "Bearer of-the-gateway"}},
        "good": {"url": trickling, "timeout": 1, "max_timeout": 3},
    }
    with placed(servers, tmp_path_factory.mktemp("remote")) as found:
        found.reaches("good", "ready", 60)
        yield found


@pytest.mark.parametrize("server", ["unknown", "forbidden"])
async def test_f41_refused_credentials_park_their_server_and_never_look_like_the_clients_own(
    place: Place, origin: str, server: str
) -> None:
    await asyncio.to_thread(place.reaches, server, "failed")
    before = len((await seen(origin))["seen"])
    for _ in range(20):
        reply = await place.call(server, "anything")
        assert reply.status != 401
        assert reply.answer.header("www-authenticate") is None
        assert "refused the gateway's credentials" in told(reply)
    asked = (await seen(origin))["seen"][before:]
    assert not [one for one in asked if "/status/40" in one["path"]], "the circuit is open: nobody is asked"


@pytest.mark.parametrize(("server", "seconds"), [("throttled", 40), ("failing", 50)])
async def test_f43_a_server_that_asks_for_time_is_given_it(place: Place, server: str, seconds: int) -> None:
    await asyncio.to_thread(place.reaches, server, "backoff")

    async def is_given_it() -> bool:
        said = told(await place.call(server, "anything"))
        assert "It is tried again in" in said
        due = int(said.split("It is tried again in ")[1].split(" s")[0])
        assert due <= seconds
        return due > seconds - 30  # or it asks for time again soon

    await until(is_given_it, f"it is left alone for {seconds} s", 60)


async def timed(call: Awaitable[Reply]) -> tuple[float, Reply]:
    began = time.monotonic()
    reply = await call
    return seconds_since(began), reply


@pytest.mark.parametrize(("tool", "least", "most"), [("stall", 1, 2.5), ("trickle", 1, 2.5), ("pulse", 3, 4.5)])
async def test_f44_silence_and_a_trickle_end_at_the_deadline_and_progress_at_the_hard_one(
    place: Place, tool: str, least: float, most: float
) -> None:
    params: dict[str, Any] = {"_meta": {"progressToken": "t"}}
    took, reply = await timed(place.caller().call(f"good__{tool}", **params))
    assert took >= least
    assert kept(took, most)
    assert "gave no answer in time" in told(reply)
    assert (await place.call("good", "echo", a=1)).text == '{"a": 1}'


async def test_f49_a_redirect_is_not_followed_and_credentials_go_nowhere_else(place: Place, origin: str) -> None:
    eventually(lambda: "redirects elsewhere" in place.details("moved").get("fault", ""), what="health says it")
    assert not [asked for asked in (await seen(origin))["seen"] if asked["path"].startswith("/trap")]
    assert "redirects elsewhere" in told(await place.call("moved", "anything"))


async def test_f45_a_connection_into_nothing_is_found_by_the_deadline_and_later_calls_are_served(
    tmp_path: Path,
) -> None:
    with wayward_http() as url, stopped_and_continued() as [stop, go_on]:
        servers = {"still": {"url": f"{url}/modern", "timeout": 1}}
        with placed(servers, tmp_path) as place:
            await asyncio.to_thread(place.reaches, "still", "ready", 60)
            assert (await place.call("still", "echo")).text == "{}"
            stop()
            took, reply = await timed(place.call("still", "echo"))
            assert took >= 1
            assert kept(took, 2.5)
            assert "gave no answer in time" in told(reply)
            go_on()
            for _ in range(10):
                assert (await place.call("still", "echo")).text == "{}"


async def test_f45_a_connection_into_nothing_is_found_by_health_checks_and_the_session_is_opened_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heartbeat, "SILENCE", 0.3)
    monkeypatch.setattr(heartbeat.probe, "__defaults__", (1.0,))
    with wayward_http() as url, stopped_and_continued() as [stop, go_on]:
        async with running(remote(f"{url}/modern")) as [server]:
            await reaches(server, State.READY)
            stop()
            await reaches(server, State.BACKOFF)
            assert "3 health checks" in server.reason
            go_on()
            await reaches(server, State.READY)
            assert await ask(await lease_of(server, Era.MODERN), "echo") == "{}"


@contextmanager
def stopped_and_continued() -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """What makes the server that was started last stand still, and go on."""
    pid = max(seen.pid for seen in tree_of(os.getpid()) if "wayward_http" in seen.command)
    try:
        yield (lambda: os.kill(pid, signal.SIGSTOP)), (lambda: os.kill(pid, signal.SIGCONT))
    finally:
        os.kill(pid, signal.SIGCONT)


async def warm_up() -> None:
    """The SDK and the HTTP library, loaded: what is measured afterwards is the network."""
    async with running(remote("http://127.0.0.1:1/mcp")) as [server]:
        await reaches(server, State.BACKOFF)


@pytest.mark.parametrize("silent", [False, True], ids=["no such name", "no answer"])
async def test_f46_a_name_that_does_not_resolve_is_an_error_within_5_s_and_blocks_nobody(
    monkeypatch: pytest.MonkeyPatch, silent: bool
) -> None:
    real = socket.getaddrinfo

    def looked_up(host: Any, *rest: Any, **more: Any) -> Any:
        if host == "nowhere.invalid":
            time.sleep(8 if silent else 0.2)
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    await warm_up()
    async with running(remote("http://nowhere.invalid/mcp")) as [server], watched_loop() as watched:
        began = time.monotonic()
        await reaches(server, State.BACKOFF)
        took = seconds_since(began)
    assert "does not resolve" in server.exits[0].reason or "in time" in server.exits[0].reason
    assert kept(took, 5)
    assert kept(max(watched.lags), 1)


async def test_f46_a_server_that_moved_is_found_at_its_new_address(monkeypatch: pytest.MonkeyPatch) -> None:
    real, address = socket.getaddrinfo, "127.0.0.2"

    def looked_up(host: Any, *rest: Any, **more: Any) -> Any:
        return real(address if host in ("far.example", b"far.example") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", looked_up)
    with wayward_http() as url:
        port = urlsplit(url).port
        assert port
        async with (
            forwarding("127.0.0.2", port) as leave,
            running(remote(f"http://far.example:{port}/modern")) as [server],
        ):
            await reaches(server, State.READY)
            assert await ask(await lease_of(server, Era.MODERN), "echo") == "{}"
            address = "127.0.0.1"
            await leave()
            async with asyncio.timeout(30):
                while not await answers(server):  # noqa: ASYNC110 - nothing tells when a call would pass
                    await asyncio.sleep(0.2)


async def answers(server: Upstream) -> bool:
    with suppress(AssertionError, UpstreamError):
        return await ask(await server.acquire(Era.MODERN), "echo") == "{}"
    return False


@asynccontextmanager
async def forwarding(host: str, port: int) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """`host`:`port` leads to the same port of 127.0.0.1 until what this gives is called."""
    writers: list[asyncio.StreamWriter] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        near, far = await asyncio.open_connection("127.0.0.1", port)
        writers.extend((writer, far))
        await asyncio.gather(pump(reader, far), pump(near, writer))

    server = await asyncio.start_server(connected, host, port)

    async def leave() -> None:
        server.close()
        for writer in writers:
            writer.transport.abort()

    try:
        yield leave
    finally:
        await leave()


@pytest.mark.parametrize(
    ("host", "days", "said"), [("localhost", -2, "has expired"), ("example.org", 2, "is for another host name")]
)
async def test_f47_a_certificate_that_proves_nothing_is_never_spoken_to_and_named_in_the_status(
    tmp_path: Path, host: str, days: int, said: str
) -> None:
    own = certificate(tmp_path, host, days)
    async with answering(b"", own) as port:
        spec = remote(f"https://localhost:{port}/mcp", headers={"Authorization": "Bearer of-the-gateway"})
        async with running(spec, environment={"REQUESTS_CA_BUNDLE": str(own)}) as [server]:
            await reaches(server, State.BACKOFF)
            assert said in server.reason
            with pytest.raises(UpstreamError) as caught:
                await server.acquire(Era.LEGACY)
            assert caught.value.fault.kind is Kind.UNREACHABLE
            assert said in caught.value.fault.message
