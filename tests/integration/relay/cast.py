"""Who plays in the relay tests: the servers of the one config, and its clients.

`WIDE` sees all, `NARROW` a part, `OTHER` all under another name, `NOBODY` nothing.
"""

from collections.abc import Callable
from typing import Any

from tests.support.programs import workbench
from tests.support.wire import Caller

WIDE = "key-of-the-wide-client-0123456789ab"
NARROW = "key-of-the-narrow-client-0123456789"
OTHER = "key-of-the-other-client-0123456789a"
NOBODY = "key-of-the-nobody-client-0123456789"

KEYS: dict[str, Any] = {
    WIDE: {"client_id": "wide", "scopes": ["*"]},
    NARROW: {"client_id": "narrow", "scopes": ["workbench", "!workbench:hold", "beta:m*", "plain:*", "bare"]},
    OTHER: {"client_id": "other"},
    NOBODY: {"client_id": "nobody", "scopes": []},
}
CONFIG: dict[str, Any] = {
    "mcpServers": {
        "workbench": workbench("workbench"),
        "beta": workbench("beta", page="3"),
        "gamma": {**workbench("gamma"), "tools": {"allow": ["mirror", "s*", "who*"], "deny": ["sized"]}},
        "delta": workbench("delta"),
        "plain": workbench("plain", serves="tools"),
        "bare": {**workbench("bare"), "prefix": ""},
        "spelt": {**workbench("spelt"), "prefix": "other"},
        "fragile": workbench("fragile"),
        "off": {**workbench("off"), "disabled": True},
    }
}
MakeCaller = Callable[..., Caller]
