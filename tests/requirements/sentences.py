"""Every sentence of revision 2026-07-28 with a MUST, in our words: what of the ledger it is, or why it is not ours.

`sentences.txt` has a line for each: where it stands, a digest of its text, its requirements or a reason, and what it
says. `specification.py` compares that with the pages.
"""

from pathlib import Path
from typing import NamedTuple

PAGES = {
    "basic": "basic/index.mdx",
    "basic/versioning": "basic/versioning.mdx",
    "basic/transports": "basic/transports/index.mdx",
    "basic/transports/stdio": "basic/transports/stdio.mdx",
    "basic/transports/streamable-http": "basic/transports/streamable-http.mdx",
    "basic/patterns": "basic/patterns/index.mdx",
    "basic/patterns/mrtr": "basic/patterns/mrtr.mdx",
    "basic/patterns/cancellation": "basic/patterns/cancellation.mdx",
    "basic/patterns/progress": "basic/patterns/progress.mdx",
    "basic/patterns/subscriptions": "basic/patterns/subscriptions.mdx",
    "server": "server/index.mdx",
    "server/discover": "server/discover.mdx",
    "server/tools": "server/tools.mdx",
    "server/prompts": "server/prompts.mdx",
    "server/resources": "server/resources.mdx",
    "server/utilities/caching": "server/utilities/caching.mdx",
    "server/utilities/completion": "server/utilities/completion.mdx",
    "server/utilities/logging": "server/utilities/logging.mdx",
    "server/utilities/pagination": "server/utilities/pagination.mdx",
}

NOT_OURS = {
    "all": "It is the sum of what is required elsewhere.",
    "author": "It binds whoever writes the specification, an extension or a transport; the gateway has none.",
    "client": "It binds the client at the gateway's front, or the one who shows or runs what passes through.",
    "content": "It is about contents and schemas, which pass as they are: only the server behind can keep it.",
    "server": "Only the server behind the gateway can keep it; the gateway bears one that does not.",
}


class Line(NamedTuple):
    """`standing`: ids of the ledger, or the one reason of `NOT_OURS`."""

    where: str
    digest: str
    standing: tuple[str, ...]
    says: str


def _read(text: str) -> list[Line]:
    rows = [row.split(" | ") for row in text.splitlines() if row]
    return [Line(where, digest, tuple(standing.split(", ")), says) for where, digest, standing, says in rows]


LINES = _read((Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8"))
