"""What one requirement is. A path is below `tests/`."""

from typing import NamedTuple

SPEC = "https://modelcontextprotocol.io/specification/2026-07-28/"


class Requirement(NamedTuple):
    """What is required, where the specification says so (below `SPEC`), and the tests that prove it."""

    text: str
    where: str
    proofs: tuple[str, ...]
