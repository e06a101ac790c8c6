"""MCP_API_KEYS and the API keys file to a `Keyring`, and what is wrong with them (INTERFACE, "API keys file").

Pure: text and clock are arguments. Everything is named by its position: no message holds a key, a part of one, or a
text that could be one.
"""

import math
import re
from collections.abc import Iterator

import msgspec

from app.config.key_format import is_hashed, key_id, stored_digest
from app.config.key_values import client_problem, parse_time, scope_problem
from app.config.keyring import Key, Keyring, Principal
from app.config.load import load
from app.config.snapshot import Notice
from app.config.spelling import did_you_mean
from app.config.tree import Array, Member, Node, Object, Scalar, kind
from app.relay.policy import Grant

SHORTEST, SHORT = 8, 32
VARIABLE = "MCP_API_KEYS"
ENTRY_KEYS = ("client_id", "scopes", "expires_at", "enabled", "id", "created_at")
LATER = ("rate_limit", "role", "roles")
# What others call ours. Each of them takes something away: ignored, it would grant more than was meant.
MEANT = {
    **dict.fromkeys(("expires", "expiry", "expiration", "valid_until"), "expires_at"),
    **dict.fromkeys(("permissions", "allow", "servers", "tools"), "scopes"),
    **dict.fromkeys(("disabled", "active"), "enabled"),
}
# Visible ASCII: what an Authorization header carries unchanged.
_VARIABLE = re.compile(r"\$\{.*\}|\$[A-Za-z_]\w*", re.ASCII)
_QUOTED = re.compile(r"""(["']).*\1""", re.DOTALL)
_SENDABLE = re.compile(r"[\x21-\x7e]+")


class KeysRead(msgspec.Struct, frozen=True):
    """What was found. With an error among the notices the gateway does not start."""

    keyring: Keyring
    notices: tuple[Notice, ...]

    @property
    def errors(self) -> tuple[Notice, ...]:
        return tuple(notice for notice in self.notices if notice.error)


def read_keyring(variable: str, file: bytes | None, name: str, now: float) -> KeysRead:
    """The union of MCP_API_KEYS (`variable`, empty for none) and the keys file (`file`, called `name` in messages)."""
    notices: list[Notice] = []
    keys: dict[bytes, Key] = {}
    sources = (
        _from_variable(variable, notices),
        _from_file(file, name, notices, now) if file is not None else iter(()),
    )
    for source in sources:
        for key in source:
            first = keys.setdefault(key.digest, key)
            if first is not key:
                notices.append(_repeated(key, first))
    return KeysRead(Keyring(keys.values()), tuple(notices))


def _repeated(key: Key, first: Key) -> Notice:
    if first.principal.client_id != key.principal.client_id:
        return _error(key.origin, f"this key belongs to another client already: {first.origin}")
    if (first.principal, first.until) != (key.principal, key.until):
        return _error(key.origin, f"this key is there already, with other rights: {first.origin}", "remove one of them")
    return Notice(key.origin, "", f"this key is there already: {first.origin}")


def _error(where: str, message: str, hint: str = "") -> Notice:
    return Notice(where, "", message, hint, error=True)


def _from_variable(text: str, notices: list[Notice]) -> Iterator[Key]:
    if _QUOTED.fullmatch(text):
        notices.append(_error(VARIABLE, "has quotes around it", "take them away: docker's --env-file keeps them"))
        return
    if text.startswith("{") and text.endswith("}"):
        notices.append(
            _error(VARIABLE, "holds JSON", "write key:client, or put the JSON into MCP_API_KEYS_PATH's file")
        )
        return
    entries = [entry.strip() for entry in text.split(",")]
    for number, entry in enumerate(entries, 1):
        where = f"{VARIABLE} entry {number}"
        if not entry:
            # A comma at the end is a habit, not a mistake.
            if number < len(entries):
                notices.append(_error(where, "is empty"))
            continue
        key, colon, client = (part.strip() for part in entry.partition(":"))
        if not colon or not client:
            notices.append(_error(where, "has no client", "write key:client"))
        elif is_hashed(f"{key}:"):
            notices.append(_error(where, "is a hash", "hashed keys go into the keys file"))
        elif _usable(key, where, notices) and _client_fits(client, where, notices):
            digest = stored_digest(key) or b""
            yield Key(digest, Principal(client, Grant()), where, key_id(key) or "")


def _from_file(data: bytes, name: str, notices: list[Notice], now: float) -> Iterator[Key]:
    document = load(data, name)
    if isinstance(document, Notice):
        # Its path would quote the key it stands below.
        notices.append(msgspec.structs.replace(document, path=""))
        return
    for number, member in enumerate(document.root.members, 1):
        where = f"{name}:{member.line} entry {number}"
        before = sum(notice.error for notice in notices)
        key = _read_entry(member, where, notices)
        if sum(notice.error for notice in notices) > before:
            continue
        if key.enabled and key.expires <= now:
            notices.append(Notice(where, "", "has expired: nobody can use it"))
        yield key


def _read_entry(member: Member, where: str, notices: list[Notice]) -> Key:
    digest = stored_digest(member.key)
    if digest is None:
        notices.append(_error(where, "sha256: must be followed by 64 hex digits"))
    elif not is_hashed(member.key):
        _usable(member.key, where, notices)
    values = _values(member, where, notices)
    client = _text(values, "client_id", where, notices)
    if client is not None:
        _client_fits(client, where, notices)
    elif "client_id" not in values and isinstance(member.node, Object):
        notices.append(_error(where, "has no client_id", 'the file holds {"KEY": {"client_id": "letta"}}'))
    enabled = values.get("enabled")
    if enabled is not None and not (isinstance(enabled, Scalar) and isinstance(enabled.value, bool)):
        notices.append(_error(where, f"enabled must be true or false, not {kind(enabled)}"))
    return Key(
        digest or b"",
        Principal(client or "", Grant(_scopes(values.get("scopes"), where, notices))),
        where,
        _text(values, "id", where, notices) or key_id(member.key) or "",
        _expires(values, where, notices),
        not (isinstance(enabled, Scalar) and enabled.value is False),
    )


def _values(member: Member, where: str, notices: list[Notice]) -> dict[str, Node]:
    if not isinstance(member.node, Object):
        example = '{"client_id": "letta", "scopes": ["*"]}'
        notices.append(_error(where, f"must be an object in {{ }}, not {kind(member.node)}", example))
        return {}
    values: dict[str, Node] = {}
    for below in member.node.members:
        if below.key in values:
            notices.append(_error(where, f"{below.key} is given twice"))
        elif below.key in ENTRY_KEYS:
            values[below.key] = below.node
        elif below.key in LATER:
            notices.append(_error(where, f"{below.key} is not supported by this version", "remove it"))
        elif below.key in MEANT:
            notices.append(_error(where, f"{below.key} is not a key of ours", f'use "{MEANT[below.key]}"'))
        elif hint := did_you_mean(below.key, ENTRY_KEYS):
            # A misspelt `scopes` would grant everything.
            notices.append(_error(where, f"line {below.line} has a key that is not ours", hint))
        else:
            notices.append(Notice(where, "", f"line {below.line} has a key that is not ours and does nothing"))
    return values


def _text(values: dict[str, Node], key: str, where: str, notices: list[Notice]) -> str | None:
    node = values.get(key)
    if node is None:
        return None
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return node.value.strip()
    got = "an empty one" if isinstance(node, Scalar) and isinstance(node.value, str) else kind(node)
    notices.append(_error(where, f"{key} must be a string that is not empty, not {got}"))
    return None


def _expires(values: dict[str, Node], where: str, notices: list[Notice]) -> float:
    text = _text(values, "expires_at", where, notices)
    if text is None:
        return math.inf
    moment = parse_time(text)
    if moment is None:
        notices.append(_error(where, "expires_at must be a time as RFC 3339 has it", "such as 2027-01-31T12:00:00Z"))
        return 0.0
    return moment


def _scopes(node: Node | None, where: str, notices: list[Notice]) -> tuple[str, ...]:
    if node is None:
        return ("*",)
    if not isinstance(node, Array):
        notices.append(_error(where, f"scopes must be a list, not {kind(node)}", '["*"] is everything, [] nothing'))
        return ()
    scopes: list[str] = []
    for number, item in enumerate(node.items, 1):
        scope = item.value if isinstance(item, Scalar) else None
        if not isinstance(scope, str):
            notices.append(_error(where, f"scope {number} must be a string, not {kind(item)}"))
        elif problem := scope_problem(scope):
            notices.append(_error(where, f"scope {number}: {problem}"))
        else:
            scopes.append(scope)
    if scopes and all(scope.startswith("!") for scope in scopes):
        notices.append(Notice(where, "", "has scopes with ! only, which grant nothing", 'add "*"'))
    return tuple(scopes)


def _usable(key: str, where: str, notices: list[Notice]) -> bool:
    if len(key) < SHORTEST:
        notices.append(_error(where, f"the key is shorter than {SHORTEST} characters", "python -m app keys new CLIENT"))
    elif _VARIABLE.fullmatch(key):
        notices.append(
            _error(where, "the key is a variable, and none is filled in here", "put the key or its hash there")
        )
    elif not _SENDABLE.fullmatch(key):
        notices.append(
            _error(where, "the key holds what a header cannot carry", "letters, digits and punctuation only")
        )
    else:
        if len(key) < SHORT:
            message = f"the key is shorter than {SHORT} characters and could be guessed"
            notices.append(Notice(where, "", message, "python -m app keys new CLIENT makes a good one"))
        return True
    return False


def _client_fits(client: str, where: str, notices: list[Notice]) -> bool:
    if problem := client_problem(client):
        notices.append(_error(where, problem))
    return not problem
