"""The five MCP revisions, their two eras, and which one a peer gets.

Pure. PROTOCOL.md section 0 names the eras; the tables are pinned to `mcp_types.version` by a test.
"""

from enum import Enum


class Era(Enum):
    """`LEGACY`: revisions with an `initialize` handshake and sessions. `MODERN`: stateless, 2026-07-28."""

    __hash__ = object.__hash__  # a key of tables that each call looks into
    LEGACY = "legacy"
    MODERN = "modern"


LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN_VERSIONS = ("2026-07-28",)
# Newest first: what discover advertises, and what a client that asked for another revision may choose from.
SUPPORTED_VERSIONS = (*MODERN_VERSIONS, *reversed(LEGACY_VERSIONS))
LATEST_LEGACY = LEGACY_VERSIONS[-1]
LATEST_MODERN = MODERN_VERSIONS[-1]
# A legacy request without a version header (2025-06-18, "Protocol Version Header").
ASSUMED_LEGACY = "2025-03-26"


def negotiate(requested: str) -> str:
    """The revision `initialize` answers with: the client's own if it is a legacy one, else our latest legacy."""
    return requested if requested in LEGACY_VERSIONS else LATEST_LEGACY
