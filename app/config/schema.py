"""The vocabulary of a server's entry: its keys, their other spellings, their allowed words.

Pure tables, stdlib and msgspec only; `entry.py` reads an entry by them and `json_schema.py` describes it by them, so
that the two cannot differ (INTERFACE, Config).
"""

from typing import Literal

import msgspec

Shape = Literal["string", "text", "strings", "pairs", "boolean", "seconds", "filter", "limits", "choice"]


class Key(msgspec.Struct, frozen=True):
    """`only`: the kind of server it means something for; `choices` for a `choice`."""

    shape: Shape
    doc: str
    only: Literal["", "stdio", "remote"] = ""
    choices: tuple[str, ...] = ()


TRANSPORTS: dict[str, Literal["stdio", "http", "sse"]] = {
    "stdio": "stdio",
    "http": "http",
    "streamable-http": "http",
    "streamable_http": "http",
    "streamableHttp": "http",
    "sse": "sse",
}
POOLS = ("auto", "one", "client", "session")
ERAS = ("auto", "legacy", "modern", "mirror")
STARTS = ("eager", "lazy")
REPLACE = ("ready", "always")

KEYS: dict[str, Key] = {
    "command": Key("string", "The program of a stdio server.", "stdio"),
    "args": Key("strings", "Its arguments.", "stdio"),
    "env": Key("pairs", "Environment variables for it, beside the few it inherits.", "stdio"),
    "cwd": Key("string", "Its working directory.", "stdio"),
    "url": Key("string", "The endpoint of a remote server.", "remote"),
    "headers": Key("pairs", "HTTP headers for it.", "remote"),
    "transport": Key("choice", "Without it the kind is found out.", choices=tuple(TRANSPORTS)),
    "disabled": Key("boolean", "Keep the entry, do not run it."),
    "prefix": Key("text", 'Instead of the name in tool names; "" for none.'),
    "tools": Key("filter", "Globs on the server's own tool names; a list means allow."),
    "timeout": Key("seconds", "Seconds without a sign of life for one tools/call (300); 10000 or more: milliseconds."),
    "max_timeout": Key("seconds", "Seconds for one request, whatever happens (3600)."),
    "startup_timeout": Key("seconds", "Seconds for the handshake (120 on a first start, then 30)."),
    "pool": Key("choice", "How clients share the server's sessions.", choices=POOLS),
    "roots": Key("boolean", "Pass the client's roots on: true for remote servers, false for stdio ones."),
    "era": Key("choice", "Which revisions to speak to it.", choices=ERAS),
    "start": Key("choice", "eager: with the gateway; lazy: when it is first called.", choices=STARTS),
    "idle_timeout": Key("seconds", "Seconds without a call after which a lazy server is stopped (300)."),
    "required": Key("boolean", "The gateway is ready only while this server serves."),
    "limits": Key("limits", 'What its processes may use together: {"memory": "512mb", "processes": 50}.', "stdio"),
    "replace": Key("choice", "When an edit of it replaces what runs: once ready, or always at once.", choices=REPLACE),
}
ALIASES = {"type": "transport", "serverUrl": "url", "httpUrl": "url"}
FILTER_KEYS = ("allow", "deny")
LIMIT_KEYS = ("memory", "processes")
ALL_KEYS = (*KEYS, *ALIASES)
ROOTS = ("mcpServers", "servers")
# Keys of other programs that ask for something we spell differently.
_SIGN_IN = 'a server is signed in to by "headers" alone: {"Authorization": "Bearer ${NAME}"}'
ELSEWHERE = {
    "enabled": 'use "disabled"',
    "includeTools": 'use "tools": {"allow": […]}',
    "excludeTools": 'use "tools": {"deny": […]}',
    "disabledTools": 'use "tools": {"deny": […]}',
    "disabled_tools": 'use "tools": {"deny": […]}',
    "enabled_tools": 'use "tools": {"allow": […]}',
    "envFile": 'put the variables into "env"',
    "environment": 'use "env"',
    "workingDirectory": 'use "cwd"',
    "working_directory": 'use "cwd"',
    "endpoint": 'use "url"',
    "auth": _SIGN_IN,
    "oauth": _SIGN_IN,
    "http_headers": 'use "headers"',
    "requestInit": 'use "headers"',
    "bearer_token_env_var": 'use "headers": {"Authorization": "Bearer ${NAME}"}',
    "startup_timeout_sec": 'use "startup_timeout"',
    "tool_timeout_sec": 'use "timeout"',
}
