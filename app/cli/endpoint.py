"""A gateway as a caller sees it: where it is, one request, one answer. For `tools` and `call`.

Speaks revision 2026-07-28, which needs no session. httpx is enough here: a person waits, nothing is relayed.
With `MCP_ENDPOINT` the gateway is asked as any client asks it; without, over the control socket in the data
directory, which only the user who runs the gateway can open.
"""

import base64
import json
import re
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self, cast
from urllib.parse import urlsplit

import httpx
import msgspec

from app import __version__
from app.cli.environment import CONTROL_SOCKET, prefixes, settings, shown, variable
from app.config.addresses import is_loopback, split_url
from app.protocol.versions import LATEST_MODERN

CLIENT_HEADER = "X-MCP-Client"
Object = dict[str, object]

# The gateway ends every call by itself (`max_timeout`, 3600 s by default); this only outlives it.
READ_TIMEOUT = 3660.0
CONNECT_TIMEOUT = 10.0
MAX_PAGES = 1000


class UnansweredError(Exception):
    """No result, and why, in words for the person at the keyboard. `code` is the JSON-RPC code, 0 without one."""

    def __init__(self, message: str, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class Endpoint:
    """One gateway to ask. Use as a context manager; raises `UnansweredError` for everything that is not a result."""

    def __init__(self, env: Mapping[str, str], client: str | None) -> None:
        """`client`: whose view to take (`--as`), which only the control socket allows."""
        url = variable(env, "MCP_ENDPOINT")
        self._key = variable(env, "MCP_API_KEY") if url else ""
        self._headers = {"User-Agent": f"mcp-proxy/{__version__}"}
        if url:
            if client:
                raise UnansweredError(
                    "--as works on the control socket alone: unset MCP_ENDPOINT, or use that client's key."
                )
            self.url = _with_path(url, secret := prefixes(env))
            address = shown(self.url, secret, "***", terminal=sys.stderr.isatty())
            self.where, self._socket = f"{address} (MCP_ENDPOINT)", None
            if not re.fullmatch(r"[\x21-\x7e]*", self._key):
                raise UnansweredError("MCP_API_KEY holds a character that no key has: a space, or one beyond ASCII.")
            if self._key:
                self._headers["Authorization"] = f"Bearer {self._key}"
        else:
            self._socket = Path(settings(env).data_dir, CONTROL_SOCKET).absolute()
            self.url, self.where = "http://localhost/mcp", str(self._socket)
            if client:
                self._headers[CLIENT_HEADER] = client
            _must_listen(self._socket)
        self._http = self._connect()
        self._sent = 0

    def __repr__(self) -> str:
        return f"<Endpoint {self.where}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def _connect(self) -> httpx.Client:
        # A proxy variable must not send what is on this machine to another one.
        local = self._socket is not None or is_loopback(urlsplit(self.url).hostname or "")
        return httpx.Client(
            # Clients' names are any printable text.
            headers=httpx.Headers(self._headers, encoding="utf-8"),
            transport=httpx.HTTPTransport(uds=str(self._socket)) if self._socket else None,
            timeout=httpx.Timeout(CONNECT_TIMEOUT, read=READ_TIMEOUT),
            trust_env=not local,
        )

    def listed(self, method: str, member: str) -> list[Object]:
        """All pages of a list: `("tools/list", "tools")`."""
        items: list[Object] = []
        params: Object = {}
        for _ in range(MAX_PAGES):
            result = self.ask(method, params)
            items += cast(list[Object], result.get(member, []))
            if not isinstance(cursor := result.get("nextCursor"), str):
                return items
            params = {"cursor": cursor}
        raise UnansweredError(f"The list did not end within {MAX_PAGES} pages.")

    def remarks(self) -> list[str]:
        """What the gateway remarks on the names that its servers list, for the operator alone."""
        try:
            health = _object(self._http.get(self.url.removesuffix("/mcp") + "/health", timeout=CONNECT_TIMEOUT).read())
        except httpx.HTTPError as error:
            raise UnansweredError(f"{self.where} broke off: {error or type(error).__name__}") from error
        return [str(line) for line in cast(list[object], (health or {}).get("remarks", []))]

    def ask(self, method: str, params: Object) -> Object:
        """The result object of one request."""
        self._sent += 1
        body: Object = {"jsonrpc": "2.0", "id": self._sent, "method": method, "params": {**params, "_meta": META}}
        headers = {
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "MCP-Protocol-Version": LATEST_MODERN,
            "Mcp-Method": method,
        }
        if isinstance(name := params.get("name"), str):
            headers["Mcp-Name"] = header_text(name)
        try:
            with self._http.stream("POST", self.url, content=msgspec.json.encode(body), headers=headers) as response:
                return _result(self._message(response))
        except httpx.ConnectError as error:
            raise UnansweredError(f"Nothing answers at {self.where}: {error}") from error
        except httpx.HTTPError as error:
            raise UnansweredError(f"{self.where} broke off: {error or type(error).__name__}") from error

    def get(self, path: str) -> Object:
        """The JSON object at a path of a gateway on this machine."""
        try:
            response = self._http.get(f"http://localhost{path}")
        except httpx.HTTPError as error:
            raise UnansweredError(f"{self.where} broke off: {error or type(error).__name__}") from error
        found = _object(response.content)
        if response.status_code != 200 or found is None:
            raise UnansweredError(f"{self.where} answered HTTP {response.status_code}: is it of another version?")
        return found

    def diagnose(self) -> Object:
        """What the gateway on this machine knows of its servers; told over its control socket alone."""
        if self._socket is None:
            raise UnansweredError("doctor asks the gateway on this machine: unset MCP_ENDPOINT, and run it there.")
        try:
            response = self._http.get("http://localhost/doctor")
        except httpx.HTTPError as error:
            raise UnansweredError(f"{self.where} broke off: {error or type(error).__name__}") from error
        found = _object(response.content)
        if response.status_code == 401:
            raise UnansweredError(self._unauthenticated())
        if response.status_code != 200 or found is None:
            raise UnansweredError(f"{self.where} answered HTTP {response.status_code}: is it of another version?")
        return found

    def _message(self, response: httpx.Response) -> Object:
        if response.status_code == 401:
            raise UnansweredError(self._unauthenticated())
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            for data in event_data(response.iter_bytes()):
                message = _object(data)
                if message is not None and "id" in message and "method" not in message:
                    return message
            raise UnansweredError(f"{self.where} ended its stream without an answer.")
        message = _object(response.read())
        if message is None or not ("result" in message or isinstance(message.get("error"), dict)):
            told = (message or {}).get("error_description")
            said = f": {told}" if isinstance(told, str) else "."
            raise UnansweredError(
                f"{self.where} answered HTTP {response.status_code}, but not as an MCP server does{said}"
            )
        return message

    def _unauthenticated(self) -> str:
        if self._socket:
            return "No key of the client after --as works here: `python -m app keys list` shows all, with their state."
        if not self._key:
            return f"{self.where} wants a key: set MCP_API_KEY to one."
        return f"{self.where} does not know the key in MCP_API_KEY, or it has expired or is switched off."


META: Object = {
    "io.modelcontextprotocol/protocolVersion": LATEST_MODERN,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "mcp-proxy-cli", "version": __version__},
}


def header_text(value: str) -> str:
    """`value` as an `Mcp-Name` header carries it: as it is, or in the spec's base64 form (2026-07-28, SEP-2243)."""
    if re.fullmatch(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", value) and not value.startswith("=?base64?"):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def event_data(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The `data` of each event of an SSE stream; comments and other fields are passed over."""
    rest, data = b"", list[bytes]()
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in (line.removesuffix(b"\r") for line in lines):
            if line.startswith(b"data:"):
                data.append(line[5:].removeprefix(b" "))
            elif not line and data:
                yield b"\n".join(data)
                data.clear()


def _must_listen(path: Path) -> None:
    """Says what is wrong with a control socket; httpx would neither tell the cases apart nor close what it opened."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except PermissionError:
            raise UnansweredError(
                f"{path} belongs to another user: run this as the user who runs the gateway."
            ) from None
        except OSError as error:
            raise UnansweredError(
                f"No gateway runs here: nothing listens on {path} ({error.strerror or error}). Start one with "
                "./scripts/run, set MCP_DATA_DIR to its data directory, or set MCP_ENDPOINT and MCP_API_KEY to ask one "
                "elsewhere."
            ) from None


def _with_path(url: str, prefix: Sequence[str]) -> str:
    """A URL without a path means the endpoint; below the prefix, where this machine's environment has one."""
    parts = split_url(url)
    if parts is None:
        raise UnansweredError("MCP_ENDPOINT is not a URL such as https://mcp.example.com/mcp")
    return url if parts.path.strip("/") else "/".join((url.rstrip("/"), *prefix[:1], "mcp"))


def _object(data: bytes) -> Object | None:
    try:
        value = json.loads(data)
    except ValueError:
        return None
    return cast(Object, value) if isinstance(value, dict) else None


def _result(message: Object) -> Object:
    error = message.get("error")
    if isinstance(error, dict):
        fault = cast(Object, error)
        code = fault.get("code")
        raise UnansweredError(str(fault.get("message", "error")), code if isinstance(code, int) else 0)
    result = message.get("result")
    if not isinstance(result, dict):
        raise UnansweredError("The answer holds neither a result nor an error.")
    return cast(Object, result)
