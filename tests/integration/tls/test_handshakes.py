"""What a client meets at the TLS listener and at the plain one beside it (RELIABILITY.md section 4 item 1)."""

import asyncio
import http.client
import json
import re
import socket
import ssl
import subprocess
import time
import warnings
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.integration.tls.site import NAME, Site, running_site
from tests.support.gateway import KEY
from tests.support.programs import workbench
from tests.support.wire import Caller, fresh_address

NOT_FOUND = b'{"error":"not_found","error_description":"Not found"}'


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site({"mcpServers": {"bench": workbench("bench")}}, issued=True) as found:
        yield found


@pytest.mark.parametrize("name", [None, "other.example.test", "example.test", f"x.{NAME}", "localhost"])
def test_who_asks_for_another_name_or_for_none_gets_no_handshake(site: Site, name: str | None) -> None:
    with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
        site.tls.connect(name=name)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions_of_tls_are_refused(site: Site, version: ssl.TLSVersion) -> None:
    context = site.tls.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = version
    with pytest.raises(ssl.SSLError, match="ALERT_PROTOCOL_VERSION"):
        site.tls.connect(context)


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256:AES256-SHA", "ECDHE+AES+SHA:ECDHE+AES+SHA256", "DHE"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(site: Site, ciphers: str) -> None:
    context = site.tls.context()
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
        site.tls.connect(context)


@pytest.mark.parametrize(
    ("version", "cipher"),
    [
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
        (ssl.TLSVersion.TLSv1_3, "TLS_AES_256_GCM_SHA384"),
    ],
)
def test_those_of_today_are_served_and_the_client_chooses(site: Site, version: ssl.TLSVersion, cipher: str) -> None:
    context = site.tls.context()
    context.minimum_version = context.maximum_version = version
    if version == ssl.TLSVersion.TLSv1_2:
        context.set_ciphers(cipher)
    with site.tls.connect(context) as wire:
        assert (wire.cipher() or ("",))[0] == cipher


@pytest.mark.parametrize(("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)])
def test_http2_is_spoken_with_who_offers_it(site: Site, offered: list[str], chosen: str | None) -> None:
    context = site.tls.context()
    if offered:
        context.set_alpn_protocols(offered)
    with site.tls.connect(context) as wire:
        assert wire.selected_alpn_protocol() == chosen


def asked(site: Site, method: str, path: str, host: str = NAME, **headers: str) -> http.client.HTTPResponse:
    """One request over TLS, its body read."""
    with site.tls.connect() as wire:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        answer = http.client.HTTPResponse(wire, method=method)
        answer.begin()
        answer.text = answer.read()  # pyright: ignore[reportAttributeAccessIssue]
        return answer


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/mcp", 401),
        ("GET", "/nowhere", 404),
        ("FOO", "/mcp", 405),
        ("GET", "/" + "x" * 9000, 414),
    ],
)
def test_every_answer_over_tls_asks_for_tls_ever_after(site: Site, method: str, path: str, status: int) -> None:
    answer = asked(site, method, path)
    assert (answer.status, answer.getheader("strict-transport-security")) == (status, "max-age=31536000")


def test_another_host_within_our_handshake_is_misdirected(site: Site) -> None:
    answer = asked(site, "GET", "/health", "other.example.test")
    assert answer.status == 421
    assert json.loads(answer.text)["error"] == "misdirected_request"  # pyright: ignore[reportAttributeAccessIssue]


def counted(wire: socket.socket, path: str, host: str) -> Counter[int]:
    """How often each status came to many requests without a key, all sent at once."""
    one = f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"
    wire.sendall((one * 199 + one.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).encode())
    received = b"".join(iter(lambda: wire.recv(65536), b""))
    return Counter(map(int, re.findall(rb"HTTP/1\.1 (\d+) ", received)))


def test_who_asks_for_what_is_not_here_is_limited_on_both_ports(site: Site) -> None:
    """`return` alone would go past every limit."""
    began = time.monotonic()
    raw = socket.create_connection(("127.0.0.1", site.tls.port), 30, (fresh_address(), 0))
    with site.tls.context().wrap_socket(raw, server_hostname=NAME) as wire:
        found = {421: counted(wire, "/mcp", "other.example.test")}
    for path in ("/mcp", "/.well-known/acme-challenge/none"):
        with socket.create_connection(("127.0.0.1", site.gateway.port), 30, (fresh_address(), 0)) as wire:
            found[404] = counted(wire, path, NAME)
        for status, counts in found.items():
            assert counts.keys() == {status, 429}, (path, found)
            assert 100 < counts[status] <= 102 + 20 * (time.monotonic() - began)


def test_plain_http_on_the_tls_port_is_told_so_in_json(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.tls.port), timeout=30) as wire:
        wire.sendall(f"GET /mcp HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode())
        head, _, body = wire.recv(65536).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert b"html" not in body
    assert json.loads(body)


@pytest.mark.parametrize("path", ["/", "/mcp", "/health", "/.well-known/acme-challenge/", "/.well-known/other"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_plain_port_tells_nothing(site: Site, method: str, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.gateway.port, timeout=30)
    connection.request(method, path, headers={"Authorization": f"Bearer {KEY}", "Host": NAME})
    answer = connection.getresponse()
    told = answer.status, answer.getheader("location"), answer.getheader("strict-transport-security"), answer.read()
    connection.close()
    assert told == (404, None, None, NOT_FOUND)


def test_the_plain_port_answers_acme_from_the_webroot_and_nothing_above_it(site: Site) -> None:
    folder = site.webroot / ".well-known/acme-challenge"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "token-1").write_text("token-1.thumbprint")
    (site.webroot / "secret").write_text("secret")
    assert site.gateway.get("/.well-known/acme-challenge/token-1") == (200, b"token-1.thumbprint")
    assert site.gateway.get("/.well-known/acme-challenge/../../secret")[0] in (400, 404)
    assert site.gateway.get("/.well-known/acme-challenge/%2e%2e/%2e%2e/secret")[0] in (400, 404)
    (folder / "link").symlink_to(site.certificates / "live" / NAME / "privkey.pem")
    assert site.gateway.get("/.well-known/acme-challenge/link")[0] in (403, 404)


def curl(site: Site, body: bytes, caller: Caller, params: dict[str, object]) -> list[str]:
    url = f"https://{NAME}:{site.tls.port}/mcp"
    headers = [word for name, value in caller.headers("tools/call", params) for word in ("-H", f"{name}: {value}")]
    options = ["--http2", "--no-buffer", "--silent", "--show-error", "--insecure", "--max-time", "40", "--noproxy", "*"]
    resolve = ["--resolve", f"{NAME}:{site.tls.port}:127.0.0.1", "--write-out", r"\n%{http_version} %{http_code}"]
    return ["curl", *options, *resolve, *headers, "--data-binary", body.decode(), url]


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(("path", "shape"), [("/mcp", {"jsonrpc", "error"}), ("/x", {"error", "error_description"})])
def test_a_body_that_is_too_large_is_refused_in_json_in_both_versions(
    site: Site, version: str, path: str, shape: set[str]
) -> None:
    url, length = f"https://{NAME}:{site.tls.port}{path}", "Content-Length: 99999999"
    options = ["--silent", "--insecure", "--max-time", "40", "--noproxy", "*", "--request", "POST", "--header", length]
    resolve = ["--resolve", f"{NAME}:{site.tls.port}:127.0.0.1", "--write-out", r"\n%{http_code} %{content_type}"]
    command = ["curl", version, *options, *resolve, url]
    told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
    body, _, status = told.rpartition("\n")
    assert status == "413 application/json", told
    assert set(json.loads(body)) == shape


async def test_a_stream_comes_event_by_event_over_http2(site: Site) -> None:
    caller = Caller("127.0.0.1", site.tls.port, KEY, "modern")
    meta = {"progressToken": "p"}
    held: dict[str, object] = {"name": "bench__hold", "arguments": {"label": "h2"}, "_meta": meta}
    free: dict[str, object] = {"name": "bench__release", "arguments": {"label": "h2"}}

    def command(params: dict[str, object], ident: int) -> list[str]:
        return curl(site, json.dumps(caller.body("tools/call", params, ident)).encode(), caller, params)

    process = await asyncio.create_subprocess_exec(*command(held, 1), stdout=subprocess.PIPE)
    assert process.stdout
    # A call that takes long becomes a stream; its first line comes while the call is held.
    first = await asyncio.wait_for(process.stdout.readline(), 30)
    assert first.startswith((b":", b"event:", b"data:", b"id:")), first
    done = await asyncio.create_subprocess_exec(*command(free, 2), stdout=subprocess.PIPE)
    assert b"\n2 200" in (await done.communicate())[0]
    rest, _ = await process.communicate()
    assert b"released h2" in rest
    assert rest.endswith(b"\n2 200")
