"""How commands write, to people and to programs."""

import io
from contextlib import redirect_stdout

import pytest

from app.cli.show import fail, printable, write_table, write_text


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\n\ttext é", "plain\n\ttext é"),
        ("\x1b[31mred", "\N{REPLACEMENT CHARACTER}[31mred"),
        (
            "back\rover\x07\x9b1m\x7f",
            "back\N{REPLACEMENT CHARACTER}over" + "\N{REPLACEMENT CHARACTER}" * 2 + "1m\N{REPLACEMENT CHARACTER}",
        ),
    ],
)
def test_nothing_that_steers_a_terminal_is_left(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_failure_goes_to_standard_error_and_is_exit_code_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail("it \x1b broke") == 1
    assert capsys.readouterr() == ("", "mcp-proxy: it \N{REPLACEMENT CHARACTER} broke\n")


def test_text_for_a_program_is_left_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    write_text("\x1b[31mred")
    write_text("with its own end\n")
    assert capsys.readouterr().out == "\x1b[31mred\nwith its own end\n"


def test_text_for_a_terminal_is_cleaned() -> None:
    with redirect_stdout(Terminal()) as terminal:
        write_text("\x1b[31mred")
    assert terminal.getvalue() == "\N{REPLACEMENT CHARACTER}[31mred\n"


def test_a_table_for_a_program_has_a_line_per_row_whatever_is_in_a_cell(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(("a", "b"), [("one", "two\nlines\tand a tab"), ("three", "")])
    assert capsys.readouterr().out == "one\ttwo lines and a tab\nthree\t\n"


def test_a_table_for_a_terminal_has_headings_and_takes_markup_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(Terminal()) as terminal:
        write_table(("tool", "what"), [("a", "[bold]not markup[/bold]")])
    assert "tool" in terminal.getvalue()
    assert "[bold]not markup[/bold]" in terminal.getvalue()
