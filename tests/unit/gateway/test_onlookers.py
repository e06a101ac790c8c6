"""Who stands between a call and its client: what passes, what is changed, and what is kept back."""

import json

import msgspec
import pytest

from app.gateway.onlookers import ELSEWHERE, Guess, Probe, Renamer
from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Detached, Noticed, PeerError, Request, Result
from tests.unit.gateway.conftest import PlayedClient

REQUEST = Request("tools/call", {}, {})
RESULT = Result(msgspec.Raw(b"{}"), Era.LEGACY)
NOTICE = Noticed("notifications/progress", msgspec.Raw(b"{}"))


async def test_a_task_in_an_answer_is_renamed() -> None:
    client = PlayedClient(Detached())
    renamer = Renamer(client, lambda theirs: f"our-{theirs}", "files")
    await renamer.stream(NOTICE)
    await renamer.reply(Result(msgspec.Raw(b'{"task":{"taskId":"t1","status":"working"}}'), Era.LEGACY))
    (answer,) = client.outcomes
    assert isinstance(answer, Result)
    assert json.loads(bytes(answer.raw))["task"]["taskId"] == "our-t1"
    assert client.notices == [NOTICE]


async def test_an_answer_that_is_another_servers_to_give_is_kept_back() -> None:
    client = PlayedClient(Detached())
    guess = Guess(client)
    assert guess.judged(REQUEST) is REQUEST
    await guess.reply(RESULT)
    assert guess.judged(ELSEWHERE) is ELSEWHERE
    await guess.reply(ELSEWHERE)
    assert (client.outcomes, guess.wrong) == ([RESULT], True)


@pytest.mark.parametrize(
    ("outcome", "settled"),
    [
        (RESULT, True),
        (PeerError(msgspec.Raw(b"{}")), False),
        (Fault(Kind.CLOSED, "gone", server="a"), False),
        (Fault(Kind.CANCELLED, "by its client"), True),
        (None, True),
    ],
)
async def test_no_other_server_is_asked_once_one_has_it_or_the_call_is_over(
    outcome: Result | PeerError | Fault | None, settled: bool
) -> None:
    client = PlayedClient(Detached())
    probe = Probe(client)
    await probe.stream(NOTICE)
    if outcome is not None:
        await probe.reply(outcome)
    assert probe.settled is settled
    assert (client.outcomes, client.notices, probe.outcome) == ([], [], outcome)
