"""A program: a server that does not see its input end, and then SIGKILL for ourselves. Prints the server's pid."""

import json
import os
import signal
import sys
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from tests.support.upstreams import ask, lease_of, running, start, wayward


async def main() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        found = json.loads(await ask(lease, "descriptors"))
        start(lease, "deaf")
        # Time for the server to take it and fall asleep: it must not be reading when we die.
        await anyio.sleep(0.2)
        print(found["pid"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


anyio.run(main)
