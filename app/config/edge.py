"""Parsers for the variables of the edge: prefix, proxies, domain, limits. Text in, value or `ValueError` out.

Pure and stdlib only. What comes out holds nothing that would be configuration of its own in nginx's file.
"""

import re
from ipaddress import ip_network

LONG_PREFIX = 22
"""Characters from which nobody guesses a prefix: 128 bits and more."""
ADVICE = "take 22 or more of A-Z a-z 0-9 _ -, at random"
PREFIX = re.compile(r"[A-Za-z0-9_-]{8,64}")
MOST_PREFIXES = 32
"""nginx takes no word above 4096 bytes, and all of them are one."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\Z")
_EMAIL = re.compile(r"(?=.{3,254}\Z)[A-Za-z0-9.!#%&*+/=?^_{|}~-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
_ACME = re.compile(r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]*)?")
STAGING = "https://acme-staging-v02.api.letsencrypt.org/directory"
_LIMIT = re.compile(r"[0-9]{1,7}")
MOST_REQUESTS = 1_000_000
MOST_STREAMS = 65535


def prefixes(raw: str) -> tuple[str, ...]:
    """Each without the slashes around it and without `/mcp` behind it; one named twice counts once."""
    found: list[str] = []
    for entry in _entries(raw):
        prefix = entry.strip("/").removesuffix("/mcp").rstrip("/")
        if not PREFIX.fullmatch(prefix):
            raise ValueError
        found.append(prefix)
    unique = tuple(dict.fromkeys(found))
    if not 1 <= len(unique) <= MOST_PREFIXES:
        raise ValueError
    return unique


def networks(raw: str) -> tuple[str, ...]:
    """In CIDR form; an address is a network of one."""
    # A zone is an interface's name, and the broadcast address is nobody's; nginx takes neither.
    if "%" in raw or "255.255.255.255" in raw:
        raise ValueError
    return tuple(dict.fromkeys(str(ip_network(entry, strict=False)) for entry in _entries(raw)))


def domains(raw: str) -> tuple[str, ...]:
    """In lower case, at least one. An address or a wildcard is none: no certificate comes for one over HTTP."""
    found = tuple(dict.fromkeys(entry.lower().removesuffix(".") for entry in _entries(raw)))
    if not found or not all(_DOMAIN.match(entry) and not entry.rpartition(".")[2].isdigit() for entry in found):
        raise ValueError
    return found


def email(raw: str) -> str:
    if not _EMAIL.match(raw):
        raise ValueError
    return raw


def acme_server(raw: str) -> str:
    """The URL of a directory. A name or a space more would be an argument of certbot's."""
    if raw == "staging":
        return STAGING
    if not _ACME.fullmatch(raw):
        raise ValueError
    return raw


def limit(raw: str) -> int:
    return _number(raw, MOST_REQUESTS)


def streams(raw: str) -> int:
    return _number(raw, MOST_STREAMS)


def _number(raw: str, most: int) -> int:
    if not _LIMIT.fullmatch(raw) or not 1 <= int(raw) <= most:
        raise ValueError
    return int(raw)


def _entries(raw: str) -> list[str]:
    return [entry for part in raw.split(",") if (entry := part.strip())]
