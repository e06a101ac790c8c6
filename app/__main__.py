"""`python -m app COMMAND`: hands over to `app.cli`. Imports nothing else, so that each command loads only its own."""

import sys
from io import TextIOWrapper

from app.cli import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A locale may not have what a message holds: an ellipsis, or a name that the user gave.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main(sys.argv[1:]))
