"""`python -m app COMMAND`: hands over to `app.cli`. Imports nothing else, so that each command loads only its own."""

import os
import sys
from io import TextIOWrapper

from app.cli import main

if __name__ == "__main__":
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            # Closed by whoever starts us: the next file or socket would get its number, and what is printed.
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "w" if number else "r", encoding="utf-8", closefd=False))  # noqa: SIM115 - for good
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale may not have what a message holds: an ellipsis, or a name that the user gave.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
