"""The one decision: what is listed is what can be called."""

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.relay.policy import Grant, NameFilter, decide, name_filter, to_regex


@pytest.mark.parametrize(
    ("scopes", "server", "item", "allowed"),
    [
        (["*"], "files", "read", True),
        ([], "files", "read", False),
        (["files"], "files", "read", True),
        (["files"], "files2", "read", False),
        (["files"], "xfiles", "read", False),
        (["files*"], "files2", "read", True),
        (["file?"], "files", "read", True),
        (["files:read_*"], "files", "read_text", True),
        (["files:read_*"], "files", "write_text", False),
        (["files:read_*"], "git", "read_text", False),
        (["*:read_*"], "git", "read_text", True),
        (["*", "!files:write_*"], "files", "write_text", False),
        (["*", "!files:write_*"], "files", "read_text", True),
        (["*", "!files:write_*"], "git", "write_text", True),
        (["!files:write_*", "*"], "files", "write_text", False),
        (["!files", "files", "files:*", "*"], "files", "read", False),
        (["*", "!*:delete_*"], "git", "delete_branch", False),
        (["*", "!*"], "git", "log", False),
        (["!files:write_*"], "files", "read", False),
        (["@admin"], "files", "read", False),
        (["*", "!@admin"], "files", "read", True),
        (["files:file:///srv/*"], "files", "file:///srv/u/x", True),
        (["files:file:///srv/*"], "files", "file:///etc/passwd", False),
        (["files"], "FILES", "read", False),
        (["files:read"], "files", "READ", False),
        (["files:re[a]d"], "files", "read", False),
        (["files:a.b"], "files", "axb", False),
        (["files:read*"], "files", "read\nmore", True),
        (["files:read"], "files", "read\n", False),
    ],
)
def test_scopes_say_what_may_be_used(scopes: list[str], server: str, item: str, allowed: bool) -> None:
    assert decide(Grant(scopes), server, None, item) is allowed


def test_missing_scopes_are_all() -> None:
    assert decide(Grant(), "any", None, "thing")


@pytest.mark.parametrize(
    ("scopes", "admin"), [(["*"], False), (["@admin"], True), (["*", "@admin"], True), (["@admin", "!@admin"], False)]
)
def test_admin_is_a_scope_of_its_own(scopes: list[str], admin: bool) -> None:
    assert Grant(scopes).admin is admin


@pytest.mark.parametrize(
    ("allow", "deny", "name", "passes"),
    [
        ((), (), "x", True),
        (("read_*",), (), "read_x", True),
        (("read_*",), (), "write_x", False),
        ((), ("*delete*",), "do_delete_it", False),
        (("*",), ("*delete*",), "delete", False),
        (("a", "b"), (), "b", True),
        (("a", "b"), (), "ab", False),
    ],
)
def test_a_filter_allows_and_deny_wins(allow: tuple[str, ...], deny: tuple[str, ...], name: str, passes: bool) -> None:
    assert NameFilter(allow, deny).passes(name) is passes


def test_a_filter_holds_for_tools_and_not_for_what_is_asked_without_it() -> None:
    tools = name_filter(("read_*",), ())
    assert not decide(Grant(), "files", tools, "write_x")
    assert decide(Grant(), "files", None, "write_x")
    assert not decide(Grant(["files:write_*"]), "files", tools, "read_x")
    assert name_filter((), ()) is None


@pytest.mark.parametrize(
    ("scopes", "sees"),
    [
        (["*"], True),
        (["files:x"], True),
        ([], False),
        (["git"], False),
        (["*", "!files"], False),
        (["*", "!files:x"], True),
    ],
)
def test_a_server_is_seen_when_something_of_it_could_be_used(scopes: list[str], sees: bool) -> None:
    assert Grant(scopes).on("files").sees is sees


def test_asking_about_names_without_end_fills_no_memory() -> None:
    grant = Grant(["files"])
    for number in range(3000):
        assert not grant.on(f"server{number}").sees
    assert grant.on("files").sees
    assert len(grant._servers) <= 1024


def test_a_grant_is_a_value() -> None:
    assert Grant(["a"]) == Grant(("a",))
    assert len({Grant(["a"]), Grant(["a"]), Grant(["b"])}) == 2
    assert repr(Grant(["a"])) == "Grant(['a'])"


def test_globs_full_of_stars_do_not_backtrack_without_bound() -> None:
    assert to_regex("*a" * 30 + "*b").match("a" * 5000) is None


NAMES = st.text("ab:_*", max_size=6)
GLOBS = st.text("ab_*?", max_size=6)


@given(GLOBS, NAMES)
def test_a_glob_means_what_it_means_to_a_shell(glob: str, name: str) -> None:
    assert (to_regex(glob).match(name) is not None) == fnmatchcase(name, glob)


SCOPES = st.lists(
    st.builds(
        lambda no, on, item: f"{no}{on}{item}", st.sampled_from(["", "!"]), GLOBS, st.just("") | GLOBS.map(":{}".format)
    ),
    max_size=5,
)


@given(SCOPES, st.sampled_from(["a", "ab", "b_"]), st.lists(NAMES, max_size=6, unique=True), GLOBS, GLOBS)
def test_what_is_listed_is_what_can_be_called(
    scopes: list[str], server: str, names: list[str], allow: str, deny: str
) -> None:
    tools = name_filter((allow,), (deny,))
    listing, calling = Grant(scopes), Grant(scopes)
    listed = [name for name in names if decide(listing, server, tools, name)]
    assert listed == [name for name in names if decide(calling, server, tools, name)]
    assert not listed or listing.on(server).sees


@given(SCOPES, GLOBS, st.sampled_from(["a", "ab", "b_"]), NAMES)
def test_a_scope_more_with_exclamation_never_grants_more(scopes: list[str], no: str, server: str, name: str) -> None:
    before = decide(Grant(scopes), server, None, name)
    assert not decide(Grant([*scopes, f"!{no}"]), server, None, name) or before
    assert not fnmatchcase(server, no) or not decide(Grant([*scopes, f"!{no}"]), server, None, name)
