"""What a command learns from where it is run: the environment over the `.env` file beside it, and the settings in it.

Loads the standard library alone: `healthcheck` runs every few seconds.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.config import edge
from app.config.settings import Settings, SettingsError, load_settings, parse_dotenv, unreadable

DOTENV = Path(".env")
CONTROL_SOCKET = "control.sock"
"""In the data directory: where a gateway answers to the user who runs it."""


def environment() -> dict[str, str]:
    """What `serve` would see if it were started here. Ends the command, saying why, when `.env` cannot be read."""
    try:
        return {**parse_dotenv(DOTENV.read_text(encoding="utf-8")), **os.environ}
    except FileNotFoundError:
        return dict(os.environ)
    except (OSError, ValueError) as error:
        raise SystemExit(f"mcp-proxy: {unreadable(error)}") from error


def settings(env: Mapping[str, str]) -> Settings:
    """The settings in `env`, without the remarks of `serve`. Ends the command, saying why, when they are wrong."""
    try:
        return load_settings(env, terminal=sys.stdout.isatty())[0]
    except SettingsError as error:
        raise SystemExit("\n".join(f"mcp-proxy: {problem}" for problem in error.problems)) from error


def prefixes(env: Mapping[str, str]) -> tuple[str, ...]:
    """The path prefixes of the gateway here; none where they are wrong, which is for `serve` to say."""
    try:
        return edge.prefixes(variable(env, "MCP_PATH_PREFIX"))
    except ValueError:
        return ()


def shown(text: str, secret: Sequence[str], instead: str, *, terminal: bool) -> str:
    """`text` as it may be printed: on a `terminal` as it is, elsewhere without what is `secret` in it."""
    if not terminal:
        for word in sorted(secret, key=len, reverse=True):
            text = text.replace(word, instead)
    return text


def variable(env: Mapping[str, str], name: str) -> str:
    """The trimmed value, empty when it is not set."""
    return env.get(name, "").strip()
