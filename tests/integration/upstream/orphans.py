"""A program: two orphans of a server that crashes, then time for them to be found. Prints their pids."""

import sys
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from app.upstream.upstream import State
from tests.support.upstreams import ask, fails, lease_of, reaches, running, wayward


async def main() -> None:
    async with running(wayward(), adopt_orphans=True) as [server]:
        lease = await lease_of(server)
        pids = await ask(lease, "orphan"), await ask(lease, "grandchild")
        await fails(lease, "crash")
        await reaches(server, State.READY)
    print(*pids)


anyio.run(main)
