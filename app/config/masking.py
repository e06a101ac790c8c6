"""How a server is shown in logs and on the command line: without what can carry a credential.

Pure. Values of `env` and `headers` never appear; arguments appear unless they look like secrets; of a URL only scheme
and host do, since hosted servers put keys into paths and queries.
"""

import re
from urllib.parse import parse_qsl

from app.config.addresses import split_url
from app.config.snapshot import ServerSpec

MASK = "***"
# Shorter ones are words, and masking a word would garble every line. As in the log.
SHORTEST_SECRET = 6
_NAMED = re.compile(r"key|token|secret|passw|pwd|auth|cred|bearer|header|cookie|session|dsn", re.IGNORECASE)
_FLAG = re.compile(r"-{1,2}[A-Za-z][\w-]*")
# A long run of letters and digits that is no word, path or version: keys look like this.
_OPAQUE = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[A-Za-z0-9_+=.~-]{24,}|[A-Za-z0-9]{2,6}[-_][A-Za-z0-9_-]{16,}")


def describe(spec: ServerSpec) -> str:
    """One line: what runs, or where it is."""
    if spec.remote:
        return masked_url(spec.url)
    return " ".join((spec.command, *masked_args(spec.args)))


def secrets_of(spec: ServerSpec) -> frozenset[str]:
    """The texts of an entry that can be credentials, so that no log line shows one that a server or a library says."""
    found = set(spec.headers.values())
    found |= {value.split(" ", 1)[-1] for value in spec.headers.values()}  # a key without its scheme
    found |= {value for name, value in spec.env.items() if _NAMED.search(name) or _OPAQUE.fullmatch(value)}
    for arg, shown in zip(spec.args, masked_args(spec.args), strict=True):
        if MASK in shown:
            found |= {arg, arg.partition("=")[2]}
    parts = split_url(spec.url)
    if parts is not None:
        found |= {parts.password or "", *(part for part in parts.path.split("/") if _OPAQUE.fullmatch(part))}
        found |= {value for _, value in parse_qsl(parts.query)}
    return frozenset(found - {""})


def without_secrets(text: str, spec: ServerSpec) -> str:
    """What a server wrote, without the credentials that its own entry gave it."""
    # The longest first: one secret may hold another.
    for secret in sorted(secrets_of(spec), key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, MASK)
    return text


def masked_url(url: str) -> str:
    """Scheme, host and port."""
    parts = split_url(url)
    if parts is None:
        return MASK
    netloc = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{netloc}{f'/{MASK}' if parts.path.strip('/') or parts.query else ''}"


def masked_args(args: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments with secrets replaced: by the flag before them, by the name before their `=`, or by their looks."""
    shown: list[str] = []
    hide = False
    for arg in args:
        name, equals, value = arg.partition("=")
        if hide and not _FLAG.fullmatch(arg):
            shown.append(MASK)
        elif equals and (_NAMED.search(name) or _OPAQUE.fullmatch(value)):
            shown.append(f"{name}={MASK}")
        elif "://" in arg:
            shown.append(masked_url(arg))
        else:
            shown.append(MASK if _OPAQUE.fullmatch(arg) and not _FLAG.fullmatch(name) else arg)
        hide = bool(_FLAG.fullmatch(arg) and _NAMED.search(arg))
    return tuple(shown)
