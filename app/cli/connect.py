"""`connect`: what to paste into an MCP client so that it uses this gateway.

`config_for` and `advice_for` are pure and are what `scripts/run` prints too. The config goes to standard output and
the advice to standard error, so that `connect … > FILE` writes a file that works. A key is shown only where it is
known in plain text (`MCP_API_KEYS`) and only on a terminal: every other key is stored as a hash.
The forms follow each client's own documentation; docs/clients.md says which were tried.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from urllib.parse import urlsplit

from app.cli.environment import environment, settings, shown, variable
from app.config.addresses import is_loopback
from app.config.settings import Settings, endpoint_url

SUMMARY = "print a config to paste into an MCP client"

NAME = "mcp-proxy"
NO_KEY = "<your key>"
NO_PREFIX = "<your prefix>"
HIDDEN_PREFIX = f"Replace {NO_PREFIX} by the first of MCP_PATH_PREFIX: it is shown only on a terminal."

CLIENTS = ("claude-desktop", "claude-code", "cursor", "vscode", "letta", "codex", "python")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("app", choices=CLIENTS, help="the program that will call the gateway")
    parser.add_argument("--client", metavar="NAME", help="whose key to put in, by its name in MCP_API_KEYS")


def run(args: Namespace) -> int:
    env = environment()
    app: str = args.app
    known = settings(env)
    terminal = sys.stdout.isatty()
    url = shown(endpoint_url(known), known.path_prefixes, NO_PREFIX, terminal=terminal)
    key, remark = key_for(env, args.client, shown=terminal)
    print(config_for(app, url, key))
    sys.stdout.flush()
    print(f"\n{advice_for(app, url)}", file=sys.stderr)
    hidden = "" if terminal or not known.path_prefixes else HIDDEN_PREFIX
    for line in (remark, hidden, _elsewhere(known, url)):
        if line:
            print(line, file=sys.stderr)
    return 0


def config_for(client: str, url: str, key: str) -> str:
    """The text to paste into `client` (one of `CLIENTS`); `url` ends in `/mcp`, `key` is a key or `NO_KEY`."""
    bearer = f"Bearer {key}"
    match client:
        case "claude-desktop":
            return _json({"mcpServers": {NAME: _through_mcp_remote(url, bearer)}})
        case "claude-code" | "cursor":
            return _json({"mcpServers": {NAME: _http_entry(url, bearer)}})
        case "vscode":
            return _json({"servers": {NAME: _http_entry(url, bearer)}})
        case "letta":
            return _json(
                {
                    "server_name": NAME,
                    "config": {
                        "mcp_server_type": "streamable_http",
                        "server_url": url,
                        "auth_header": "Authorization",
                        "auth_token": bearer,
                    },
                }
            )
        case "codex":
            # A JSON string of printable text is a TOML basic string too.
            return (
                f"[mcp_servers.{NAME}]\nurl = {json.dumps(url)}\n"
                f'http_headers = {{ "Authorization" = {json.dumps(bearer)} }}'
            )
        case "python":
            return PYTHON.format(url=json.dumps(url), key=json.dumps(key), bearer=json.dumps(bearer))
        case _:
            raise ValueError(f"unknown client {client!r}; there are: {', '.join(CLIENTS)}")


def advice_for(client: str, url: str) -> str:
    """Where the config goes and what to know about it, for people."""
    text = ADVICE[client]
    if client == "claude-desktop" and _plain_remote(url):
        text += "\n--allow-http is there because mcp-remote refuses plain HTTP except to localhost. Better: use HTTPS."
    elif _plain_remote(url):
        text += "\nThis URL is plain HTTP: the key crosses the network unencrypted. Put TLS in front."
    return text


def _http_entry(url: str, bearer: str) -> dict[str, object]:
    return {"type": "http", "url": url, "headers": {"Authorization": bearer}}


def _through_mcp_remote(url: str, bearer: str) -> dict[str, object]:
    args = ["-y", "mcp-remote", url]
    if _plain_remote(url):
        args.append("--allow-http")
    # No space in any argument: Claude Desktop on Windows (and Cursor) tear `Authorization: Bearer …` apart.
    return {"command": "npx", "args": [*args, "--header", "Authorization:${MCP_AUTH}"], "env": {"MCP_AUTH": bearer}}


def _plain_remote(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def _elsewhere(known: Settings, url: str) -> str:
    if known.loopback_only or not is_loopback(urlsplit(url).hostname or ""):
        return ""
    return "This URL works on this machine. For clients on others, set MCP_PUBLIC_URL to the address they reach it by."


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def key_for(env: Mapping[str, str], client: str | None, *, shown: bool) -> tuple[str, str]:
    """The key to print and a remark on it; a bad entry of `MCP_API_KEYS` is `check`'s affair and is passed over."""
    known: dict[str, str] = {}
    for entry in variable(env, "MCP_API_KEYS").split(","):
        key, _, name = (part.strip() for part in entry.partition(":"))
        if key and name:
            known.setdefault(name, key)
    make_one = f"Replace {NO_KEY} by your key. Keys are stored as hashes and cannot be shown again."
    if client is None and len(known) > 1:
        return NO_KEY, f"Replace {NO_KEY} by your key, or choose one with --client: {', '.join(known)}."
    name = client or next(iter(known), None)
    if name not in known:
        return NO_KEY, f"{make_one} To make a new one: python -m app keys new {client or 'NAME'}"
    if not shown:
        return NO_KEY, f"Replace {NO_KEY} by the key of {name}: it is shown only on a terminal."
    return known[name], ""


PYTHON = """\
# The official SDK: pip install "mcp>=2"
import asyncio

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    # Reading may take as long as a tool does: httpx2's own limit is 5 seconds.
    async with httpx2.AsyncClient(headers={{"Authorization": {bearer}}}, timeout=httpx2.Timeout(30, read=300)) as http:
        async with Client(streamable_http_client({url}, http_client=http)) as client:
            for tool in (await client.list_tools()).tools:
                print(tool.name)


asyncio.run(main())

# FastMCP: pip install fastmcp
#
#   from fastmcp import Client
#
#   async with Client({url}, auth={key}) as client:
#       print([tool.name for tool in await client.list_tools()])"""

ADVICE = {
    "claude-desktop": (
        "Paste into claude_desktop_config.json (Settings > Developer > Edit Config) and restart Claude Desktop.\n"
        "That file takes commands only: it refuses entries with a `url`. So mcp-remote stands in between, and Node.js\n"
        "18 or newer must be installed. The header has no space after its colon on purpose, and the key stands in\n"
        "`env`: Claude Desktop on Windows tears arguments with spaces apart."
    ),
    "claude-code": (
        "Save as .mcp.json in a project, or merge `mcpServers` into ~/.claude.json for all of them. `/mcp` in Claude\n"
        "Code then shows the server. .mcp.json is usually committed: put ${PROXY_KEY} in place of the key there."
    ),
    "cursor": "Save as ~/.cursor/mcp.json, or as .cursor/mcp.json in a project.",
    "vscode": (
        "Save as .vscode/mcp.json in a workspace, or run `MCP: Open User Configuration` for all of them.\n"
        "VS Code calls the root `servers`, not `mcpServers`."
    ),
    "letta": (
        "Send as JSON to POST /v1/mcp-servers/ of your Letta server, or type the values into its ADE: Tool Manager >\n"
        "Add MCP Server > Streamable HTTP. `auth_token` is sent as it stands: `Bearer ` is part of it."
    ),
    "codex": "Append to ~/.codex/config.toml. `/mcp` in Codex then shows the server.",
    "python": "Run with the package installed that the first line names.",
}
