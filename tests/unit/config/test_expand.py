"""Variables in strings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.expand import expand

ENV = {"HOME": "/srv/u", "EMPTY": "", "TOKEN": "s3cret", "DOLLAR": "${HOME}"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain $HOME {x}", "plain $HOME {x}"),
        ("${HOME}", "/srv/u"),
        ("a${HOME}b${EMPTY}c", "a/srv/ubc"),
        ("${env:HOME}", "/srv/u"),
        ("${NOPE:-x y}", "x y"),
        ("${NOPE:-}", ""),
        ("${EMPTY:-x}", "x"),
        ("${HOME:-x}", "/srv/u"),
        ("${env:NOPE:-x}", "x"),
        ("${NOPE:-${HOME}}/y", "/srv/u/y"),
        ("${NOPE:-${NADA:-z}}", "z"),
        ("${DOLLAR}", "${HOME}"),
    ],
)
def test_variables_and_defaults_are_put_in_once(text: str, value: str) -> None:
    result = expand(text, ENV)
    assert (result.text, result.problem, result.odd) == (value, "", "")


def test_a_missing_variable_is_named_with_what_to_do() -> None:
    result = expand("x${NOPE}", ENV)
    assert result.problem == "the environment variable NOPE is not set"
    assert result.hint == "set it, or write ${NOPE:-default}"


@pytest.mark.parametrize("text", ["${input:token}", "${prompt:x}", "a ${command:b.c} d"])
def test_what_an_editor_would_ask_for_is_a_problem(text: str) -> None:
    assert "nobody is there to answer" in expand(text, ENV).problem


def test_an_editor_s_own_variable_is_told_apart_from_a_missing_one() -> None:
    assert "an editor's variable" in expand("${workspaceFolder}/x", ENV).problem


@pytest.mark.parametrize("text", ["${1+2}", "${", "a ${b c} d", "${#list[@]}", "${HOME"])
def test_what_is_no_variable_stays_and_is_said(text: str) -> None:
    result = expand(text, ENV)
    assert (result.text, result.problem) == (text, "")
    assert "left as it is" in result.odd


def test_a_default_is_not_shown_in_messages() -> None:
    result = expand("${a b:-s3cret}", ENV)
    assert "s3cret" not in result.odd


@given(st.text("${}:-ab_ env", max_size=40))
def test_never_raises_and_never_changes_text_without_a_reference(text: str) -> None:
    result = expand(text, {})
    if "${" not in text:
        assert result.text == text


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("${NOPE}", True),
        ("${NOPE} ${NADA} ${HOME}", True),
        ("${NOPE:-${NADA}}", True),
        ("${workspaceFolder}/x", True),
        ("${HOME}", False),
        ("${input:key}", False),
        ("${NOPE} ${input:key}", False),
    ],
)
def test_a_variable_that_is_not_set_is_told_from_every_other_problem(text: str, missing: bool) -> None:
    assert expand(text, ENV).missing is missing
