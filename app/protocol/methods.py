"""What each method is to a gateway: answered here, relayed to the one server that owns a name, or unknown.

Pure. A table, so that a method exists in one era or the other by a row and not by a branch (PROTOCOL.md sections 1, 8).
"""

from enum import Enum

import msgspec

from app.protocol.versions import Era


class Answer(Enum):
    """Who answers a request of this method."""

    INITIALIZE = "initialize"
    DISCOVER = "discover"
    PING = "ping"
    LIST = "list"
    LISTEN = "listen"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SET_LEVEL = "set level"
    RELAY = "relay"
    LIST_TASKS = "list tasks"


class Method(msgspec.Struct, frozen=True):
    """`capability`: the one a server must have for it; `listed`: the member of a list result that holds the items."""

    answer: Answer
    eras: frozenset[Era]
    capability: str = ""
    listed: str = ""


_BOTH = frozenset(Era)
_LEGACY = frozenset({Era.LEGACY})
_MODERN = frozenset({Era.MODERN})

METHODS: dict[str, Method] = {
    "initialize": Method(Answer.INITIALIZE, _LEGACY),
    "ping": Method(Answer.PING, _LEGACY),
    "logging/setLevel": Method(Answer.SET_LEVEL, _LEGACY, "logging"),
    "resources/subscribe": Method(Answer.SUBSCRIBE, _LEGACY, "resources"),
    "resources/unsubscribe": Method(Answer.UNSUBSCRIBE, _LEGACY, "resources"),
    "server/discover": Method(Answer.DISCOVER, _MODERN),
    "subscriptions/listen": Method(Answer.LISTEN, _MODERN),
    "tools/list": Method(Answer.LIST, _BOTH, "tools", "tools"),
    "prompts/list": Method(Answer.LIST, _BOTH, "prompts", "prompts"),
    "resources/list": Method(Answer.LIST, _BOTH, "resources", "resources"),
    "resources/templates/list": Method(Answer.LIST, _BOTH, "resources", "resourceTemplates"),
    "tools/call": Method(Answer.RELAY, _BOTH, "tools"),
    "prompts/get": Method(Answer.RELAY, _BOTH, "prompts"),
    "resources/read": Method(Answer.RELAY, _BOTH, "resources"),
    "completion/complete": Method(Answer.RELAY, _BOTH, "completions"),
    "tasks/get": Method(Answer.RELAY, _BOTH, "tasks"),
    "tasks/cancel": Method(Answer.RELAY, _BOTH, "tasks"),
    "tasks/update": Method(Answer.RELAY, _MODERN, "tasks"),
    "tasks/result": Method(Answer.RELAY, _LEGACY, "tasks"),
    "tasks/list": Method(Answer.LIST_TASKS, _LEGACY, "tasks"),
}
# Of some revision, and not for a server to be asked through us.
_NEVER_PASSED = frozenset(
    {
        "logging/setLevel", "resources/subscribe", "resources/unsubscribe",
        "sampling/createMessage", "elicitation/create", "roots/list", "notifications/cancelled",
        "notifications/initialized", "notifications/progress", "notifications/roots/list_changed",
        "notifications/elicitation/complete", "notifications/tasks/status",
    }
)  # fmt: skip

# Complete results of these carry `ttlMs` and `cacheScope` (2026-07-28, caching).
CACHEABLE = frozenset(
    {"server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"}
) | {"resources/read"}


def method_for(name: str, era: Era) -> Method | None:
    """The method as this era knows it; None when it does not."""
    method = METHODS.get(name)
    return method if method and era in method.eras else None


def is_foreign(name: str) -> bool:
    """Whether no revision has this request or notification, so that only those at its two ends can know it."""
    return name not in METHODS and name not in _NEVER_PASSED
