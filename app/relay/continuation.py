"""The question a modern server asks in place of an answer, on its way to a modern client and back (`requestState`).

Pure: sealing and the clock are arguments. Theory of operation: what the server wants to be told again goes to the
client inside a state of ours, which only we can read or make. It says which server asked, and is bound to who was
asked and to what for: servers see one gateway, so nobody but us can tell one person's state from another's. Nothing is
kept here, so a state is good for more than one retry until it expires, but for one that names a call that waits: its
keeper takes each but once (PROTOCOL.md section 3.5).
"""

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import members_of, text_of
from app.relay.catalog import Members
from app.relay.events import Result

# The only methods that may be answered by a question (2026-07-28, "Multi round-trip requests").
ASKABLE = frozenset({"tools/call", "prompts/get", "resources/read"})
STATE = "requestState"
ANSWERS = "inputResponses"
# Seconds. Long enough for a person to think and type, short enough that a stolen state is soon worth nothing.
LIFETIME = 600
# Bytes of params that are read to tell what they say.
READABLE = 16384
# One text for everything that can be wrong: which it was would help only who tries them out.
REFUSED = Fault(
    Kind.INVALID_PARAMS,
    "`requestState` is not valid for this request, or has expired; send the request anew without it.",
)

# What is sealed, and what it is bound to: bytes in, the state's text out, and back; None where anything is altered.
Seal = Callable[[bytes, bytes], str]
Unseal = Callable[[str, bytes], bytes | None]
Clock = Callable[[], float]


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """What a state says: who asked, the how-manieth time, until when, and the server's own state (JSON, "": none).

    `call` names the call that waits for the answer, where one does.
    """

    server: str
    number: int
    expires: float
    state: str = ""
    call: str = ""


class Continuations:
    """Makes states and reads them. `now` gives seconds since 1970: states outlive a restart."""

    def __init__(self, seal: Seal, unseal: Unseal, now: Clock) -> None:
        self._seal = seal
        self._unseal = unseal
        self._now = now

    def __repr__(self) -> str:
        return "<Continuations>"

    def wait(self, question: Result, server: str, binding: bytes, number: int, call: str) -> Result:
        """The question of `call`, which waits, with a state that leads back to it."""
        return self._sealed(question, Turn(server, number, self._now() + LIFETIME, call=call), binding)

    def ask(self, question: Result, server: str, binding: bytes, before: Turn | None) -> Result | Fault:
        """The question with a state of ours in place of the server's, also where it gave none.

        `before` is the turn that it follows, if any. A fault when what the server gave is no state.
        """
        members = members_of(question.raw) or {}
        theirs = bytes(members.get(STATE, b"null"))
        if theirs == b"null":
            theirs = b""
        elif text_of(theirs) is None:
            return Fault(Kind.PROTOCOL, f"Server {server} asked for input with a state that is no text.", server)
        number = before.number + 1 if before else 1
        return self._sealed(question, Turn(server, number, self._now() + LIFETIME, theirs.decode()), binding)

    def _sealed(self, question: Result, turn: Turn, binding: bytes) -> Result:
        members = members_of(question.raw) or {}
        ours = msgspec.json.encode(self._seal(msgspec.json.encode(turn), binding))
        return Result(msgspec.Raw(msgspec.json.encode({**members, STATE: msgspec.Raw(ours)})), question.era)

    def resume(self, state: msgspec.Raw, binding: bytes) -> Turn | Fault:
        """The turn that the client's `state` continues; a fault when it is not ours, not for this, or too old."""
        sealed = text_of(state)
        opened = self._unseal(sealed, binding) if sealed else None
        if opened is None:
            return REFUSED
        turn = msgspec.json.decode(opened, type=Turn)
        return turn if self._now() < turn.expires else REFUSED


def binding_of(principal: str, method: str, params: Members) -> bytes:
    """Whose request it is and what it asks, in a form that is the same for no two of them.

    Another order of an object's members is no other request; any other number, text or repetition is. Of a large
    request every byte counts: reading it would hold up everybody else's.
    """
    said = {name: value for name, value in params.items() if name not in (STATE, ANSWERS, "_meta")}
    large = sum(memoryview(value).nbytes for value in said.values()) > READABLE
    told = sorted((name, bytes(value) if large else _canonical(value)) for name, value in said.items())
    return sha256(repr((principal, method, told)).encode()).digest()


def with_state(params: Members, turn: Turn) -> Members:
    """The params for the server that asked: with its own state, or none where it gave none."""
    others = {name: value for name, value in params.items() if name != STATE}
    return {**others, STATE: msgspec.Raw(turn.state.encode())} if turn.state else others


def _canonical(value: msgspec.Raw) -> str:
    found: Any = json.loads(
        bytes(value), object_pairs_hook=_object, parse_int=_number, parse_float=_number, parse_constant=_number
    )
    return repr(found)


def _object(pairs: list[tuple[str, object]]) -> object:
    return "object", sorted(pairs, key=_name)


def _name(pair: tuple[str, object]) -> str:
    return pair[0]


def _number(text: str) -> object:
    return "number", text
