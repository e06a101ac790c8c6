"""Who a presented key is: the lookup that every request goes through.

Pure: the clock is an argument. May not know where keys come from (keys.py). What is presented is always hashed, and an
unknown key costs the same comparison as a known one (RELIABILITY section 6).
"""

import hashlib
import hmac
import math
from collections.abc import Iterable

import msgspec

from app.relay.policy import Grant

_sha256 = hashlib.sha256
_same = hmac.compare_digest


class Principal(msgspec.Struct, frozen=True):
    """Who calls: sessions belong to `client_id`, `grant` says what may be seen and used."""

    client_id: str
    grant: Grant


# Who everyone is where auth is disabled. No key can name a client so: `@` is for our own.
ANONYMOUS = Principal("@anonymous", Grant())


class Key(msgspec.Struct, frozen=True):
    """One configured key. `expires` is Unix time; a key that is not enabled has expired for ever."""

    digest: bytes
    principal: Principal
    origin: str
    """Where it is written, for people: `MCP_API_KEYS entry 1`, `api_keys.json entry 2 (line 5)`."""
    id: str = ""
    """The public part of a key of ours, or what names it in `keys list`; never the key."""
    expires: float = math.inf
    enabled: bool = True

    @property
    def until(self) -> float:
        """When it stops working, Unix time."""
        return self.expires if self.enabled else -math.inf


_NOBODY = Key(bytes(32), ANONYMOUS, "", enabled=False)


class Keyring:
    """All keys, by digest. Immutable once built; replaced as a whole."""

    __slots__ = ("_by_digest", "keys")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self.keys = tuple(keys)
        self._by_digest = {key.digest: (key.digest, key.until, key.principal) for key in self.keys}

    def resolve(self, presented: bytes, now: float) -> Principal | None:
        """Who presents this key at `now` (Unix time); None for an unknown, disabled or expired one alike."""
        digest = _sha256(presented).digest()
        stored, until, principal = self._by_digest.get(digest, _DUMMY)
        if _same(stored, digest) and now < until:
            return principal
        return None

    @property
    def clients(self) -> tuple[str, ...]:
        """Every client id once, in the order of the keys."""
        return tuple(dict.fromkeys(key.principal.client_id for key in self.keys))

    def __len__(self) -> int:
        return len(self.keys)

    def __repr__(self) -> str:
        return f"Keyring({len(self.keys)} keys, {len(self.clients)} clients)"


_DUMMY = (_NOBODY.digest, _NOBODY.until, _NOBODY.principal)
