"""Every server's catalog under one roof: who owns which listed name and which URI.

Pure. Built anew when a catalog changes; rights come later, in `view.py`, so that a name does not depend on who asks.
Config order decides: where two listed names would be equal the later one gets the hash, and the first server that has a
resource owns its URI (INTERFACE "Names").
"""

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

import msgspec

from app.relay.catalog import Item, ServerCatalog
from app.relay.names import hashed_name, listed_name, own_names
from app.relay.policy import NameFilter


class Listing(Enum):
    """The four lists. Values are the fields of a `ServerCatalog`."""

    __hash__ = object.__hash__  # a key of tables that each call looks into
    TOOLS = "tools"
    PROMPTS = "prompts"
    RESOURCES = "resources"
    TEMPLATES = "templates"


NAMED = (Listing.TOOLS, Listing.PROMPTS)


class Source(msgspec.Struct, frozen=True):
    """One server as the directory sees it. `catalog` None: not listed yet."""

    server: str
    prefix: str
    rule: NameFilter | None
    catalog: ServerCatalog | None


class Entry(msgspec.Struct, frozen=True):
    """A listed thing: the name it is listed under, the server that owns it, its own name there."""

    listed: str
    source: Source
    own: str
    item: Item


class Directory:
    """All sources merged, in config order and then each server's own order."""

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = tuple(sources)
        self.entries: dict[Listing, dict[str, Entry]] = {listing: {} for listing in Listing}
        self.by_own: dict[tuple[Listing, str, str], Entry] = {}
        self.clashes: list[str] = []
        """For people: what is listed twice, and who has it."""
        for source in self.sources:
            if source.catalog is not None:
                for listing in Listing:
                    self._add(listing, source, getattr(source.catalog, listing.value))

    def __repr__(self) -> str:
        return f"<Directory {' '.join(f'{len(found)} {listing.value}' for listing, found in self.entries.items())}>"

    def _add(self, listing: Listing, source: Source, items: Iterable[Item]) -> None:
        entries = self.entries[listing]
        for item in items:
            if (listing, source.server, item.key) in self.by_own:
                continue  # a server that lists a name twice: the first one counts
            listed = listed_name(source.prefix, item.key) if listing in NAMED else item.key
            entry = Entry(listed, source, item.key, item)
            holder = entries.get(listed)
            if holder is not None:
                if listing in NAMED:
                    entry = Entry(hashed_name(source.prefix, item.key), source, item.key, item)
                self.clashes.append(_clash(listing, holder, entry))
                if listing not in NAMED:
                    continue
                if entry.listed in entries:
                    continue
            entries[entry.listed] = entry
            self.by_own[listing, source.server, item.key] = entry

    def called(self, listing: Listing, name: str) -> Entry | None:
        """The tool or prompt of that listed name, or of that alias."""
        entry = self.entries[listing].get(name)
        if entry is not None:
            return entry
        for source in self.sources:
            for own in own_names(name, source.server, source.prefix):
                entry = self.by_own.get((listing, source.server, own))
                if entry is not None:
                    return entry
        return None


def _clash(listing: Listing, holder: Entry, later: Entry) -> str:
    if listing in NAMED:
        owner = holder.source.server
        return f"{later.source.server}: {later.own} is listed as {later.listed}: {owner} has {holder.listed}"
    return f"{later.source.server}: {later.listed} belongs to {holder.source.server}, which comes first"


def matches_template(template: str, uri: str) -> bool:
    """Whether `uri` could be an expansion of the RFC 6570 `template`.

    A simple expression stays within one segment; what follows a reserved one is not held to that.
    """
    return _pattern(template).match(uri) is not None


_EXPRESSION = re.compile(r"\{([+#./;?&]?)[^{}]*\}")


@lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    """The URI comes from a client: each literal but the last is taken where it is first found, and kept."""
    start, *rest = _EXPRESSION.split(template)
    values: list[tuple[str, str]] = []
    value = "[^/?#]*"
    for operator, literal in zip(rest[::2], rest[1::2], strict=True):
        value = ".*" if operator else value
        if values and not values[-1][1]:
            values.pop()  # two in a row are one
        values.append((value, re.escape(literal)))
    middle = "".join(f"(?>{value}?{literal})" for value, literal in values[:-1])
    last = "".join(values[-1]) if values else ""
    return re.compile(re.escape(start) + middle + last + r"\Z", re.DOTALL)
