"""`scripts/soak`: ten minutes of reloads, crashes and hanging servers under a load of calls, and what has grown.

Exit 1 if memory grew by 5 MB after the first minute, or tasks or descriptors at all, or a call of a calm server failed.
"""

import argparse
import asyncio
import sys

from tests.soak.soak import soak

WARM_UP = 60.0
LEAST = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long in all (600, at least 120)")
    seconds = parser.parse_args().seconds
    if seconds < LEAST:
        parser.error(f"--seconds must be at least {LEAST:g}: the first minute is not counted")
    rounds = int(seconds // WARM_UP) - 1
    found = asyncio.run(soak(WARM_UP, rounds, (seconds - WARM_UP) / rounds, lambda line: print(line, flush=True)))
    print(f"Memory grew by {found.growth_mb:.1f} MB after the first minute. {found.verdict or 'Nothing else grew.'}")
    return 1 if found.verdict else 0


if __name__ == "__main__":
    sys.exit(main())
