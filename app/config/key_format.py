"""The keys we make, and the digest by which every key is stored and found (RELIABILITY section 6).

Pure and stdlib only: randomness is an argument. `mgw_<8 public><_><43 secret><6 checksum>`, all base62: scanners can
find it, a typo shows without a lookup, and the public part names it in lists and logs.
"""

import hashlib
import re
import zlib

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORM = re.compile(r"mgw_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}([0-9A-Za-z]{6})", re.ASCII)
ANYWHERE = re.compile(r"mgw_[0-9A-Za-z]{8}_[0-9A-Za-z]{49}", re.ASCII)
"""A key of ours in some text."""
_HASHED = "sha256:"
ENTROPY = 40
"""How many random bytes `new_key` takes: 8 for the public part, 32 for the secret one."""


def new_key(entropy: bytes) -> str:
    """A key from `ENTROPY` random bytes of a source fit for secrets."""
    if len(entropy) != ENTROPY:
        raise ValueError(f"{ENTROPY} random bytes are needed")
    public = _base62(int.from_bytes(entropy[:8]) % 62**8, 8)
    body = f"mgw_{public}_{_base62(int.from_bytes(entropy[8:]), 43)}"
    return body + _checksum(body)


def key_id(key: str) -> str | None:
    """The public part of a key of ours; None for keys people made, and for ours with a typo."""
    found = _FORM.fullmatch(key)
    return found[1] if found and _checksum(key[:-6]) == found[2] else None


def hashed(key: str) -> str:
    """`sha256:HEX`, as the keys file stores it."""
    return _HASHED + hashlib.sha256(key.encode()).hexdigest()


def stored_digest(text: str) -> bytes | None:
    """The digest a keys file's KEY stands for: written as `sha256:HEX`, or taken of the key itself.

    None where it starts with `sha256:` and no 64 hex digits follow.
    """
    if not text.startswith(_HASHED):
        return hashlib.sha256(text.encode()).digest()
    digits = text.removeprefix(_HASHED)
    return bytes.fromhex(digits) if re.fullmatch(r"[0-9A-Fa-f]{64}", digits) else None


def is_hashed(text: str) -> bool:
    """Whether a keys file's KEY is a digest rather than a key."""
    return text.startswith(_HASHED)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, width: int) -> str:
    digits: list[str] = []
    for _ in range(width):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
