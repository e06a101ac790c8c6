"""A program: orphans of a server that crashes while an older one runs, and time for them to be found. Prints pids."""

import sys
from pathlib import Path

import anyio

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from app.upstream.upstream import State
from tests.support.upstreams import alive, ask, fails, gone, lease_of, reaches, running, wayward


async def main() -> None:
    async with running(wayward("older"), wayward(), adopt_orphans=True) as [older, server]:
        theirs = await lease_of(older)
        kept = await ask(theirs, "orphan"), await ask(theirs, "grandchild")
        lease = await lease_of(server)
        pids = await ask(lease, "orphan"), await ask(lease, "grandchild")
        await fails(lease, "crash")
        await reaches(server, State.READY)
        await gone(*map(int, pids))
        assert all(alive(int(pid)) for pid in kept), "what another server left behind is its own"
    print(*pids, *kept)


anyio.run(main)
