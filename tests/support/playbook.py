"""Conversations with an `Exchange`, read like the protocol: `>>` says what happened, `<<` what must follow at once.

    Playbook() >> CALLED << SetTimer() << Acquire() >> Leased() << …

Every effect must be named, in order; an event after which effects are left over fails at the next `>>` or at `end`.
"""

from typing import ClassVar, Self

from app.relay.asking import Case, Client
from app.relay.effects import Effect
from app.relay.events import Event
from app.relay.exchange import Exchange, State


class Playbook:
    taken: ClassVar[set[tuple[State, type[Event], Case]]] = set()
    """Every row of the table that any conversation has taken so far."""

    def __init__(self, client: Client | None = None) -> None:
        self.exchange = Exchange(client)
        self._due: list[Effect] = []
        self._said: list[str] = []

    def __rshift__(self, event: Event) -> Self:
        self._settled()
        self._said.append(f">> {event}")
        before = self.exchange.state
        self._due = self.exchange.receive(event)
        self.taken.add((before, type(event), self.exchange.case))
        return self

    def __lshift__(self, effect: Effect) -> Self:
        assert self._due, self._story(f"nothing follows, expected {effect}")
        got = self._due.pop(0)
        assert got == effect, self._story(f"expected {effect}, got {got}")
        self._said.append(f"<< {effect}")
        return self

    def end(self, state: State) -> None:
        self._settled()
        assert self.exchange.state is state, self._story(f"ended {self.exchange.state}")

    def _settled(self) -> None:
        assert not self._due, self._story(f"nobody expected {self._due}")

    def _story(self, problem: str) -> str:
        return "\n".join([*self._said, problem])
