"""`doctor [NAME]`: why a server or a tool is not there, asked over the control socket of the gateway on this machine.

Exit 1 when something that was asked about is not there, or, asked about nothing, when a server is down.
"""

import json
import sys
from argparse import ArgumentParser, Namespace
from difflib import get_close_matches
from itertools import groupby
from typing import Any, cast

from app.cli.endpoint import Endpoint, UnansweredError
from app.cli.environment import environment
from app.cli.show import fail, write_text
from app.cli.tools import add_as

SUMMARY = "say why a server or a tool is not there"
WELL = frozenset({"ready", "starting"})
STDERR_SHOWN = 20


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", default="", help="a server, or a tool as clients call it")
    parser.add_argument("--json", action="store_true", help="all that is known, as JSON")
    add_as(parser)


def run(args: Namespace) -> int:
    try:
        with Endpoint(environment(), args.client) as endpoint:
            found = endpoint.diagnose()
    except UnansweredError as error:
        return fail(str(error))
    if args.json:
        json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return 0
    servers = cast("list[dict[str, Any]]", found["servers"])
    lines, well = about(servers, args.name) if args.name else overview(servers, hiding=bool(args.client))
    write_text("\n".join(lines))
    return 0 if well else 1


def overview(servers: list[dict[str, Any]], *, hiding: bool) -> tuple[list[str], bool]:
    """A line for each server, and all there is to say of those that are not well; with `hiding`, each hidden tool."""
    lines = [line for server in servers for line in of_server(server, whole=not is_well(server))]
    if hiding:
        lines += [
            f"{tool['name']} is hidden: {tool['hidden']}"
            for server in servers
            for tool in server["tools"]
            if tool["hidden"]
        ]
    return lines or ["There is no server in the config."], all(is_well(server) for server in servers)


def about(servers: list[dict[str, Any]], name: str) -> tuple[list[str], bool]:
    """What there is to say of the server or the tool of this name, and whether it is there."""
    for server in servers:
        if server["name"] == name:
            return of_server(server, whole=True), is_well(server)
    for server in servers:
        for tool in server["tools"]:
            if name in {tool["name"], f"{server['name']}:{tool['own']}", f"{server['name']}__{tool['own']}"}:
                if tool["hidden"]:
                    return [f"{tool['name']} is hidden: {tool['hidden']}"], False
                told = "is listed" if is_well(server) else "is listed, but its server does not serve"
                return [f"{tool['name']} {told}.", *of_server(server, whole=not is_well(server))], is_well(server)
    return of_unknown(servers, name), False


def of_unknown(servers: list[dict[str, Any]], name: str) -> list[str]:
    names = [server["name"] for server in servers] + [tool["name"] for server in servers for tool in server["tools"]]
    close = get_close_matches(name.replace(":", "__"), names, n=1)
    lines = [f"No server and no tool is called {name}." + (f" Did you mean {close[0]}?" if close else "")]
    owner = next((s for s in servers if name.replace(":", "__").startswith(f"{s['name']}__")), None)
    if owner and not owner.get("listed"):
        lines.append(f"{owner['name']} has not been listed yet:")
    return lines + (of_server(owner, whole=not is_well(owner)) if owner else [])


def of_server(server: dict[str, Any], *, whole: bool) -> list[str]:
    """One line, or with `whole` everything."""
    state = "idle, starts with the next call" if server.get("idle") else server["state"]
    since = f" since {server['since']}" if server.get("since") else ""
    hidden = sum(bool(tool["hidden"]) for tool in server["tools"])
    tools = f", {len(server['tools'])} tools" + (f" ({hidden} hidden)" if hidden else "")
    lines = [f"{server['name']}: {state}{since}{tools}"]
    if server["reason"]:
        lines.append(f"  {server['reason']}")
    if not whole:
        return lines
    if server.get("next_attempt") is not None:
        lines.append(f"  next attempt in {server['next_attempt']:g} s")
    for title, found in (("last ends", _ends(server)), ("last lines it wrote", _folded(server.get("stderr", [])))):
        if found:
            lines += [f"  {title}:", *(f"    {line}" for line in found[-STDERR_SHOWN:])]
    return lines


def _ends(server: dict[str, Any]) -> list[str]:
    ends: list[str] = []
    for (reason, detail), alike in groupby(server.get("exits", []), key=lambda one: (one["reason"], one["detail"])):
        first, *more = alike
        last = more[-1] if more else first
        times = f", {len(more) + 1} times since {first['at']}" if more else ""
        ends.append(f"{last['at']} after {last['served']:g} s of service{times}: {reason}")
        if detail:
            ends.append(f"  {detail}")
    return ends


def _folded(lines: list[str]) -> list[str]:
    """Equal lines that follow each other as one: a server that starts again and again says the same each time."""
    runs = ((line, sum(1 for _ in alike)) for line, alike in groupby(lines))
    return [f"{line} ({times} times)" if times > 1 else line for line, times in runs]


def is_well(server: dict[str, Any]) -> bool:
    """Whether nothing is wrong that anybody has noticed."""
    return bool(server.get("idle")) or (server["state"] in WELL and not server["reason"])
