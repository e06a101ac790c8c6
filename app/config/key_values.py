"""What the entry of an API key may say: the name of a client, scopes, a time (INTERFACE, "API keys file")."""

import re
from datetime import datetime

LONGEST_CLIENT = 128
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)
_SERVER_GLOB = re.compile(r"[A-Za-z0-9_*?-]+", re.ASCII)


def parse_time(text: str) -> float | None:
    """RFC 3339 to Unix time; None for anything else, a time without its zone included."""
    if not _RFC3339.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text.upper()).timestamp()
    except ValueError:
        return None


def scope_problem(scope: str) -> str:
    """What is wrong with one scope; empty when nothing is."""
    text = scope.removeprefix("!")
    if text.startswith("@"):
        return "" if text == "@admin" else "the only scope with @ is @admin"
    server, colon, item = text.partition(":")
    if not server or (colon and not item):
        return 'a scope is "server" or "server:tool", with * and ? in it'
    if not _SERVER_GLOB.fullmatch(server):
        return "server names hold letters, digits, _ and - only in scopes: anything else is written _"
    return ""


def client_problem(client: str) -> str:
    """What is wrong with a client's name; empty when nothing is."""
    if client.startswith("@"):
        return "a client's name does not begin with @"
    fits = client and client.isprintable() and len(client) <= LONGEST_CLIENT
    return "" if fits else f"a client's name is printable, not empty, and {LONGEST_CLIENT} characters at most"
