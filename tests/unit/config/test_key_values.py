"""Names of clients, scopes and times of the entries of keys."""

import pytest

from app.config.key_values import client_problem, parse_time, scope_problem


@pytest.mark.parametrize("text", ["1970-01-01T00:00:10Z", "1970-01-01t01:00:10.0+01:00", "1970-01-01 00:00:10z"])
def test_times_are_rfc_3339(text: str) -> None:
    assert parse_time(text) == 10.0


@pytest.mark.parametrize("text", ["1970-01-01", "1970-13-01T00:00:00Z", "10", "1970-01-01T00:00Z"])
def test_other_times_are_none(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    "scope", ["*", "files", "files:read_*", "!files:write_*", "f?les*:x", "@admin", "!@admin", "a:file:///x*"]
)
def test_scopes_are_globs_on_server_and_item(scope: str) -> None:
    assert scope_problem(scope) == ""


@pytest.mark.parametrize("scope", ["", "!", ":", "files:", ":read", "@other", "my files", "файлы", "!a b:c"])
def test_other_scopes_have_a_problem(scope: str) -> None:
    assert scope_problem(scope)


def test_a_client_has_a_printable_name() -> None:
    assert client_problem("Ann's laptop") == ""
    assert all(client_problem(name) for name in ("", "a\nb", "x" * 129))
