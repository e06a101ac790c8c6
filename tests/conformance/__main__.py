"""`scripts/conformance`: the official suite against bare everything servers and through the gateway, side by side.

Exit 1 if a required scenario falls short of the bare server and absent.yaml does not say why.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from tests.conformance import suite
from tests.conformance.compare import report, shortfall, tally
from tests.conformance.everything import Everything, Server, all_running
from tests.conformance.runs import Bare, compared, direct, gateway_with


async def run_direct(servers: dict[Server, int], folder: Path) -> int:
    short = 0
    for server, port in servers.items():
        if not isinstance(server, Everything):
            continue
        for revision in server.revisions:
            results = await direct(server, port, revision, folder)
            required = {name: results.get(name, []) for name in suite.required(revision)}
            missing = {name: why for name, found in required.items() if (why := shortfall([], found))}
            passed, checks = tally(required, missing)
            print(f"{server.title}, {revision}: direct {passed} of {len(required)} ({checks} checks)", flush=True)
            short += len(missing)
    return 1 if short else 0


async def run_compared(servers: dict[Server, int], folder: Path, *, edge: bool) -> int:
    failing = 0
    bare = Bare(servers, folder)
    with gateway_with(servers, edge=edge) as gateway:
        for server in servers:
            for revision in server.revisions:
                found = await compared(server, bare, gateway, revision)
                print(report(server.title, found), flush=True)
                failing += len(found.failing)
    return 1 if failing else 0


async def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("--direct", action="store_true", help="the bare servers alone")
    parser.add_argument("--keep", type=Path, help="keep what the suite writes in this folder")
    parser.add_argument("--no-edge", action="store_true", help="without nginx in front of the gateway")
    args = parser.parse_args()
    with all_running() as servers, tempfile.TemporaryDirectory(prefix="conformance-") as scratch:
        folder = args.keep or Path(scratch)
        if args.direct:
            return await run_direct(servers, folder)
        return await run_compared(servers, folder, edge=not args.no_edge)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
