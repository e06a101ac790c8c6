"""From a placeholder to a certificate and to the next one, by certbot as compose.yaml runs it, and no call is lost."""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Self

import httpx
import httpx2
import pytest
from cryptography import x509
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests.integration.tls.site import NAME, OTHER, Site, running_site, serial_of
from tests.support.acme import Certbot, authority
from tests.support.gateway import KEY
from tests.support.processes import eventually
from tests.support.programs import workbench
from tests.support.wire import Caller, Wire, read_reply, until

Json = dict[str, Any]
CLIENTS = 6


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site({"mcpServers": {"bench": workbench("bench")}}, domains=f"{NAME}, {OTHER.upper()}") as found:
        yield found


@pytest.fixture(scope="module")
def certbot(site: Site) -> Iterator[Certbot]:
    with authority(site.gateway.port) as found:
        scratch = site.folder / "scratch"
        scratch.mkdir()
        yield Certbot(site.certificates, site.webroot, scratch, site.gateway.port, found, site.folder / "certbot.log")


@pytest.fixture(scope="module")
def issued(site: Site, certbot: Certbot) -> Site:
    """With a first certificate."""
    placeholder = site.tls.presented()
    assert placeholder.issuer == placeholder.subject
    assert certbot.run(f"{NAME}, {OTHER.upper()}"), certbot.words()
    serial = serial_of((site.live / "fullchain.pem").read_bytes())
    eventually(lambda: site.tls.presents(serial), what="the certificate")
    site.tls.root = certbot.authority.root()
    return site


def file_serial(site: Site) -> int:
    return serial_of((site.live / "fullchain.pem").read_bytes())


def test_the_first_certificate_takes_the_place_of_the_placeholder(issued: Site) -> None:
    with issued.tls.connect() as wire:
        assert wire.version() == "TLSv1.3"
    with issued.tls.connect(name=OTHER) as wire:
        assert wire.getpeercert()
    presented = issued.tls.presented()
    names = presented.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sorted(names.get_values_for_type(x509.DNSName)) == [NAME, OTHER]
    assert presented.serial_number == file_serial(issued)
    assert "no certificate in" in issued.log()
    assert "a new certificate is served" in issued.log()


def test_a_certificate_that_is_not_due_is_kept(issued: Site, certbot: Certbot) -> None:
    before = file_serial(issued)
    assert certbot.run(f"{NAME},{OTHER}", MCP_ACME_EMAIL="")
    assert file_serial(issued) == before


async def test_the_sdk_does_the_main_job_over_tls_and_trusts_nobody_else(issued: Site) -> None:
    async def named(request: httpx2.Request) -> None:
        request.extensions = {**request.extensions, "sni_hostname": NAME}

    async def tools(root: ssl.SSLContext | bool) -> list[str]:
        headers = {"Authorization": f"Bearer {KEY}", "Host": NAME}
        url = f"https://127.0.0.1:{issued.tls.port}/mcp"
        async with (
            httpx2.AsyncClient(headers=headers, verify=root, event_hooks={"request": [named]}, timeout=30) as http,
            Client(streamable_http_client(url, http_client=http), mode="auto") as client,
        ):
            return [tool.name for tool in (await client.list_tools()).tools]

    assert "bench__whoami" in await tools(issued.tls.context())
    with pytest.raises(BaseException) as refused:  # noqa: PT011 - a group of them
        await tools(True)
    assert "CERTIFICATE_VERIFY_FAILED" in _all(refused.value)


def _all(error: BaseException) -> str:
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return repr(error) + "".join(map(_all, inner)) + (_all(error.__cause__) if error.__cause__ else "")


async def test_a_renewal_under_load_fails_no_call_and_cuts_no_stream(issued: Site, certbot: Certbot) -> None:
    before = file_serial(issued)
    # As if another authority had been asked the last time: the next turn is due.
    renewal = issued.certificates / "renewal" / f"{NAME}.conf"
    renewal.write_text(renewal.read_text().replace("server = https://", "server = https://former."))
    caller = Caller("127.0.0.1", issued.tls.port, KEY, "modern")
    held, free = ({"name": f"bench__{verb}", "arguments": {"label": "x"}} for verb in ("hold", "release"))
    async with await wire_to(issued) as wire, Load(issued, caller) as load:
        answer = await wire.ask("POST", "/mcp", caller.headers("tools/call", held), body(caller, held, 7))
        assert answer.is_stream, "a call that takes long, from before the new certificate to after it"
        assert await asyncio.to_thread(certbot.run, f"{NAME},{OTHER}"), certbot.words()
        after = file_serial(issued)
        assert after != before
        await asyncio.to_thread(eventually, lambda: issued.tls.presents(after), what="the new one")
        served = load.answered.total()
        await until(load.is_beyond(served + 50), "calls after it")
        async with await wire_to(issued) as other:
            await other.request("POST", "/mcp", caller.headers("tools/call", free), body(caller, free, 8))
        assert (await read_reply(wire, answer, 7)).text == "released x"
    print(f"{load.answered} answered, {load.closed} idle connections closed under a client")
    assert load.answered.keys() == {200}
    assert not load.closed[1]
    # nginx takes leave of HTTP/2 by GOAWAY, which this client meets with a request on its way.
    assert load.closed[2] < load.answered[200] / 20


def body(caller: Caller, params: Json, ident: int) -> bytes:
    return json.dumps(caller.body("tools/call", params, ident)).encode()


async def wire_to(site: Site) -> Wire:
    where = ("127.0.0.1", site.tls.port)
    return Wire(*await asyncio.open_connection(*where, ssl=site.tls.context(), server_hostname=NAME), NAME, 30)


class Load:
    """Clients that call without a pause, each on a connection that it keeps: half of them over HTTP/2."""

    def __init__(self, site: Site, caller: Caller) -> None:
        params: Json = {"name": "bench__whoami", "arguments": {}}
        self._site, self._body = site, body(caller, params, 1)
        self._headers = {**dict(caller.headers("tools/call", params)), "Host": NAME}
        self.answered, self.closed = Counter[int](), Counter[int]()
        self._over = False

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.get_running_loop().create_task(self._client(n % 2 > 0)) for n in range(CLIENTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over = True
        await asyncio.gather(*self._tasks)

    def is_beyond(self, count: int) -> Callable[[], Awaitable[bool]]:
        async def beyond() -> bool:
            return self.answered.total() > count

        return beyond

    async def _client(self, http2: bool) -> None:
        url, named = f"https://127.0.0.1:{self._site.tls.port}/mcp", {"sni_hostname": NAME}
        trust = self._site.tls.context()
        async with httpx.AsyncClient(http2=http2, verify=trust, headers=self._headers, timeout=30) as http:
            while not self._over:
                try:
                    answer = await http.post(url, content=self._body, extensions=named)
                except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                    self.closed[1 + http2] += 1
                    continue
                self.answered[answer.status_code] += 1
                assert "bench" in answer.text


def test_a_good_certificate_is_not_replaced_by_one_of_staging(issued: Site, certbot: Certbot) -> None:
    before = file_serial(issued)
    # certbot knows staging by that word.
    assert not certbot.run(f"{NAME},{OTHER}", MCP_ACME_SERVER=f"{certbot.authority.directory_url}?staging")
    assert "--break-my-certs" in certbot.log.read_text()
    assert file_serial(issued) == before
