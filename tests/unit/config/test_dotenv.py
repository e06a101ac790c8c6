"""`.env` files as Compose and shells read them."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.config.dotenv import DotenvError, parse_dotenv, unreadable


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A=1", {"A": "1"}),
        ("A=1\nB = two words \n", {"A": "1", "B": "two words"}),
        ("export A=1\n", {"A": "1"}),
        ("# comment\n\n  # another\nA=1", {"A": "1"}),
        ("A=1 # comment", {"A": "1"}),
        ("A=# comment", {"A": ""}),
        ("A=a#b", {"A": "a#b"}),
        ("A=", {"A": ""}),
        ("A='it # is $X \\n'", {"A": "it # is $X \\n"}),
        ('A="x\\ty \\"z\\" \\\\ \\$" # c', {"A": 'x\ty "z" \\ $'}),
        ('A="two\nlines"\nB=1', {"A": "two\nlines", "B": "1"}),
        ("A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1", {"A": "1"}),
        ("A=1\nA=2", {"A": "2"}),
        ("A=k$ey:client", {"A": "k$ey:client"}),
        ("A=https://x/?a=b", {"A": "https://x/?a=b"}),
        ("", {}),
    ],
)
def test_reads_names_quotes_comments_and_export(text: str, found: dict[str, str]) -> None:
    assert parse_dotenv(text) == found


@pytest.mark.parametrize("line", ["s3cret", "=s3cret", "A B=s3cret", "A='s3cret", 'A="s3cret" more', "1A=s3cret"])
def test_a_line_it_cannot_read_is_named_by_its_number_and_not_quoted(line: str) -> None:
    with pytest.raises(DotenvError) as caught:
        parse_dotenv(f"# one\nX=1\n{line}\n")
    assert ".env:3:" in str(caught.value)
    assert "s3cret" not in str(caught.value)


@given(st.text(max_size=60))
def test_raises_nothing_else_on_any_text(text: str) -> None:
    with suppress(DotenvError):
        parse_dotenv(text)


def test_a_file_that_cannot_be_read_is_said_so_in_words(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "utf-16").write_text("A=1", encoding="utf-16")
    (tmp_path / "words").write_text("A=1\nno words\n")
    for name in (".", "utf-16", "words"):
        try:
            parse_dotenv((tmp_path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            said.append(unreadable(error))
    assert [text.partition(":")[0] for text in said] == [".env cannot be read", ".env is not UTF-8", ".env"]
    assert said[0].endswith("Is a directory")
    assert said[2].startswith(".env:2: ")
