"""What the gateway answers itself: the handshake of each era, and the merged lists.

Pure but for the wait on starting servers, which the caller does first.
"""

import msgspec

from app.gateway.sessions import Session
from app.protocol.classify import Inbound
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import text_of
from app.protocol.meta import CLIENT_CAPABILITIES, IDENTITY, SERVER_INFO
from app.protocol.methods import Answer, Method
from app.protocol.versions import LATEST_LEGACY, SUPPORTED_VERSIONS, Era, negotiate
from app.relay import logs, tasks
from app.relay.catalog import Hint
from app.relay.hints import UNHINTED, scope_of
from app.relay.view import LISTED, View

_LISTING = {member: listing for listing, member in LISTED.items()}


def initialize(view: View, version: str) -> bytes:
    """The result of `initialize`, for the negotiated `version`."""
    result: dict[str, object] = {
        "protocolVersion": version,
        "capabilities": view.lasting_capabilities
        | (view.task_capabilities(Era.LEGACY) if version == LATEST_LEGACY else {}),
        "serverInfo": IDENTITY,
    }
    instructions = view.instructions()
    return msgspec.json.encode(result | {"instructions": instructions} if instructions else result)


def discover(view: View, hint: Hint = UNHINTED) -> bytes:
    """The result of `server/discover`; `hint` says how long it stays good."""
    result: dict[str, object] = {
        "resultType": "complete",
        "supportedVersions": SUPPORTED_VERSIONS,
        "capabilities": view.capabilities | view.task_capabilities(Era.MODERN),
        "ttlMs": hint.ttl,
        "cacheScope": scope_of(hint),
        "_meta": {SERVER_INFO: IDENTITY},
    }
    instructions = view.instructions()
    return msgspec.json.encode(result | {"instructions": instructions} if instructions else result)


def requested_version(inbound: Inbound) -> str | Fault:
    """The revision an `initialize` gets."""
    requested = text_of(inbound.message.params.get("protocolVersion"))
    if requested is None:
        return Fault(Kind.INVALID_PARAMS, "`params.protocolVersion` must be a string.")
    return negotiate(requested)


def set_level(view: View, session: Session | None, inbound: Inbound) -> bytes | Fault:
    """`logging/setLevel`: kept in the session, whose requests bring it to their servers."""
    if "logging" not in view.capabilities or session is None:
        return Fault(Kind.METHOD_NOT_FOUND, "No server here logs.")
    rank = logs.rank_of(inbound.message.params.get("level"))
    if rank is None:
        return logs.unknown_level("`params.level`")
    session.log_level = rank
    return b"{}"


def may_lack(inbound: Inbound, method: Method) -> bool:
    """Whether `unoffered` could say anything: of most requests that is known without a look at the servers."""
    if method.capability == "tasks":
        return True
    return inbound.era is Era.MODERN and (method.answer is Answer.LIST or method.capability == "completions")


def unoffered(view: View, inbound: Inbound, method: Method) -> Fault | None:
    """Why a method is none here: no visible server has its capability, so that discover does not advertise it.

    Modern alone (2026-07-28, "Unknown methods"); legacy clients ask for lists that nobody has, and get empty ones. A
    call by name answers as any unknown name does, so that nobody learns what is hidden.
    """
    if method.capability == "tasks":
        return _unoffered_task(view, inbound)
    if not may_lack(inbound, method) or method.capability in view.capabilities:
        return None
    return Fault(Kind.METHOD_NOT_FOUND, f"No server here offers {method.capability}.")


def _unoffered_task(view: View, inbound: Inbound) -> Fault | None:
    """Why a request about tasks goes no further: nobody here has any, or the client has not said that it knows them."""
    if not view.task_capabilities(inbound.era):
        return Fault(Kind.METHOD_NOT_FOUND, "No server here offers tasks.")
    if inbound.era is Era.MODERN and not tasks.declared(inbound.meta.members.get(CLIENT_CAPABILITIES)):
        return tasks.UNDECLARED
    return None


def listing(view: View, inbound: Inbound, method: Method, hint: Hint = UNHINTED) -> tuple[bytes, ...] | Fault:
    """The result of a list method, in pieces. Everything is on one page: there is no cursor we could have given."""
    if bytes(inbound.message.params.get("cursor", b"null")) != b"null":
        return Fault(Kind.INVALID_PARAMS, "Unknown cursor: every list is one page.")
    return view.list_pieces(_LISTING[method.listed], inbound.era, hint)
