"""What a handshake found: a value, apart from `negotiate.py` so that its readers need not load the SDK.

Pure.
"""

import msgspec

from app.protocol.versions import Era
from app.relay.catalog import Hint, Members


class Negotiated(msgspec.Struct, frozen=True):
    """What a handshake found. `legacy_too`: a modern server that names legacy revisions beside its own."""

    era: Era
    version: str
    capabilities: Members = {}
    instructions: str = ""
    server_info: msgspec.Raw = msgspec.Raw(b"{}")
    legacy_too: bool = False
    hint: Hint = Hint()
