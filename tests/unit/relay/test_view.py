"""What one caller sees and may use: one rule for lists and calls."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.protocol.versions import Era
from app.relay.catalog import Item, ServerCatalog
from app.relay.directory import Directory, Listing, Source
from app.relay.policy import Grant, NameFilter
from app.relay.view import View


def tool(name: str, **members: object) -> Item:
    found = {"name": name, **members}
    return Item(name, {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in found.items()})


def resource(uri: str, member: str = "uri") -> Item:
    return Item(uri, {member: msgspec.Raw(msgspec.json.encode(uri))})


CAPABLE = {"tools": msgspec.Raw(b"{}"), "resources": msgspec.Raw(b'{"subscribe":true}'), "logging": msgspec.Raw(b"{}")}
FILES = Source(
    "files",
    "files",
    NameFilter(deny=["*secret*"]),
    ServerCatalog(
        tools=(tool("read", x={"a": 1}), tool("write"), tool("secret")),
        resources=(resource("file:///a"),),
        templates=(resource("file:///dir/{name}", "uriTemplate"),),
        capabilities=CAPABLE,
        instructions="Read before you write.",
    ),
)
GIT = Source(
    "git", "g", None, ServerCatalog(tools=(tool("git_commit"), tool("a.b")), capabilities={"tools": msgspec.Raw(b"{}")})
)
LATE = Source("late", "late", None, None)
DIRECTORY = Directory([FILES, GIT])


def names(view: View, era: Era = Era.LEGACY) -> list[str]:
    return [found["name"] for found in json.loads(view.list_result(Listing.TOOLS, era))["tools"]]


def test_everything_but_what_the_config_denies_is_listed_for_an_unrestricted_key() -> None:
    assert names(View(DIRECTORY, Grant(["*"]))) == ["files__read", "files__write", "g__git_commit", "g__a_b"]


def test_members_of_a_tool_reach_the_client_byte_for_byte() -> None:
    text = View(DIRECTORY, Grant(["*"])).list_result(Listing.TOOLS, Era.LEGACY)
    assert b'{"name":"files__read","x":{"a":1}}' in text


def test_a_modern_list_says_what_that_revision_requires() -> None:
    result = json.loads(View(DIRECTORY, Grant(["*"])).list_result(Listing.TOOLS, Era.MODERN))
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")


def test_aliases_find_what_is_listed() -> None:
    view = View(DIRECTORY, Grant(["*"]))
    for alias, own in {
        "files__read": "read", "files:read": "read", "g__a_b": "a.b", "g:a.b": "a.b", "git__a.b": "a.b",
        "git:commit": "git_commit", "g:git_commit": "git_commit",
    }.items():  # fmt: skip
        entry = view.resolve(Listing.TOOLS, alias)
        assert entry is not None, alias
        assert entry.own == own


def test_what_is_denied_is_unknown_by_every_name() -> None:
    view = View(DIRECTORY, Grant(["*", "!files:write"]))
    for alias in ("files__secret", "files:secret", "files__write", "files:write", "FILES__READ", "read"):
        assert view.resolve(Listing.TOOLS, alias) is None


def test_what_an_alias_means_does_not_depend_on_who_asks() -> None:
    plain, prefixed = tool("commit"), tool("git_commit")
    directory = Directory([Source("git", "git", None, ServerCatalog(tools=(plain, prefixed)))])
    hidden = View(directory, Grant(["*", "!git:commit"]))
    assert hidden.resolve(Listing.TOOLS, "git__git_commit") is not None
    assert hidden.resolve(Listing.TOOLS, "git:commit") is None
    two = Directory(
        [
            Source("a", "a", None, ServerCatalog(tools=(tool("b__c"),))),
            Source("a__b", "a__b", None, ServerCatalog(tools=(tool("c"),))),
        ]
    )
    assert View(two, Grant(["a__b"])).resolve(Listing.TOOLS, "a__b__c") is None


def test_a_name_of_a_server_not_listed_yet_is_one_it_may_be_called_by() -> None:
    late = Source("late", "late", NameFilter(allow=["late_*"]), None)
    view = View(Directory([late]), Grant(["*"]))
    assert view.could_be(Listing.TOOLS, "late:x") == [(late, "late_x")]
    assert view.could_be(Listing.PROMPTS, "late:x") == [(late, "x")]


scopes = st.lists(
    st.sampled_from(
        ["*", "files", "files:read", "files:r*", "!files:read", "git", "git:*", "!git", "g*", "!*:git_*", "@admin"]
    ),
    max_size=4,
)
aliases = st.builds(
    lambda server, mark, own: server + mark + own,
    st.sampled_from(["files", "git", "g", "Files", ""]),
    st.sampled_from(["__", ":", "_", ""]),
    st.sampled_from(["read", "write", "secret", "git_commit", "commit", "a.b", "a_b", "READ"]),
)


@given(scopes=scopes, alias=aliases)
def test_what_can_be_called_is_what_is_listed(scopes: list[str], alias: str) -> None:
    view = View(DIRECTORY, Grant(scopes))
    entry = view.resolve(Listing.TOOLS, alias)
    assert entry is None or entry.listed in names(view)


def test_a_uri_belongs_to_who_lists_it_or_a_template_it_matches() -> None:
    view = View(DIRECTORY, Grant(["*"]))
    for uri in ("file:///a", "file:///dir/x", "file:///dir/{name}"):
        owner = view.owner_of(uri)
        assert owner is FILES, uri
    assert view.owner_of("file:///b") is None


def test_a_uri_nobody_lists_may_be_asked_of_servers_with_resources_that_the_key_reaches() -> None:
    view = View(DIRECTORY, Grant(["*"]))
    assert [view.may_read(source, "file:///b") for source in (FILES, GIT, LATE)] == [True, False, True]
    assert not View(DIRECTORY, Grant(["git"])).may_read(FILES, "file:///b")


def test_a_server_not_listed_yet_may_own_names_with_its_prefix_if_the_key_reaches_it() -> None:
    directory = Directory([FILES, LATE])
    assert View(directory, Grant(["*"])).could_be(Listing.TOOLS, "late__x") == [(LATE, "x")]
    assert View(directory, Grant(["late:y"])).could_be(Listing.TOOLS, "late:x") == []
    assert View(directory, Grant(["*"])).could_be(Listing.TOOLS, "files__x") == []


TOLD = {"listChanged": True}


@pytest.mark.requirement("features.declared")
def test_capabilities_are_those_of_visible_servers_that_are_relayed() -> None:
    assert View(DIRECTORY, Grant(["*"])).capabilities == {
        "tools": TOLD,
        "resources": {**TOLD, "subscribe": True},
        "logging": {},
    }
    mute = msgspec.structs.replace(FILES, catalog=ServerCatalog(capabilities={"resources": msgspec.Raw(b"{}")}))
    assert View(Directory([mute]), Grant(["*"])).capabilities == {"resources": TOLD}
    assert View(DIRECTORY, Grant(["git"])).capabilities == {"tools": TOLD}
    assert set(View(Directory([LATE]), Grant(["*"])).capabilities) == {
        "tools", "prompts", "resources", "completions", "logging",
    }  # fmt: skip


def test_instructions_stand_under_the_name_their_tools_have() -> None:
    assert View(DIRECTORY, Grant(["*"])).instructions() == "# files\nRead before you write."
    assert not View(DIRECTORY, Grant(["git"])).instructions()


def test_counts_are_of_what_is_visible() -> None:
    assert View(DIRECTORY, Grant(["files:read"])).count("files", Listing.TOOLS) == 1
    assert repr(View(DIRECTORY, Grant([]))) == "<View 0 tools 0 prompts 0 resources 0 templates>"
