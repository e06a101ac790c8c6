"""`keys new | list | revoke`: the API keys file, from the command line (INTERFACE, Commands; RELIABILITY section 6).

A key is shown once, when it is made, alone on standard output; what is stored, listed and revoked by is its public
part. No command takes a key: a process list would show it.
"""

import re
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from app.cli.environment import environment, settings
from app.cli.show import fail, write_table, write_text

if TYPE_CHECKING:
    from app.config.keyring import Key

SUMMARY = "make, list and revoke API keys"
_SPAN = re.compile(r"(\d{1,5})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_TAKEN = "A gateway with MCP_LIVE_RELOAD=true (./scripts/run) takes it at once, any other one at SIGHUP."


def add_arguments(parser: ArgumentParser) -> None:
    commands = parser.add_subparsers(dest="action", required=True, metavar="new|list|revoke")
    new = commands.add_parser("new", help="make a key; it is shown once and stored as a hash")
    new.add_argument("client", metavar="CLIENT", help="who it is for; a client may have several keys")
    new.add_argument(
        "--scopes",
        nargs="*",
        default=["*"],
        metavar="SCOPE",
        help='"server", "server:tool", "!server:tool"; "*" is all',
    )
    new.add_argument(
        "--expires", metavar="WHEN", help="a time (2027-01-31T12:00:00Z) or a span from now (12h, 30d, 8w)"
    )
    commands.add_parser("list", help="who has keys, and for what")
    revoke = commands.add_parser("revoke", help="remove keys from the keys file")
    revoke.add_argument(
        "which", metavar="ID|CLIENT|ENTRY", help="a key's id, a client (all its keys), or an entry's number"
    )


def run(args: Namespace) -> int:
    """0, or 1 with the reason."""
    from app.gateway.keys_file import KeysFileError

    try:
        match args.action:
            case "new":
                return _new(args.client.strip(), _split(args.scopes), args.expires)
            case "list":
                return _list()
            case _:
                return _revoke(args.which)
    except KeysFileError as error:
        return fail(str(error))


def _new(client: str, scopes: list[str], expires: str | None) -> int:
    from app.config.key_values import client_problem, scope_problem
    from app.gateway.keys_file import add_key

    if problem := client_problem(client):
        return fail(f"CLIENT: {problem}")
    for scope in scopes:
        if problem := scope_problem(scope):
            return fail(f'--scopes "{scope}": {problem}')
    try:
        expires_at = _moment(expires) if expires else None
    except ValueError as error:
        return fail(f'--expires "{expires}": {error}')
    path = _path()
    key = add_key(path, client, scopes=scopes, expires_at=expires_at)
    sys.stderr.write(f"Stored as a hash in {path}; this is the only time the key is shown. {_TAKEN}\n")
    write_text(key)
    return 0


def _list() -> int:
    from app.gateway.sources import SourceError, read_keys

    try:
        keyring, _ = read_keys(settings(environment()))
    except SourceError as error:
        return fail(str(error))
    if not keyring.keys:
        sys.stderr.write(f"No keys. `python -m app keys new CLIENT` makes one in {_path()}.\n")
        return 0
    now = datetime.now(UTC).timestamp()
    headings = ("ID", "CLIENT", "SCOPES", "STATE", "EXPIRES", "WHERE")
    write_table(headings, [_row(key, now) for key in keyring.keys])
    return 0


def _row(key: "Key", now: float) -> tuple[str, ...]:
    endless = key.expires == float("inf")
    state = "disabled" if not key.enabled else "expired" if key.expires <= now else "active"
    expires = "never" if endless else datetime.fromtimestamp(key.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    scopes = " ".join(key.principal.grant.scopes) or "none"
    return key.id or "-", key.principal.client_id, scopes, state, expires, key.origin


def _revoke(which: str) -> int:
    from app.gateway.keys_file import editing

    path = _path()
    removed = 0
    if path.exists():
        with editing(path) as entries:
            for key in _chosen(which, entries):
                del entries[key]
                removed += 1
    if removed:
        write_text(f"Removed {removed} key{'s' if removed > 1 else ''} from {path}. {_TAKEN}")
    if elsewhere := _in_variable(which):
        return fail(
            f"{elsewhere} of MCP_API_KEYS {'fit' if elsewhere > 1 else 'fits'} too: remove it from the variable"
        )
    return 0 if removed else fail(f"{path} has no key with this id, client or entry number; `keys list` shows them")


def _chosen(which: str, entries: dict[str, Any]) -> list[str]:
    from app.config.key_format import key_id

    def named(key: str, entry: object) -> Iterable[object]:
        members = cast(dict[str, object], entry) if isinstance(entry, dict) else {}
        client = members.get("client_id")
        return members.get("id") or key_id(key), client.strip() if isinstance(client, str) else None

    found = [key for key, entry in entries.items() if which in named(key, entry)]
    if not found and which.isascii() and which.isdecimal() and 1 <= int(which) <= len(entries):
        found = [list(entries)[int(which) - 1]]
    return found


def _in_variable(which: str) -> int:
    from app.config.keys import read_keyring

    keyring = read_keyring(settings(environment()).api_keys, None, "", 0.0).keyring
    return sum(which in (key.id, key.principal.client_id) for key in keyring.keys)


def _path() -> Path:
    return Path(settings(environment()).keys_file)


def _split(scopes: list[str]) -> list[str]:
    return [scope for part in scopes for piece in part.split(",") if (scope := piece.strip())]


def _moment(text: str) -> str:
    """RFC 3339 of a time or a span from now; raises `ValueError` with what is allowed."""
    from app.config.key_values import parse_time

    now = datetime.now(UTC)
    if span := _SPAN.fullmatch(text):
        return (now + int(span[1]) * _UNITS[span[2]]).strftime("%Y-%m-%dT%H:%M:%SZ")
    moment = parse_time(text)
    if moment is None:
        raise ValueError("a time such as 2027-01-31T12:00:00Z, or a span such as 12h, 30d or 8w")
    if moment <= now.timestamp():
        raise ValueError("that is in the past")
    return text
