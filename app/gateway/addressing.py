"""Whom a relayed request goes to, and what it is called there.

No I/O. The caller's view decides: what it does not list is unknown here too, by one rule (`relay.view`).
"""

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.protocol.mirrored import Mirrored
from app.relay import tasks
from app.relay.catalog import Members
from app.relay.directory import Entry, Listing, Source
from app.relay.view import View

MAX_SHOWN = 80


class Address(msgspec.Struct, frozen=True):
    """A server, the params with its own names in them, and `provisional` where it has not been listed yet.

    `mirrored`: the arguments that travel in headers as well; `as_task`: a tool that its server runs as a task alone.
    """

    server: str
    params: Members
    provisional: bool = False
    mirrored: tuple[Mirrored, ...] = ()
    as_task: bool = False


def addresses(view: View, method: str, params: Members) -> list[Address] | Fault:
    """Where a request may go, best first; more than one only for a resource that nobody lists."""
    plain = {name: value for name, value in params.items() if name != "_meta"}
    match method:
        case "tools/call":
            return _by_name(view, Listing.TOOLS, plain, "tool")
        case "prompts/get":
            return _by_name(view, Listing.PROMPTS, plain, "prompt")
        case "resources/read":
            return _by_uri(view, plain)
        case _:
            return _by_reference(view, plain)


def _by_name(view: View, listing: Listing, params: Members, noun: str) -> list[Address] | Fault:
    name = text_of(params.get("name"))
    if name is None:
        return Fault(Kind.INVALID_PARAMS, "`params.name` must be a string.")
    entry = view.resolve(listing, name)
    if entry is not None:
        own = params if entry.own == name else {**params, "name": to_raw(entry.own)}
        as_task = "execution" in entry.item.members and _runs_as_task(entry)
        return [Address(entry.source.server, own, mirrored=entry.item.mirrored, as_task=as_task)]
    guesses = view.could_be(listing, name)
    if guesses:
        source, own_name = guesses[0]
        return [Address(source.server, {**params, "name": to_raw(own_name)}, provisional=True)]
    return Fault(Kind.HIDDEN, f"Unknown {noun}: {_shown(name)}")


def _by_uri(view: View, params: Members) -> list[Address] | Fault:
    uri = text_of(params.get("uri"))
    if uri is None:
        return Fault(Kind.INVALID_PARAMS, "`params.uri` must be a string.")
    owner = view.owner_of(uri)
    if owner is not None:
        return [Address(owner.server, params)]
    askable: list[Source] = [source for source in view.sources if view.may_read(source, uri)]
    if askable:
        return [Address(source.server, params) for source in askable]
    return Fault(Kind.HIDDEN, "Resource not found.", data={"uri": uri})


def _by_reference(view: View, params: Members) -> list[Address] | Fault:
    """`completion/complete`: the prompt or the template its `ref` names."""
    reference = members_of(params.get("ref", b""))
    if reference is None:
        return Fault(Kind.INVALID_PARAMS, "`params.ref` must be an object.")
    kind = text_of(reference.get("type"))
    if kind == "ref/prompt":
        found = _by_name(view, Listing.PROMPTS, reference, "prompt")
        if isinstance(found, Fault):
            return found
        return [Address(to.server, {**params, "ref": to_raw(to.params)}, to.provisional) for to in found]
    uri = text_of(reference.get("uri"))
    owner = view.owner_of(uri) if kind == "ref/resource" and uri is not None else None
    if owner is None:
        return Fault(Kind.HIDDEN, "`params.ref` names no known prompt or resource template.")
    return [Address(owner.server, params)]


def _runs_as_task(entry: Entry) -> bool:
    catalog = entry.source.catalog
    return catalog is not None and tasks.alone(entry.item.members, catalog.capabilities)


def to_raw(value: object) -> msgspec.Raw:
    """`value` as JSON that is written as it is."""
    return msgspec.Raw(msgspec.json.encode(value))


def _shown(name: str) -> str:
    """A caller's own text in an error: short, and nothing a terminal would act on."""
    return "".join(c if c.isprintable() else "?" for c in name[:MAX_SHOWN])
