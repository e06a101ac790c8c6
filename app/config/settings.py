"""What the environment says, as one frozen value: every variable of INTERFACE's Environment table.

Pure and stdlib only: the launcher imports this and must load nothing else. May not read the environment or a file
itself. What does not parse is an error with the name, the value (secrets masked) and what is allowed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.config import edge, values
from app.config.addresses import host_rule, http_url, is_loopback, origin_rule
from app.config.dotenv import DotenvError, parse_dotenv, unreadable
from app.config.spelling import near

__all__ = [
    "DotenvError",
    "Settings",
    "SettingsError",
    "endpoint_url",
    "load_settings",
    "parse_dotenv",
    "public_url",
    "secrets_of",
    "unreadable",
]


@dataclass(frozen=True, slots=True)
class Settings:
    """Paths are as written, relative to the working directory; sizes are bytes; None is "not set"."""

    config_path: str | None = None
    api_keys: str = field(default="", repr=False)
    """MCP_API_KEYS as written: keys.py reads it."""
    api_keys_path: str | None = None
    disable_auth: Literal["no", "loopback", "all"] = "no"
    host: str = "0.0.0.0"
    port: int = 8080
    live_reload: bool = False
    public_url: str | None = None
    """Without a trailing slash; with or without `/mcp`, as written."""
    allowed_origins: tuple[str, ...] | None = None
    allowed_hosts: tuple[str, ...] | None = None
    data_dir: str = "./data"
    max_body: int = 16 * 1024 * 1024
    path_prefixes: tuple[str, ...] = field(default=(), repr=False)
    """Secret first path segments, the one to print first; empty: no prefix."""
    decoy_prefixes: tuple[str, ...] = field(default=(), repr=False)
    """First path segments whose 404 comes slowly: for whoever has them from where no client of ours looks."""
    trusted_proxies: tuple[str, ...] = ()
    """Networks (CIDR) of proxies that are believed who their client is."""
    domains: tuple[str, ...] = ()
    """Host names to serve with TLS, lower case."""
    acme_email: str | None = None
    acme_server: str | None = None
    """The URL of its directory; None: Let's Encrypt's. certbot alone asks it (compose.yaml)."""
    limit_ip: int = 2000
    """Requests a second from one address."""
    limit_key: int = 1000
    """Requests a second with one key."""
    limit_tool: int | None = None
    """Calls a second of one tool with one key; None: no fewer than of all of them."""
    limit_streams: int = 200
    """Open streams of one key."""
    edge: Literal["auto", "no", "yes"] = "auto"
    log_level: str = "INFO"
    log_levels: tuple[tuple[str, str], ...] = ()
    log_format: Literal["text", "json"] = "json"

    @property
    def loopback_only(self) -> bool:
        """Whether only this machine can connect."""
        return is_loopback(self.host)

    @property
    def keys_file(self) -> str:
        """Where the keys file is, or would be."""
        return self.api_keys_path or f"{self.data_dir.rstrip('/')}/api_keys.json"

    @property
    def site(self) -> str | None:
        """The URL that clients are known to use, as written; None where it is only host and port."""
        return self.public_url or (f"https://{self.domains[0]}" if self.domains else None)

    def allows_origin(self) -> Callable[[str], bool]:
        """The rule for an `Origin` header's value; build it once, ask it per request."""
        return origin_rule(self.allowed_origins, self.site)

    def allows_host(self) -> Callable[[str], bool] | None:
        """The rule for a `Host` header's value, or None where hosts are not checked."""
        if self.allowed_hosts is not None:
            return host_rule(self.allowed_hosts, None, loopback=False)
        if self.disable_auth == "loopback":
            return host_rule((), self.site, loopback=True)
        return None


class SettingsError(ValueError):
    """Everything in the environment that stops the start, one line each in `problems`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# Variable, field, parser, what is allowed.
_TABLE: tuple[tuple[str, str, Callable[[str], object], str], ...] = (
    ("MCP_CONFIG_PATH", "config_path", values.path, "a path"),
    ("MCP_API_KEYS", "api_keys", str, "key1:client1,key2:client2"),
    ("MCP_API_KEYS_PATH", "api_keys_path", values.path, "a path"),
    ("MCP_DISABLE_AUTH", "disable_auth", values.disable_auth, "true, false or i-understand"),
    ("MCP_HOST", "host", values.host, "an IP address or a host name, without a port (MCP_PORT)"),
    ("MCP_PORT", "port", values.port, "a number from 1 to 65535"),
    ("MCP_LIVE_RELOAD", "live_reload", values.boolean, "true/1/yes or false/0/no"),
    ("MCP_PUBLIC_URL", "public_url", values.url, "a URL such as https://mcp.example.com, without user or query"),
    ("MCP_ALLOWED_ORIGINS", "allowed_origins", values.origins, "https://app.example.com, …, comma-separated, or *"),
    ("MCP_ALLOWED_HOSTS", "allowed_hosts", values.hosts, "host names, comma-separated, or *"),
    ("MCP_DATA_DIR", "data_dir", values.path, "a path"),
    ("MCP_MAX_BODY", "max_body", values.size, "a size such as 16mb, 512kb or 1048576, at least 1kb"),
    ("MCP_PATH_PREFIX", "path_prefixes", edge.prefixes, "8 to 64 of A-Z a-z 0-9 _ -, or up to 32, comma-separated"),
    ("MCP_DECOY_PREFIX", "decoy_prefixes", edge.prefixes, "8 to 64 of A-Z a-z 0-9 _ -, or up to 32, comma-separated"),
    ("MCP_TRUSTED_PROXIES", "trusted_proxies", edge.networks, "IP addresses or networks (10.0.0.0/8), comma-separated"),
    ("MCP_DOMAIN", "domains", edge.domains, "host names such as mcp.example.com, comma-separated"),
    ("MCP_ACME_EMAIL", "acme_email", edge.email, "an e-mail address"),
    ("MCP_ACME_SERVER", "acme_server", edge.acme_server, "staging, or the https:// URL of an ACME directory"),
    ("MCP_LIMIT_IP", "limit_ip", edge.limit, "requests a second, 1 to 1000000"),
    ("MCP_LIMIT_KEY", "limit_key", edge.limit, "requests a second, 1 to 1000000"),
    ("MCP_LIMIT_TOOL", "limit_tool", edge.limit, "calls a second, 1 to 1000000"),
    ("MCP_LIMIT_STREAMS", "limit_streams", edge.streams, "streams, 1 to 65535"),
    ("MCP_EDGE", "edge", values.edge, "auto, yes or no"),
    ("MCP_LOG_LEVEL", "log_level", values.level, "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ("MCP_LOG_LEVELS", "log_levels", values.levels, "logger:LEVEL pairs, comma-separated"),
    ("MCP_LOG_FORMAT", "log_format", values.log_format, "text or json"),
)
# Read by `tools` and `call`, which are clients; they mean nothing to a server.
_CLIENT_SIDE = ("MCP_ENDPOINT",)
# Read by the tunnel's own program, which compose starts.
TUNNEL_TOKEN = "CLOUDFLARE_TUNNEL_TOKEN"
VARIABLES = (*(row[0] for row in _TABLE), "MCP_WORKERS", TUNNEL_TOKEN)
_SECRET = frozenset({"MCP_PATH_PREFIX", "MCP_DECOY_PREFIX", "MCP_API_KEYS"})


def load_settings(env: Mapping[str, str], *, terminal: bool) -> tuple[Settings, tuple[str, ...]]:
    """Settings and warnings (one line each) from an environment; an empty variable counts as not set.

    `terminal`: whether output goes to one; it decides the log format. Raises `SettingsError` with every problem.
    """
    chosen: dict[str, object] = {"log_format": "text" if terminal else "json"}
    problems: list[str] = []
    for name, target, parse, allowed in _TABLE:
        if not (raw := env.get(name, "").strip()):
            continue
        if parse is values.path and raw.startswith("~/"):
            # A shell expands it, a `.env` file does not.
            raw = env.get("HOME", "~") + raw[1:]
        try:
            chosen[target] = parse(raw)
        except ValueError:
            value = "***" if name in _SECRET else values.shown(raw)
            problems.append(f"{name}={value} is not allowed: {allowed}")
    workers = env.get("MCP_WORKERS", "").strip()
    if workers not in ("", "1"):
        problems.append(f"MCP_WORKERS={values.shown(workers)} is not supported by this version: 1, or unset it")
    if problems:
        raise SettingsError(tuple(problems))
    settings = Settings(**chosen)  # pyright: ignore[reportArgumentType]  # the table pairs each parser with its field
    if settings.decoy_prefixes and (
        not settings.path_prefixes or {*settings.decoy_prefixes} & {*settings.path_prefixes}
    ):
        raise SettingsError(("MCP_DECOY_PREFIX=*** is not allowed: it is another one beside MCP_PATH_PREFIX",))
    return settings, (*_misspelt(env), *_remarks(settings))


def public_url(settings: Settings) -> str:
    """The URL clients reach us by: with the prefix, without `/mcp` or a trailing slash."""
    url = (settings.site or http_url(settings.host, settings.port)).removesuffix("/mcp")
    if not settings.path_prefixes or url.rpartition("/")[2] in settings.path_prefixes:
        return url
    return f"{url}/{settings.path_prefixes[0]}"


def secrets_of(settings: Settings, env: Mapping[str, str]) -> Iterator[str]:
    """What of the environment never stands in a log: keys, prefixes and decoys, the tunnel's token."""
    yield from (key for entry in settings.api_keys.split(",") if (key := entry.partition(":")[0].strip()))
    yield from settings.path_prefixes
    yield from settings.decoy_prefixes
    if token := env.get(TUNNEL_TOKEN, "").strip():
        yield token


def endpoint_url(settings: Settings) -> str:
    """What goes into a client's config: the public URL with `/mcp`."""
    return f"{public_url(settings)}/mcp"


def _misspelt(env: Mapping[str, str]) -> list[str]:
    known = frozenset((*VARIABLES, *_CLIENT_SIDE))
    found: list[str] = []
    for name in sorted(env):
        if name in known or not name.upper().startswith("MCP"):
            continue
        if names := near(name, VARIABLES):
            found.append(f"{name} is not a variable of the server's: did you mean {' or '.join(names)}?")
    return found


def _remarks(settings: Settings) -> list[str]:
    found: list[str] = []
    if settings.disable_auth == "loopback":
        found.append("MCP_DISABLE_AUTH: no key is needed by callers on this machine")
    if settings.disable_auth == "all":
        found.append("MCP_DISABLE_AUTH=i-understand: everyone who can connect may use every server, without a key")
    if not settings.loopback_only and not (settings.site or "").startswith("https://"):
        found.append(f"listening on {settings.host}:{settings.port} in plain HTTP: put TLS in front")
    if any(len(prefix) < edge.LONG_PREFIX for prefix in settings.path_prefixes):
        found.append(f"MCP_PATH_PREFIX: one below {edge.LONG_PREFIX} characters can be guessed: {edge.ADVICE}")
    return found
