"""A program: a server that would ignore every polite end, and then SIGKILL for ourselves. Prints its pid."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.upstreams import ask, lease_of, running, wayward


async def main() -> None:
    async with running(wayward("stubborn", "--stubborn")) as [server]:
        found = json.loads(await ask(await lease_of(server), "descriptors"))
        print(found["pid"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


anyio.run(main)
