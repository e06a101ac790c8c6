from pathlib import Path

import pytest

from app.upstream.http_client import HttpClient
from tests.support.tls import answering, certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\nConnection: close\r\n\r\nok"


async def status(client: HttpClient, url: str) -> int:
    async with (await client.reach(url)).get({}) as response:
        return response.status


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "CURL_CA_BUNDLE"])
async def test_certificates_of_the_variables_of_other_tools_are_trusted(tmp_path: Path, name: str) -> None:
    own = certificate(tmp_path)
    client = HttpClient({name: str(own)})
    async with answering(OK, own) as port:
        assert await status(client, f"https://localhost:{port}/") == 200
    await client.close()


async def test_an_unreadable_certificate_file_changes_nothing_for_others() -> None:
    client = HttpClient({"REQUESTS_CA_BUNDLE": "/nonexistent"})
    async with answering(OK) as port:
        assert await status(client, f"http://localhost:{port}/") == 200
    await client.close()


async def test_requests_go_through_the_proxy_of_the_environment_but_not_to_this_machine() -> None:
    async with answering(OK) as proxy, answering(OK.replace(b"200", b"201")) as local:
        client = HttpClient({"HTTP_PROXY": f"http://127.0.0.1:{proxy}"})
        assert await status(client, "http://far.invalid/") == 200
        assert await status(client, f"http://127.0.0.1:{local}/") == 201
        await client.close()


async def test_the_same_connections_serve_every_url_until_closed() -> None:
    client = HttpClient({})
    assert "not loaded" in repr(client)
    first, second = await client.load(), await client.load()
    assert first is second
    await client.close()
    await client.close()
    assert first.closed


@pytest.mark.parametrize("url", ["", "far", "ftp://far/", "http://", "http://[::1", "http://far:port/", "/path"])
async def test_what_is_no_http_address_is_told_before_anything_is_sent(url: str) -> None:
    client = HttpClient({})
    with pytest.raises(ValueError, match=r".*"):
        await client.reach(url)
    await client.close()
