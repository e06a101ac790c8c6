"""What one caller sees of the directory and may use of it: one rule for lists and for calls.

Pure. A view is kept until a catalog changes, and with it its lists as ready-made bytes, one per era.
"""

from collections.abc import Callable
from functools import cached_property

import msgspec

from app.protocol.versions import Era
from app.relay import downstream_legacy, downstream_modern, tasks
from app.relay.catalog import Hint, Members, tells_updates
from app.relay.directory import NAMED, Directory, Entry, Listing, Source, matches_template
from app.relay.hints import UNHINTED
from app.relay.names import own_names
from app.relay.policy import Grant, decide

# What is offered, and what of it: changes of the three lists are told, whether or not a server tells its own.
CAPABILITIES: dict[str, dict[str, object]] = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "completions": {},
    "logging": {},
}
LISTED = {
    Listing.TOOLS: "tools",
    Listing.PROMPTS: "prompts",
    Listing.RESOURCES: "resources",
    Listing.TEMPLATES: "resourceTemplates",
}
_TO_ITEM: dict[Era, Callable[[Members], Members]] = {
    Era.LEGACY: downstream_legacy.to_item,
    Era.MODERN: downstream_modern.to_item,
}
_LIST_FRAME: dict[Era, Callable[[str, Hint], tuple[bytes, bytes]]] = {
    Era.LEGACY: downstream_legacy.list_frame,
    Era.MODERN: downstream_modern.list_frame,
}


class View:
    """The directory through one grant."""

    def __init__(self, directory: Directory, grant: Grant) -> None:
        self._directory = directory
        self._grant = grant
        self._rendered: dict[tuple[Listing, Era], bytes] = {}
        self._routes = {
            listing: {listed: entry for listed, entry in entries.items() if self._may_use(listing, entry)}
            for listing, entries in directory.entries.items()
        }
        self.sources = tuple(source for source in directory.sources if grant.on(source.server).sees)

    def __repr__(self) -> str:
        return f"<View {' '.join(f'{len(found)} {listing.value}' for listing, found in self._routes.items())}>"

    def resolve(self, listing: Listing, name: str) -> Entry | None:
        """The tool or prompt called `name`, by its listed name or an alias; None where it is unknown or hidden."""
        entry = self._routes[listing].get(name)
        if entry is not None:
            return entry
        # What a name means does not depend on who asks: rights decide on the one thing it means.
        entry = self._directory.called(listing, name)
        return entry if entry is not None and self._may_use(listing, entry) else None

    def could_be(self, listing: Listing, name: str) -> list[tuple[Source, str]]:
        """Servers not listed yet that `name` may belong to, with the own name it would have there."""
        waiting = [source for source in self.sources if source.catalog is None]
        found: list[tuple[Source, str]] = []
        for source in waiting:
            owns = own_names(name, source.server, source.prefix) or ([name] if not source.prefix else [])
            allowed = next((own for own in owns if self._may(listing, source, own)), None)
            if allowed is not None:
                found.append((source, allowed))
        return found

    def owner_of(self, uri: str) -> Source | None:
        """The server that lists `uri` or a template it matches; None when nobody says."""
        entry = self._routes[Listing.RESOURCES].get(uri)
        if entry is not None:
            return entry.source
        templates = self._routes[Listing.TEMPLATES]
        entry = templates.get(uri) or next((e for t, e in templates.items() if matches_template(t, uri)), None)
        return entry.source if entry else None

    def may_read(self, source: Source, uri: str) -> bool:
        """Whether a URI that nobody lists may be asked of this server."""
        offers = source.catalog is None or "resources" in source.catalog.capabilities
        return offers and decide(self._grant, source.server, None, uri)

    def list_pieces(self, listing: Listing, era: Era, hint: Hint = UNHINTED) -> tuple[bytes, bytes, bytes]:
        """The `result` of a list method in pieces, of which the large one is ready-made; `hint`: how long it is good.

        In pieces, since a copy of a long list costs more than all else that its answer takes.
        """
        rendered = self._rendered.get((listing, era))
        if rendered is None:
            rendered = self._rendered[listing, era] = self._render(listing, era)
        before, after = _LIST_FRAME[era](LISTED[listing], hint)
        return before, rendered, after

    def list_result(self, listing: Listing, era: Era, hint: Hint = UNHINTED) -> bytes:
        """The same in one piece."""
        return b"".join(self.list_pieces(listing, era, hint))

    def count(self, server: str, listing: Listing) -> int:
        """How many of `server`'s items are in the list."""
        return sum(entry.source.server == server for entry in self._routes[listing].values())

    @cached_property
    def capabilities(self) -> dict[str, dict[str, object]]:
        """What the visible servers offer together, without what is not relayed; all, while one has yet to say."""
        if any(source.catalog is None for source in self.sources):
            return dict(CAPABILITIES)
        told = [source.catalog.capabilities for source in self.sources if source.catalog]
        offered = {name for capabilities in told for name in capabilities}
        found = {name: details for name, details in CAPABILITIES.items() if name in offered}
        if "resources" in found and not any(map(tells_updates, told)):
            found["resources"] = {"listChanged": True}
        return found

    def task_capabilities(self, era: Era) -> dict[str, dict[str, object]]:
        """What is offered of tasks in that era's form, where a visible server has them in it."""
        told = [source.catalog.capabilities for source in self.sources if source.catalog]
        able = [capabilities for capabilities in told if tasks.offers(capabilities, era)]
        if not able:
            return {}
        if era is Era.MODERN:
            return {"extensions": {tasks.EXTENSION: {}}}
        return {"tasks": tasks.OFFERED | {"cancel": {}} if any(map(tasks.cancels, able)) else tasks.OFFERED}

    @property
    def lasting_capabilities(self) -> dict[str, dict[str, object]]:
        """The same for a session, which is told once: also a list that is empty now may fill in its time."""
        offered = self.capabilities
        told: dict[str, object] = {"listChanged": True}
        return {name: told for name, details in CAPABILITIES.items() if "listChanged" in details} | offered

    def instructions(self) -> str:
        """The servers' own instructions, each under the prefix its tools have."""
        return "\n\n".join(
            f"# {source.prefix or source.server}\n{source.catalog.instructions}"
            for source in self.sources
            if source.catalog and source.catalog.instructions
        )

    def _may_use(self, listing: Listing, entry: Entry) -> bool:
        return self._may(listing, entry.source, entry.own)

    def _may(self, listing: Listing, source: Source, own: str) -> bool:
        return decide(self._grant, source.server, source.rule if listing is Listing.TOOLS else None, own)

    def _render(self, listing: Listing, era: Era) -> bytes:
        to_item = _TO_ITEM[era]
        items: list[Members] = []
        for entry in self._routes[listing].values():
            members = to_item(entry.item.members)
            if listing in NAMED:
                members = {**members, "name": msgspec.Raw(msgspec.json.encode(entry.listed))}
            items.append(members)
        return msgspec.json.encode(items)
