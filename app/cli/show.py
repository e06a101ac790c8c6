"""How commands write: for people on a terminal, for programs otherwise. No secret comes through here."""

import re
import sys
from collections.abc import Sequence

# What a server sends could steer a terminal: everything but tab and newline of C0, and C1.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def fail(message: str) -> int:
    """Says why on standard error; the exit code 1 comes out."""
    sys.stdout.flush()
    sys.stderr.write(f"mcp-proxy: {printable(message)}\n")
    return 1


def printable(text: str) -> str:
    """`text` without what would steer a terminal."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def write_text(text: str) -> None:
    """To standard output, ending in a newline; cleaned only where a terminal reads it."""
    shown = printable(text) if sys.stdout.isatty() else text
    sys.stdout.write(shown if shown.endswith("\n") else f"{shown}\n")


def write_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on a terminal; tab-separated lines without headings elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            sys.stdout.write("\t".join(" ".join(cell.split()) for cell in row) + "\n")
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, no_wrap=place == 0, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    Console().print(table)
