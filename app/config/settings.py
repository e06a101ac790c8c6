"""What the environment says, as one frozen value: every variable of INTERFACE's Environment table that is built.

Pure and stdlib only: the launcher imports this and must load nothing else. May not read the environment or a file
itself. What does not parse is an error with the name, the value (secrets masked) and what is allowed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from app.config import values
from app.config.addresses import host_rule, http_url, is_loopback, origin_rule
from app.config.dotenv import DotenvError, parse_dotenv
from app.config.spelling import near

__all__ = ["DotenvError", "Settings", "SettingsError", "endpoint_url", "load_settings", "parse_dotenv", "public_url"]


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

    def allows_origin(self) -> Callable[[str], bool]:
        """The rule for an `Origin` header's value; build it once, ask it per request."""
        return origin_rule(self.allowed_origins, self.public_url)

    def allows_host(self) -> Callable[[str], bool] | None:
        """The rule for a `Host` header's value, or None where hosts are not checked."""
        if self.allowed_hosts is not None:
            return host_rule(self.allowed_hosts, None, loopback=False)
        if self.disable_auth == "loopback":
            return host_rule((), self.public_url, loopback=True)
        return None


class SettingsError(ValueError):
    """Everything in the environment that stops the start, one line each in `problems`."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


# (later features) set means the user relies on something that is not there.
_NOT_BUILT = (
    "MCP_PATH_PREFIX",
    "MCP_TRUSTED_PROXIES",
    "MCP_DOMAIN",
    "MCP_ACME_EMAIL",
    "CLOUDFLARE_TUNNEL_TOKEN",
    "MCP_LIMIT_IP",
    "MCP_LIMIT_KEY",
    "MCP_LIMIT_STREAMS",
)
# Variable, field, parser, what is allowed.
_TABLE: tuple[tuple[str, str, Callable[[str], object], str], ...] = (
    ("MCP_CONFIG_PATH", "config_path", values.path, "a path"),
    ("MCP_API_KEYS", "api_keys", str, "key1:client1,key2:client2"),
    ("MCP_API_KEYS_PATH", "api_keys_path", values.path, "a path"),
    ("MCP_DISABLE_AUTH", "disable_auth", values.disable_auth, "true, false or i-understand"),
    ("MCP_HOST", "host", values.host, "an IP address or a host name"),
    ("MCP_PORT", "port", values.port, "a number from 1 to 65535"),
    ("MCP_LIVE_RELOAD", "live_reload", values.boolean, "true/1/yes or false/0/no"),
    ("MCP_PUBLIC_URL", "public_url", values.url, "a URL such as https://mcp.example.com, without user or query"),
    ("MCP_ALLOWED_ORIGINS", "allowed_origins", values.origins, "https://app.example.com, …, comma-separated, or *"),
    ("MCP_ALLOWED_HOSTS", "allowed_hosts", values.hosts, "host names, comma-separated, or *"),
    ("MCP_DATA_DIR", "data_dir", values.path, "a path"),
    ("MCP_MAX_BODY", "max_body", values.size, "a size such as 16mb, 512kb or 1048576, at least 1kb"),
    ("MCP_EDGE", "edge", values.edge, "auto, yes or no"),
    ("MCP_LOG_LEVEL", "log_level", values.level, "DEBUG, INFO, WARNING, ERROR or CRITICAL"),
    ("MCP_LOG_LEVELS", "log_levels", values.levels, "logger:LEVEL pairs, comma-separated"),
    ("MCP_LOG_FORMAT", "log_format", values.log_format, "text or json"),
)
# Read by `tools` and `call`, which are clients; they mean nothing to a server.
_CLIENT_SIDE = ("MCP_ENDPOINT",)
VARIABLES = (*(row[0] for row in _TABLE), "MCP_WORKERS", *_NOT_BUILT)


def load_settings(
    env: Mapping[str, str], *, terminal: bool, in_image: bool = False
) -> tuple[Settings, tuple[str, ...]]:
    """Settings and warnings (one line each) from an environment; an empty variable counts as not set.

    `terminal`: whether output goes to one; it decides the log format. Raises `SettingsError` with every problem.
    """
    chosen: dict[str, object] = {
        "log_format": "text" if terminal else "json",
        "data_dir": "/data" if in_image else "./data",
    }
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
            problems.append(f"{name}={values.shown(raw)} is not allowed: {allowed}")
    later = (name for name in _NOT_BUILT if env.get(name, "").strip())
    problems += [f"{name} is not supported by this version: unset it" for name in later]
    workers = env.get("MCP_WORKERS", "").strip()
    if workers not in ("", "1"):
        problems.append(f"MCP_WORKERS={values.shown(workers)} is not supported by this version: 1, or unset it")
    if problems:
        raise SettingsError(tuple(problems))
    settings = Settings(**chosen)  # pyright: ignore[reportArgumentType]  # the table pairs each parser with its field
    return settings, (*_misspelt(env), *_remarks(settings))


def public_url(settings: Settings) -> str:
    """The URL clients reach us by, without `/mcp` or a trailing slash."""
    url = settings.public_url or http_url(settings.host, settings.port)
    return url.removesuffix("/mcp")


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
    if not settings.loopback_only and not (settings.public_url or "").startswith("https://"):
        found.append(f"listening on {settings.host}:{settings.port} in plain HTTP: put TLS in front")
    return found
