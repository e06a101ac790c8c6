"""An answer that we wait for ourselves."""

import msgspec
import pytest

from app.protocol.faults import Fault, Kind
from app.protocol.versions import Era
from app.relay.events import Failed, Finished, NeedsInput, Noticed, PeerError, Question, Result
from app.upstream.errors import UpstreamError
from app.upstream.replies import Reply

ANSWERS = [Result(msgspec.Raw(b"{}"), Era.LEGACY), PeerError(msgspec.Raw(b"{}"))]
ASKED = Question({})
QUESTION = Question({}, Result(msgspec.Raw(b"{}"), Era.MODERN))


@pytest.mark.parametrize("answer", ANSWERS)
async def test_the_answer_is_waited_for_past_what_comes_before_it(answer: Result | PeerError) -> None:
    declined: list[Question] = []
    reply = Reply("a", declined.append)
    reply.take(Noticed("notifications/progress", msgspec.Raw(b"{}")))
    reply.take(NeedsInput(ASKED))
    assert (reply.came, declined) == (False, [ASKED])
    reply.take(Finished(answer))
    assert reply.came
    assert await reply.outcome("tools/list", 5) is answer


@pytest.mark.parametrize(
    ("event", "kind"),
    [(Failed(Fault(Kind.CLOSED, "gone")), Kind.CLOSED), (NeedsInput(QUESTION), Kind.PROTOCOL), (None, Kind.TIMEOUT)],
)
async def test_what_is_no_answer_is_raised(event: Failed | NeedsInput | None, kind: Kind) -> None:
    reply = Reply("a", lambda _: None)
    if event:
        reply.take(event)
    with pytest.raises(UpstreamError) as raised:
        await reply.outcome("tools/list", 0.01)
    assert raised.value.fault.kind is kind
