"""`python -m app COMMAND`: hands over to `app.cli`. Imports nothing else, so that each command loads only its own."""

import sys

from app.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
