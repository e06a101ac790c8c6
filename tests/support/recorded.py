"""A wire that goes nowhere: it keeps what is sent, and a test says what arrives. Not a server: it knows no method."""

import json
from collections.abc import Callable
from typing import Any

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault
from app.protocol.versions import Era
from app.upstream.transport import Outgoing, Receiver

Answer = Callable[[dict[str, Any]], bytes | None]


class RecordedWire:
    """`answer` may give the bytes that arrive for a message, before `send` returns."""

    def __init__(self, answer: Answer = lambda _: None) -> None:
        self.answer = answer
        self.sent: list[Outgoing] = []
        self.abandoned: list[int] = []
        self.cancels_by_closing = False
        self.receiver: Receiver | None = None
        self.closes = 0

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(sent.body) for sent in self.sent]

    async def open(self, receiver: Receiver) -> None:
        self.receiver = receiver

    def send(self, message: Outgoing) -> None:
        self.sent.append(message)
        reply = self.answer(json.loads(message.body))
        if reply is not None and self.receiver is not None:
            self.receiver.received(reply)

    def abandon(self, request_id: int) -> None:
        self.abandoned.append(request_id)

    async def close(self) -> None:
        self.closes += 1


class ScriptedServer:
    """Speaks the wire of either era from inside the process, for what no real server can be brought to do on command.

    `makes` is a transport factory. `eras`: what it understands; `refusals`: the fault that a method meets on a wire, by
    (wire, method). `opened` lists the wires made, as (wire, era).
    """

    def __init__(self, *eras: Era, refusals: dict[tuple[str, str], Fault] | None = None) -> None:
        self.eras = eras
        self.refusals = refusals or {}
        self.opened: list[tuple[str, Era]] = []
        self.wires: list[RecordedWire] = []
        self.tools = ["echo"]
        self.silent: set[str] = set()

    def makes(self, spec: ServerSpec, wire: str, era: Era) -> RecordedWire:
        made = RecordedWire()
        made.answer = lambda message: self._answer(made, wire, message)
        self.opened.append((wire, era))
        self.wires.append(made)
        return made

    def _answer(self, made: RecordedWire, wire: str, message: dict[str, Any]) -> bytes | None:
        method, ident = message.get("method"), message.get("id")
        if ident is None or method in self.silent:
            return None
        fault = self.refusals.get((wire, str(method)))
        if fault is not None and made.receiver is not None:
            made.receiver.failed(ident, fault)
            return None
        capabilities = {"tools": {"listChanged": True}}
        about = {"capabilities": capabilities, "serverInfo": {"name": "scripted", "version": "1"}}
        match method:
            case "initialize" if Era.LEGACY in self.eras:
                return _result(ident, {"protocolVersion": message["params"]["protocolVersion"], **about})
            case "server/discover" if Era.MODERN in self.eras:
                hints = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"}
                return _result(ident, {"supportedVersions": ["2026-07-28"], **about, **hints})
            case "tools/list":
                return _result(ident, {"tools": [{"name": name} for name in self.tools]})
            case _:
                return json.dumps({"jsonrpc": "2.0", "id": ident, "error": {"code": -32601, "message": "no"}}).encode()


def _result(ident: object, result: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}).encode()
