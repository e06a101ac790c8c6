"""Parsers for the values of environment variables: text in, value out, `ValueError` (no text) for what is not allowed.

Pure and stdlib only. The caller says the variable's name and what is allowed; `shown` is how a bad value is printed.
"""

import re
from ipaddress import IPv6Address
from typing import Literal
from urllib.parse import quote

from app.config.addresses import split_url, to_origin

_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no")
_LEVELS = {name: name for name in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}
_LEVELS.update(WARN="WARNING", FATAL="CRITICAL")
_UNITS = {"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30}
_SIZE = re.compile(r"(\d{1,15})\s*([a-z]*)")
# What may stand in a listen directive and nothing else (a `;` would end it).
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,16})?\]?")
_HOST_PORT = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_USERINFO = re.compile(r"//[^/@\s]*@")
_QUERY = re.compile(r"(?<=\?).+")


def shown(raw: str) -> str:
    """A rejected value for a message: quoted, cut, without credentials of a URL."""
    cut = raw if len(raw) <= 80 else f"{raw[:77]}..."
    visible = quote(cut, safe=_PRINTABLE, errors="replace")
    if "://" in visible:
        visible = _QUERY.sub("***", _USERINFO.sub("//***@", visible))
    return f'"{visible}"'


_PRINTABLE = "".join(map(chr, range(32, 127)))


def boolean(raw: str) -> bool:
    word = raw.lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError


def disable_auth(raw: str) -> Literal["no", "loopback", "all"]:
    if raw.lower() == "i-understand":
        return "all"
    return "loopback" if boolean(raw) else "no"


def edge(raw: str) -> Literal["auto", "no", "yes"]:
    if raw.lower() == "auto":
        return "auto"
    return "yes" if boolean(raw) else "no"


def log_format(raw: str) -> Literal["text", "json"]:
    match raw.lower():
        case "text":
            return "text"
        case "json":
            return "json"
        case _:
            raise ValueError


def level(raw: str) -> str:
    if (name := _LEVELS.get(raw.upper())) is None:
        raise ValueError
    return name


def levels(raw: str) -> tuple[tuple[str, str], ...]:
    pairs: list[tuple[str, str]] = []
    for entry in _entries(raw):
        logger, colon, name = entry.rpartition(":")
        if not colon or not logger.strip():
            raise ValueError
        pairs.append((logger.strip(), level(name.strip())))
    return tuple(pairs)


def size(raw: str) -> int:
    found = _SIZE.fullmatch(raw.lower())
    if found is None or found[2] not in _UNITS:
        raise ValueError
    octets = int(found[1]) << _UNITS[found[2]]
    if octets < 1024:
        raise ValueError
    return octets


def port(raw: str) -> int:
    if not raw.isascii() or not raw.isdecimal() or not 1 <= int(raw[:6]) <= 65535:
        raise ValueError
    return int(raw)


def host(raw: str) -> str:
    if not _HOST.fullmatch(raw):
        raise ValueError
    bare = raw.strip("[]")
    if ":" in bare:
        # Else an address with a port would look like one of IPv6.
        try:
            IPv6Address(bare)
        except ValueError:
            raise ValueError from None
    return bare


def path(raw: str) -> str:
    if "\0" in raw:
        raise ValueError
    return raw


def url(raw: str) -> str:
    parts = split_url(raw)
    if parts is None or parts.username is not None or parts.query or parts.fragment:
        raise ValueError
    return raw.rstrip("/")


def origins(raw: str) -> tuple[str, ...]:
    found: list[str] = []
    for entry in _entries(raw):
        origin = entry if entry == "*" else to_origin(entry)
        if origin is None:
            raise ValueError
        found.append(origin)
    return tuple(found)


def hosts(raw: str) -> tuple[str, ...]:
    found = tuple(entry.lower() for entry in _entries(raw))
    if any(entry != "*" and not _HOST_PORT.fullmatch(entry) for entry in found):
        raise ValueError
    return found


def _entries(raw: str) -> list[str]:
    return [entry for part in raw.split(",") if (entry := part.strip())]
