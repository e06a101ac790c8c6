"""Whom a request goes to, and what it is called there."""

import msgspec
import pytest

from app.gateway.addressing import Address, addresses
from app.protocol.faults import Fault, Kind
from app.relay.catalog import Item, Members, ServerCatalog
from app.relay.directory import Directory, Source
from app.relay.policy import Grant
from app.relay.view import View


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(msgspec.json.encode(value))


def members(**values: object) -> Members:
    return {name: raw(value) for name, value in values.items()}


RESOURCES = members(resources={})
FILES = Source(
    "files",
    "files",
    None,
    ServerCatalog(
        tools=(Item("read.all", members(name="read.all")),),
        prompts=(Item("ask", members(name="ask")),),
        resources=(Item("file:///a", members(uri="file:///a")),),
        templates=(Item("file:///t/{x}", members(uriTemplate="file:///t/{x}")),),
        capabilities=RESOURCES,
    ),
)
MORE = Source("more", "more", None, ServerCatalog(capabilities=RESOURCES))
LATE = Source("late", "late", None, None)


def ask(method: str, params: Members, *sources: Source, scopes: tuple[str, ...] = ("*",)) -> list[Address] | Fault:
    return addresses(View(Directory(sources or (FILES, MORE)), Grant(scopes)), method, params)


def told(found: list[Address] | Fault) -> list[tuple[str, bytes]]:
    assert isinstance(found, list), found
    return [(address.server, msgspec.json.encode(address.params)) for address in found]


def kind(found: list[Address] | Fault) -> Kind:
    assert isinstance(found, Fault), found
    return found.kind


def test_a_tool_goes_to_its_owner_under_its_own_name_and_without_meta() -> None:
    params = members(name="files__read_all", arguments={"a": 1}, _meta={"x": 1})
    assert told(ask("tools/call", params)) == [("files", b'{"name":"read.all","arguments":{"a":1}}')]


@pytest.mark.parametrize("params", [{}, members(name=1), members(name=None)])
def test_a_call_without_a_name_says_so(params: Members) -> None:
    assert kind(ask("tools/call", params)) is Kind.INVALID_PARAMS


@pytest.mark.parametrize(
    "name", ["", "read.all", "../files__read", "files__READ", "__proto__", "a\r\nb\x00", "x" * 10_000]
)
def test_an_unknown_name_is_unknown_and_shown_short_and_harmless(name: str) -> None:
    found = ask("tools/call", members(name=name))
    assert kind(found) is Kind.HIDDEN
    assert isinstance(found, Fault)
    assert len(found.message) < 100
    assert found.message.isprintable()


def test_what_a_key_may_not_use_answers_as_an_unknown_name_does() -> None:
    hidden = ask("tools/call", members(name="files__read_all"), scopes=("more",))
    unknown = ask("tools/call", members(name="files__read_alx"), scopes=("more",))
    assert isinstance(hidden, Fault)
    assert isinstance(unknown, Fault)
    assert hidden.message.replace("alx", "all") == unknown.message.replace("alx", "all")


def test_a_name_of_a_server_not_listed_yet_is_tried_there() -> None:
    found = ask("tools/call", members(name="late__x"), FILES, LATE)
    assert found == [Address("late", members(name="x"), provisional=True)]


def test_a_resource_goes_to_who_lists_it_and_its_uri_stays() -> None:
    assert told(ask("resources/read", members(uri="file:///a"))) == [("files", b'{"uri":"file:///a"}')]
    assert told(ask("resources/read", members(uri="file:///t/1"))) == [("files", b'{"uri":"file:///t/1"}')]


def test_a_resource_nobody_lists_is_asked_of_every_server_that_has_any() -> None:
    assert [server for server, _ in told(ask("resources/read", members(uri="x://y")))] == ["files", "more"]
    assert kind(ask("resources/read", members(uri="x://y"), scopes=("other",))) is Kind.HIDDEN
    assert kind(ask("resources/read", {})) is Kind.INVALID_PARAMS


def test_a_completion_goes_to_the_owner_of_its_prompt_or_template() -> None:
    prompt = members(ref={"type": "ref/prompt", "name": "files__ask"}, argument={"name": "a", "value": ""})
    ((server, params),) = told(ask("completion/complete", prompt))
    assert (server, b'"name":"ask"' in params) == ("files", True)
    template = members(ref={"type": "ref/resource", "uri": "file:///t/{x}"})
    assert told(ask("completion/complete", template))[0][0] == "files"


@pytest.mark.parametrize(
    "ref",
    [1, {}, {"type": "ref/prompt", "name": "nope"}, {"type": "ref/resource", "uri": "x://y"}, {"type": "ref/other"}],
)
def test_a_completion_for_nothing_known_is_refused(ref: object) -> None:
    assert kind(ask("completion/complete", members(ref=ref))) in {Kind.HIDDEN, Kind.INVALID_PARAMS}
