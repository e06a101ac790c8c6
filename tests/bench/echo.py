"""The echo server behind both upstreams of the bench, without a transport: one message in, the reply bytes out.

It answers as little and as fast as the protocol allows, in both eras, so that what a run costs is the gateway's cost.
"""

import json
import time
from typing import Any

import msgspec

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26")


class Message(msgspec.Struct):
    method: str = ""
    id: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()


class Meta(msgspec.Struct):
    version: str = msgspec.field(name="io.modelcontextprotocol/protocolVersion", default="")


class Arguments(msgspec.Struct):
    text: msgspec.Raw = msgspec.Raw(b'""')


class Params(msgspec.Struct):
    name: str = ""
    arguments: Arguments = msgspec.field(default_factory=Arguments)
    meta: Meta = msgspec.field(name="_meta", default_factory=Meta)
    version: str = msgspec.field(name="protocolVersion", default="")


decode_message = msgspec.json.Decoder(Message).decode
decode_params = msgspec.json.Decoder(Params).decode


def tool(name: str, description: str, properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)[:1]}
    return {"name": name, "description": description, "inputSchema": schema}


def tools(count: int) -> list[dict[str, Any]]:
    """`echo`, then tools of a usual size (about 450 bytes each) that only fill the list."""
    echo = tool("echo", "Returns the text it was given.", {"text": {"type": "string", "description": "any text"}})
    fields = {
        "query": {"type": "string", "description": "what to look for"},
        "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
        "order": {"type": "string", "enum": ["newest", "oldest", "name"]},
    }
    about = "Filler tool {}: looks up the records that match a query and returns them page by page."
    return [echo, *(tool(f"filler_{i:03d}", about.format(i), fields) for i in range(1, count))]


def dump(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def reply(ident: bytes, result: bytes) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"result":%b}' % (ident, result)


def error(ident: bytes, code: int, message: str) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (ident, dump({"code": code, "message": message}))


class Echo:
    """`tool_count` tools in all; `hang` seconds asleep inside the first handshake of the process."""

    def __init__(self, tool_count: int = 2, hang: float = 0):
        self.hang = hang
        info = {"name": "bench-echo", "version": "1"}
        capabilities: dict[str, Any] = {"tools": {}}
        cache = {"resultType": "complete", "ttlMs": 60000, "cacheScope": "public"}
        shown = {"capabilities": capabilities, "serverInfo": info}
        self.initialized = {v: dump({"protocolVersion": v, **shown}) for v in LEGACY}
        about = {"io.modelcontextprotocol/serverInfo": info}
        versions = [MODERN, *LEGACY]
        self.discovered = dump({"supportedVersions": versions, "capabilities": capabilities, "_meta": about, **cache})
        self.listed = dump({"tools": tools(tool_count)})
        self.listed_modern = dump({"tools": tools(tool_count), **cache})

    def handle(self, raw: bytes) -> bytes | None:
        """The reply to one message; None for a notification or an answer."""
        message = decode_message(raw)
        ident = bytes(message.id)
        if not ident or not message.method:
            return None
        params = decode_params(message.params) if bytes(message.params) else Params()
        modern = params.meta.version == MODERN
        match message.method:
            case "tools/call" if params.name == "echo":
                kind = b'"resultType":"complete",' if modern else b""
                text = bytes(params.arguments.text)
                return reply(ident, b'{%b"content":[{"type":"text","text":%b}],"isError":false}' % (kind, text))
            case "tools/call":
                return error(ident, -32602, f"Unknown tool: {params.name}")
            case "tools/list":
                return reply(ident, self.listed_modern if modern else self.listed)
            case "initialize":
                self.dawdle()
                return reply(ident, self.initialized.get(params.version, self.initialized[LEGACY[0]]))
            case "server/discover":
                self.dawdle()
                return reply(ident, self.discovered)
            case "ping":
                return reply(ident, b"{}")
            case _:
                return error(ident, -32601, "Method not found")

    def dawdle(self) -> None:
        time.sleep(self.hang)
        self.hang = 0
