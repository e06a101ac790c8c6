"""The environment a command sees: the process's own, over the `.env` file of the working directory.

Small on purpose: `healthcheck` runs every few seconds and loads nothing more than this.
"""

import os
from collections.abc import Mapping
from pathlib import Path


def environment() -> dict[str, str]:
    """What `serve` would see if it were started here."""
    try:
        text = Path(".env").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    return {**_pairs(text), **os.environ}


def variable(env: Mapping[str, str], name: str) -> str:
    """The trimmed value, empty when it is not set."""
    return env.get(name, "").strip()


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if not separator or name.startswith("#"):
            continue
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1]
        pairs[name.strip()] = value
    return pairs
