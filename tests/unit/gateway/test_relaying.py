"""From a request to the server whose name it says, also when that is known only on the way."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from app.config.keyring import Keyring
from app.config.snapshot import METHOD_TIMEOUT, ServerSpec, Snapshot
from app.gateway.generation import Generation
from app.gateway.parking import Parking
from app.gateway.relayed import Relayed
from app.gateway.relaying import limits, pool_key, relay
from app.gateway.sealing import KEY_BYTES, Sealing
from app.gateway.sessions import Session, SessionTable
from app.protocol.faults import Fault, Kind
from app.protocol.jsonrpc import Message
from app.protocol.meta import CLIENT_CAPABILITIES
from app.protocol.versions import Era
from app.relay.catalog import Item, Members, ServerCatalog
from app.relay.continuation import REFUSED, Continuations
from app.relay.events import Detached, Disconnected, Failed, Finished, NeedsInput, PeerError, Question, Request, Result
from app.relay.policy import Grant
from app.upstream.leases import Asker
from tests.unit.gateway.conftest import PlayedClient, PlayedLease, PlayedUpstream

PATIENCE = 30.0
KEY = bytes(KEY_BYTES)
EVERYTHING = Grant(["*"])
MISSING = Finished(PeerError(msgspec.Raw(b'{"code":-32602,"message":"no such resource"}')))
ASKED = b'{"n":{"method":"elicitation/create","params":{"message":"?"}}}'
QUESTION = NeedsInput(
    Question(
        msgspec.json.decode(ASKED, type=Members),
        Result(
            msgspec.Raw(b'{"resultType":"input_required","inputRequests":%b,"requestState":"theirs"}' % ASKED),
            Era.MODERN,
        ),
    )
)
FOUND = Finished(Result(msgspec.Raw(b'{"contents":[]}'), Era.LEGACY))


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def message(method: str, **params: object) -> Message:
    return Message(method, raw(7), {name: raw(value) for name, value in params.items()})


def catalog(*tools: str, **capabilities: object) -> ServerCatalog:
    items = tuple(Item(name, {"name": raw(name)}) for name in tools)
    offered: Members = {name: raw(value) for name, value in {"tools": {}, **capabilities}.items()}
    return ServerCatalog(tools=items, capabilities=offered)


@dataclass
class Server(PlayedUpstream):
    """A server of the generation, listed or not."""

    catalog: ServerCatalog | None = None
    version: int = 0
    waited_for: asyncio.Event = field(default_factory=asyncio.Event)

    async def acquire(self, era: Era, key: str, patience: float = 0.0, asker: Asker | None = None) -> PlayedLease:
        self.waited_for.set()
        return await super().acquire(era, key, patience, asker)

    listeners: list[Callable[["Server"], None]] = field(default_factory=list)

    def add_listener(self, listener: Callable[["Server"], None]) -> None:
        self.listeners.append(listener)

    def lists(self, found: ServerCatalog) -> None:
        self.catalog, self.version = found, self.version + 1
        for listener in self.listeners:
            listener(self)

    async def asked(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.lease.sent_once.wait()

    def says(self, event: Finished | NeedsInput | Failed) -> None:
        self.lease.sent[-1][1](event)

    def heard(self) -> Request:
        return self.lease.sent[-1][0]


def server(name: str, listed: ServerCatalog | None, *, prefix: str | None = None) -> Server:
    spec = ServerSpec(name=name, label=name, kind="stdio", prefix=name if prefix is None else prefix)
    return Server(spec=spec, catalog=listed, at_once=listed is not None)


@dataclass
class House:
    """What a `Gateway` is to a relayed call."""

    tasks: asyncio.TaskGroup
    current: Generation
    drivers: set[object] = field(default_factory=set)
    parking: Parking = field(default_factory=Parking)
    sessions: SessionTable = field(default_factory=lambda: SessionTable(lambda: 0.0))
    continuations: Continuations = field(
        default_factory=lambda: Continuations(Sealing(KEY).seal, Sealing(KEY).unseal, lambda: 0.0)
    )

    def parked(self) -> None: ...

    def over(self, driver: object) -> None:
        self.drivers.discard(driver)


class Play:
    """One relayed call over these servers, and its end."""

    def __init__(self, tasks: asyncio.TaskGroup, *servers: Server) -> None:
        upstreams = {found.spec.name: found for found in servers}
        generation = Generation(Snapshot(tuple(found.spec for found in servers)), Keyring(()), upstreams)
        self.house = House(tasks, generation)
        self.session = Session("s", "ann", "2025-11-25", 0.0)
        self.tasks = tasks

    def begin(
        self, asked: Message, hung_up: Disconnected | Detached | None = None, grant: Grant = EVERYTHING
    ) -> tuple[PlayedClient, asyncio.Task[str]]:
        client = PlayedClient(hung_up or Detached())
        view = lambda: self.house.current.view(grant)  # noqa: E731 - read again at each step
        call = Relayed("ann", self.session, Era.LEGACY, asked, {}, b"", view)
        return client, self.tasks.create_task(relay(self.house, call, client))

    async def asks(
        self, asked: Message, server: Server, says: Finished | NeedsInput, grant: Grant = EVERYTHING
    ) -> Members:
        """A modern client's call that `server` answers so; the members of the result that the client gets."""
        client = PlayedClient(Disconnected())
        able = {CLIENT_CAPABILITIES: raw({"elicitation": {}, "roots": {}})}
        call = Relayed("ann", None, Era.MODERN, asked, able, b"", lambda: self.house.current.view(grant))
        server.lease.sent_once.clear()
        task = self.tasks.create_task(relay(self.house, call, client))
        await server.asked()
        server.says(says)
        await ended(task)
        [outcome] = client.outcomes
        assert isinstance(outcome, Result), outcome
        return msgspec.json.decode(outcome.raw, type=Members)


@pytest.fixture
async def play(tasks: asyncio.TaskGroup) -> Callable[..., Play]:
    return lambda *servers: Play(tasks, *servers)


async def waited_for(starting: Server) -> None:
    async with asyncio.timeout(PATIENCE):
        await starting.waited_for.wait()


async def ended(task: asyncio.Task[str]) -> str:
    async with asyncio.timeout(PATIENCE):
        return await task


async def test_a_call_goes_to_the_owner_of_its_name_and_leaves_nothing_running(play: Callable[..., Play]) -> None:
    one, two = server("a", catalog("x")), server("b", catalog("x"))
    scene = play(one, two)
    client, task = scene.begin(message("tools/call", name="b__x"))
    await two.asked()
    assert scene.session.busy
    assert len(scene.house.drivers) == 1
    two.says(FOUND)
    assert await ended(task) == "b"
    assert client.outcomes == [FOUND.outcome]
    assert one.lease.sent == []
    assert not scene.session.busy
    assert not scene.house.drivers


async def test_an_unknown_name_is_refused_and_goes_nowhere(play: Callable[..., Play]) -> None:
    client, task = play(server("a", catalog("x"))).begin(message("tools/call", name="a__y"))
    assert await ended(task) == ""
    assert [found.kind for found in client.outcomes] == [Kind.HIDDEN]


async def test_a_resource_nobody_lists_is_asked_of_each_until_one_has_it(play: Callable[..., Play]) -> None:
    one, two, three = (server(name, catalog(resources={})) for name in "abc")
    client, task = play(one, two, three).begin(message("resources/read", uri="x://y"))
    await one.asked()
    one.says(MISSING)
    await two.asked()
    two.says(FOUND)
    assert await ended(task) == "b"
    assert client.outcomes == [FOUND.outcome]
    assert three.lease.sent == []


async def test_a_server_that_is_down_does_not_hide_the_resource_of_another(play: Callable[..., Play]) -> None:
    one, two = (server(name, catalog(resources={})) for name in "ab")
    client, task = play(one, two).begin(message("resources/read", uri="x://y"))
    await one.asked()
    one.says(Failed(Fault(Kind.TIMEOUT, "away", server="a")))
    await two.asked()
    two.says(FOUND)
    assert await ended(task) == "b"
    assert client.outcomes == [FOUND.outcome]


async def test_a_cancelled_read_is_asked_of_nobody_else(play: Callable[..., Play]) -> None:
    one, two = (server(name, catalog(resources={})) for name in "ab")
    scene = play(one, two)
    client, task = scene.begin(message("resources/read", uri="x://y"))
    await one.asked()
    scene.session.cancel(b"7", "enough")
    await ended(task)
    assert [found.kind for found in client.outcomes] == [Kind.CANCELLED]
    assert (one.lease.cancelled, two.lease.sent) == ([(1, "enough")], [])


async def test_a_read_whose_client_hung_up_is_asked_of_nobody_else(play: Callable[..., Play]) -> None:
    one, two = (server(name, catalog(resources={})) for name in "ab")
    client, task = play(one, two).begin(message("resources/read", uri="x://y"), Disconnected())
    await one.asked()
    client.hang_up.set()
    await ended(task)
    assert (client.outcomes, two.lease.sent) == ([], [])


async def test_a_call_guessed_at_a_starting_server_goes_to_the_one_that_has_the_name(play: Callable[..., Play]) -> None:
    one, two = server("a", None, prefix=""), server("b", None, prefix="")
    client, task = play(one, two).begin(message("tools/call", name="x"))
    await waited_for(one)
    two.lists(catalog("x"))
    one.lists(catalog("other"))
    two.at_once = True
    one.opened.set()
    await two.asked()
    two.says(FOUND)
    assert await ended(task) == "b"
    assert client.outcomes == [FOUND.outcome]
    assert (one.lease.sent, one.lease.released) == ([], 1)


async def test_a_call_to_a_starting_server_is_sent_under_the_name_it_then_lists(play: Callable[..., Play]) -> None:
    late = server("late", None)
    client, task = play(late).begin(message("tools/call", name="late:x_y"))
    await waited_for(late)
    late.lists(catalog("x.y", "late_x_y"))
    late.opened.set()
    await late.asked()
    assert bytes(late.lease.sent[0][0].params["name"]) == b'"late_x_y"'
    late.says(FOUND)
    assert await ended(task) == "late"
    assert len(client.outcomes) == 1


async def test_a_completion_is_not_asked_of_a_server_that_completes_nothing(play: Callable[..., Play]) -> None:
    item = Item("p", {"name": raw("p")})
    listed = msgspec.structs.replace(catalog(prompts={}), prompts=(item,))
    reference = {"type": "ref/prompt", "name": "a__p"}
    client, task = play(server("a", listed)).begin(message("completion/complete", ref=reference, argument={}))
    await ended(task)
    assert [found.kind for found in client.outcomes] == [Kind.METHOD_NOT_FOUND]


async def test_a_question_comes_back_to_the_server_that_asked_with_its_own_state(play: Callable[..., Play]) -> None:
    one = server("a", catalog("x"))
    scene = play(one)
    asked = await scene.asks(message("tools/call", name="a__x"), one, QUESTION)
    state = msgspec.json.decode(asked["requestState"])
    assert state != "theirs"
    answer = message("tools/call", name="a__x", requestState=state, inputResponses={"n": 1})
    await scene.asks(answer, one, FOUND)
    sent = one.heard()
    assert {name: bytes(value) for name, value in sent.params.items()} == {
        "name": b'"x"',
        "requestState": b'"theirs"',
        "inputResponses": b'{"n":1}',
    }


async def test_the_answer_goes_to_the_server_that_asked_and_no_other_is_tried(play: Callable[..., Play]) -> None:
    one, two = (server(name, catalog(resources={})) for name in "ab")
    scene = play(one, two)
    read = message("resources/read", uri="x://y")
    first = scene.tasks.create_task(scene.asks(read, two, QUESTION))
    await one.asked()
    one.says(MISSING)
    state = msgspec.json.decode((await first)["requestState"])
    await scene.asks(message("resources/read", uri="x://y", requestState=state), two, FOUND)
    assert len(one.lease.sent) == 1


async def test_the_answer_is_refused_where_the_server_that_asked_is_out_of_reach(play: Callable[..., Play]) -> None:
    one, two = (server(name, catalog(resources={})) for name in "ab")
    scene = play(one, two)
    read = message("resources/read", uri="x://y")
    state = msgspec.json.decode((await scene.asks(read, one, QUESTION))["requestState"])
    client, task = scene.begin(message("resources/read", uri="x://y", requestState=state), grant=Grant(["b"]))
    await ended(task)
    assert client.outcomes == [REFUSED]
    assert two.lease.sent == []


async def test_a_made_up_state_is_refused_and_goes_nowhere(play: Callable[..., Play]) -> None:
    one = server("a", catalog("x"))
    client, task = play(one).begin(message("tools/call", name="a__x", requestState="made up"))
    await ended(task)
    assert client.outcomes == [REFUSED]
    assert one.lease.sent == []


async def test_a_legacy_client_that_is_asked_all_the_same_hears_who_asks_for_what(play: Callable[..., Play]) -> None:
    one = server("a", catalog("x"))
    client, task = play(one).begin(message("tools/call", name="a__x"))
    await one.asked()
    one.says(QUESTION)
    await ended(task)
    [outcome] = client.outcomes
    assert b'"isError":true' in bytes(outcome.raw)
    assert b"Server a asked for what this client has not declared: elicitation." in bytes(outcome.raw)
    assert bytes(one.heard().capabilities) == b"{}"
    assert one.lease.released == 1


async def test_a_local_server_hears_of_the_capabilities_that_mean_something_to_it(play: Callable[..., Play]) -> None:
    one = server("a", catalog("x"))
    await play(one).asks(message("tools/call", name="a__x"), one, FOUND)
    assert bytes(one.heard().capabilities) == b'{"elicitation":{}}'


def test_a_tools_time_is_its_own_and_nothing_takes_longer_than_the_longest() -> None:
    spec = ServerSpec(name="a", label="a", kind="stdio", prefix="a", timeout=300.0, max_timeout=3600.0)
    assert limits(spec, "tools/call") == (300.0, 3600.0)
    assert limits(spec, "prompts/get") == (METHOD_TIMEOUT, 3600.0)
    assert limits(msgspec.structs.replace(spec, max_timeout=10.0), "tools/call") == (10.0, 10.0)


@pytest.mark.parametrize(
    ("pool", "session", "expected"),
    [("auto", "s", ""), ("one", "s", ""), ("client", "s", "ann"), ("session", "s", "s"), ("session", "", "ann")],
)
def test_a_connection_is_everybodys_the_clients_or_the_sessions(pool: str, session: str, expected: str) -> None:
    spec = ServerSpec(name="a", label="a", kind="stdio", prefix="a", pool=pool)
    asked = message("tools/call", name="a__x")
    call = Relayed("ann", Session(session, "ann", "2025-11-25", 0.0), Era.LEGACY, asked, {}, b"", lambda: None)
    assert pool_key(spec, call) == expected
    assert pool_key(spec, msgspec.structs.replace(call, session=None)) == (
        "ann" if pool in ("client", "session") else ""
    )
