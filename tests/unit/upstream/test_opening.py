from typing import Any

import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.upstream import opening
from app.upstream.errors import EraRefused, HttpRefusal, UpstreamError
from app.upstream.opening import Opened, Opener
from app.upstream.verdicts import Verdict
from tests.support.recorded import ScriptedServer

LEGACY, MODERN = Era.LEGACY, Era.MODERN
ONLY_LEGACY = Verdict(LEGACY, other=False)


def spec(kind: Any, era: Any = "auto") -> ServerSpec:
    return ServerSpec(name="files", label="Files", kind=kind, prefix="files", era=era)


async def first(server: ScriptedServer, kind: str, era: str = "auto", verdict: Verdict | None = None) -> Opened:
    return await Opener(spec(kind, era), server.makes).first(verdict)


def asked(server: ScriptedServer) -> list[str]:
    return [m["method"] for wire in server.wires for m in wire.messages if "id" in m]


def refusing(status: int) -> Fault:
    return HttpRefusal(Kind.PROTOCOL, f"HTTP {status}", server="files", status=status)


@pytest.mark.parametrize(
    ("kind", "era", "eras", "found"),
    [
        ("stdio", "auto", [LEGACY, MODERN], (LEGACY, False, ["initialize"])),
        ("stdio", "auto", [MODERN], (MODERN, False, ["initialize", "server/discover"])),
        ("stdio", "mirror", [LEGACY, MODERN], (MODERN, None, ["server/discover"])),
        ("stdio", "mirror", [LEGACY], (LEGACY, False, ["server/discover", "initialize"])),
        ("stdio", "legacy", [LEGACY, MODERN], (LEGACY, False, ["initialize"])),
        ("stdio", "modern", [LEGACY, MODERN], (MODERN, False, ["server/discover"])),
        ("http", "auto", [LEGACY, MODERN], (MODERN, None, ["server/discover"])),
        ("http", "auto", [LEGACY], (LEGACY, False, ["server/discover", "initialize"])),
        ("http", "legacy", [LEGACY, MODERN], (LEGACY, False, ["initialize"])),
        ("sse", "auto", [LEGACY, MODERN], (LEGACY, False, ["initialize"])),
        ("auto", "auto", [MODERN], (MODERN, None, ["server/discover"])),
    ],
)
async def test_the_first_session_follows_the_rules_of_era(
    kind: str, era: str, eras: list[Era], found: tuple[Era, bool | None, list[str]]
) -> None:
    server = ScriptedServer(*eras)
    opened = await first(server, kind, era)
    assert opened.negotiated.era is opened.connection.era
    assert (opened.negotiated.era, opened.other, asked(server)) == found


async def test_a_kept_verdict_saves_the_probe_and_is_dropped_when_it_fails() -> None:
    server = ScriptedServer(LEGACY)
    assert (await first(server, "http", verdict=ONLY_LEGACY)).verdict == ONLY_LEGACY
    assert asked(server) == ["initialize"]
    server = ScriptedServer(MODERN)
    opened = await first(server, "http", verdict=ONLY_LEGACY)
    assert opened.verdict.first is MODERN
    kept = await first(ScriptedServer(MODERN), "http", verdict=Verdict(MODERN, other=True))
    assert kept.other is True


@pytest.mark.parametrize("status", [400, 404, 405])
async def test_a_url_that_is_not_streamable_is_tried_as_http_sse(status: int) -> None:
    refused = {("http", method): refusing(status) for method in ("initialize", "server/discover")}
    server = ScriptedServer(LEGACY, refusals=refused)
    opened = await first(server, "auto")
    assert opened.sse
    assert [wire for wire, _ in server.opened] == ["http", "http", "sse"]
    again = ScriptedServer(LEGACY, refusals=refused)
    await first(again, "auto", verdict=opened.verdict)
    assert [wire for wire, _ in again.opened] == ["sse"]


async def test_a_url_that_is_neither_keeps_the_first_complaint() -> None:
    refused = {
        (wire, method): refusing(404) for wire in ("http", "sse") for method in ("initialize", "server/discover")
    }
    server = ScriptedServer(LEGACY, refusals=refused)
    with pytest.raises(UpstreamError, match="HTTP 404"):
        await first(server, "auto")
    assert all(wire.closes for wire in server.wires)


async def test_a_configured_transport_is_the_only_one_tried() -> None:
    server = ScriptedServer(LEGACY, refusals={("http", m): refusing(404) for m in ("initialize", "server/discover")})
    with pytest.raises(EraRefused):
        await first(server, "http")
    assert {wire for wire, _ in server.opened} == {"http"}


@pytest.mark.parametrize("fault", [refusing(401), refusing(503), Fault(Kind.UNREACHABLE, "down")])
async def test_what_is_no_answer_is_no_verdict(fault: Fault) -> None:
    server = ScriptedServer(LEGACY, refusals={("http", "server/discover"): fault})
    with pytest.raises(UpstreamError) as caught:
        await first(server, "auto")
    assert caught.value.fault is fault
    assert asked(server) == ["server/discover"]
    assert server.wires[0].closes


async def test_silence_from_afar_leaves_the_modern_era_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "PROBE_TIMEOUT", 0.05)
    monkeypatch.setattr(opening, "REMOTE_PROBE_TIMEOUT", 0.05)
    for kind, other in (("http", None), ("stdio", False)):
        server = ScriptedServer(LEGACY)
        server.silent.add("server/discover")
        assert (await first(server, kind, "mirror")).other is other


async def test_an_exit_during_the_probe_is_an_answer_of_a_stdio_server_only() -> None:
    gone = Fault(Kind.CLOSED, "exited")
    for kind in ("stdio", "http"):
        server = ScriptedServer(LEGACY, refusals={(kind, "server/discover"): gone})
        if kind == "stdio":
            assert (await first(server, kind, "mirror")).verdict == ONLY_LEGACY
        else:
            with pytest.raises(UpstreamError):
                await first(server, kind, "mirror")


async def test_another_session_is_of_the_era_asked_for_or_refused() -> None:
    server = ScriptedServer(LEGACY)
    opener = Opener(spec("http"), server.makes)
    assert (await opener.another(LEGACY)).connection.era is LEGACY
    with pytest.raises(EraRefused):
        await opener.another(MODERN)
    with pytest.raises(EraRefused, match="HTTP\\+SSE"):
        await Opener(spec("sse"), server.makes).another(MODERN)


@pytest.mark.parametrize(("capabilities", "waits"), [(b"{}", False), (b'{"roots":{}}', True)])
async def test_what_a_server_asks_while_a_clients_session_opens_waits_for_its_first_call(
    capabilities: bytes, waits: bool
) -> None:
    server = ScriptedServer(LEGACY)
    opened = await Opener(spec("stdio"), server.makes).another(LEGACY, capabilities=capabilities)
    opened.connection.received(b'{"jsonrpc":"2.0","id":"r1","method":"roots/list"}')
    declined = any("error" in message for wire in server.wires for message in wire.messages)
    assert declined is not waits
