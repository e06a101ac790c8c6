"""`plan [FILE]`: what applying a config would start, stop and keep, and what it means for each client's tools.

Compares with the gateway that runs here, asked over its control socket; where none runs, with the config that serving
would take. Starts nothing: what a server lists is known from what it listed last, here or in the data directory; one
that is started anew may list its tools otherwise (INTERFACE, Commands).
"""

import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from app.cli.endpoint import Endpoint, UnansweredError
from app.cli.environment import environment, settings
from app.cli.show import fail, printable
from app.config.identity import fingerprint, identity
from app.config.plan import Plan, make_plan, refusals
from app.relay.names import listed_name
from app.relay.policy import Grant, decide, name_filter

if TYPE_CHECKING:
    from app.config.settings import Settings
    from app.config.snapshot import ServerSpec, Snapshot

SUMMARY = "what a changed config would start, stop and keep, and which tools clients gain, lose or may see changed"
WORDS = {
    "keep": "untouched",
    "retune": "tuned while it runs",
    "start": "started",
    "change": "started anew, and swapped once it is ready",
    "stop": "stopped, once its calls are over",
}


class Live(NamedTuple):
    """A server of the running gateway, as health tells it."""

    identity: str
    entry: str
    prefix: str


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="the config; without it, the one that serve would take")


def run(args: Namespace) -> int:
    """0, or 1 where the file would be rejected."""
    from app.gateway.sources import SourceError, read_config, to_line

    env = environment()
    chosen = settings(env)
    try:
        wanted = read_config(replace(chosen, config_path=args.file or chosen.config_path), env)
    except SourceError as error:
        return fail(f"it would be rejected, and nothing changes:\n{error}")
    if refused := refusals(wanted):
        return fail("it would be rejected, and nothing changes:\n" + "\n".join(map(to_line, refused)))
    # What runs here is asked, whatever gateway `tools` and `call` are pointed at.
    here = {name: value for name, value in env.items() if name != "MCP_ENDPOINT"}
    try:
        running = _running(here)
    except UnansweredError:
        _write(wanted, _offline(chosen, args.file, env, wanted))
        return 0
    plan = _against(running, wanted)
    _write(wanted, plan)
    try:
        for line in _clients(here, chosen, plan, running, wanted):
            print(printable(line))
    except UnansweredError as error:
        return fail(str(error))
    return 0


def _running(env: Mapping[str, str]) -> dict[str, Live]:
    with Endpoint(env, None) as endpoint:
        found = endpoint.get("/health").get("running")
    if not isinstance(found, dict):
        raise UnansweredError("The gateway does not say what it runs: is it of another version?")
    return {str(name): Live(*map(str, parts)) for name, parts in found.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON of our own


def _offline(chosen: "Settings", file: str | None, env: Mapping[str, str], wanted: "Snapshot") -> Plan:
    from app.gateway.sources import SourceError, find_config, read_config

    try:
        known = find_config(chosen.config_path)
        before = read_config(chosen, env).servers if file and not _same(str(known), file) else ()
    except SourceError:
        before = ()
    print("No gateway runs here: " + ("compared with the config it would take." if before else "all would be started."))
    return make_plan(before, wanted.servers)


def _same(one: str, other: str) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _against(running: Mapping[str, Live], wanted: "Snapshot") -> Plan:
    found: dict[str, list[str]] = {verb: [] for verb in WORDS}
    for spec in wanted.servers:
        found[_verb(running.get(spec.name), spec)].append(spec.name)
    names = {spec.name for spec in wanted.servers}
    found["stop"] = [name for name in running if name not in names]
    return Plan(**{verb: tuple(names) for verb, names in found.items()})


def _verb(live: Live | None, spec: "ServerSpec") -> str:
    if live is None:
        return "start"
    if live.entry == fingerprint(spec):
        return "keep"
    return "retune" if identity(spec).startswith(live.identity) else "change"


def _write(wanted: "Snapshot", plan: Plan) -> None:
    for verb, meaning in WORDS.items():
        for name in getattr(plan, verb):
            print(printable(f"{verb:<8} {name}: {meaning}"))
    for server in wanted.disabled:
        print(printable(f"{'off':<8} {server.name}: {server.reason}"))


def _clients(
    env: Mapping[str, str], chosen: "Settings", plan: Plan, running: Mapping[str, Live], wanted: "Snapshot"
) -> Iterator[str]:
    from app.gateway.sources import read_keys

    keyring, _ = read_keys(chosen)
    grants: dict[str, Grant] = {}
    for key in keyring.keys:
        if key.until > time.time():
            grants.setdefault(key.principal.client_id, key.principal.grant)
    everybody: dict[str | None, Grant] = {None: Grant(["*"])} if not grants else {**grants}
    specs = {spec.name: spec for spec in wanted.servers}
    for client, grant in everybody.items():
        found = Changes()
        for name in (*plan.retune, *plan.change, *plan.stop, *plan.start):
            if not grant.on(name).sees:
                continue
            here = _tools(env, client, name) if name in running else []
            before = {listed_name(running[name].prefix, tool) for tool in here}
            kept = _kept(chosen, specs[name]) if name in specs else None
            own = kept if kept is not None else here
            after = _listed(specs[name], grant, own) if name in specs else set[str]()
            found.gains += sorted(after - before)
            found.loses += sorted(before - after)
            if name in plan.change:
                found.changed += sorted(before & after)
            if name in plan.change or (name in plan.start and kept is None):
                found.later.append(name)
        yield from _lines(client or "everybody", found)


class Changes:
    """What an edit means for one client: names of tools, and (`later`) of servers whose lists are not known yet."""

    def __init__(self) -> None:
        self.gains: list[str] = []
        self.loses: list[str] = []
        self.changed: list[str] = []
        self.later: list[str] = []


def _kept(chosen: "Settings", spec: "ServerSpec") -> list[str] | None:
    """The names of all tools that a server of this very entry listed last; None where nobody knows."""
    from app.gateway.sources import listed_last

    catalog = listed_last(chosen, spec)
    return [tool.key for tool in catalog.tools] if catalog else None


def _listed(spec: "ServerSpec", grant: Grant, own: list[str]) -> set[str]:
    rule = name_filter(spec.tools.allow, spec.tools.deny)
    return {listed_name(spec.prefix, tool) for tool in own if decide(grant, spec.name, rule, tool)}


def _lines(client: str, found: Changes) -> Iterator[str]:
    if not (found.gains or found.loses or found.changed or found.later):
        yield f"{client}: no change"
    for words, names in (("gains", found.gains), ("loses", found.loses), ("may see changed", found.changed)):
        if names:
            yield f"{client}: {words} {' '.join(names)}"
    if found.later:
        yield f"{client}: sees what {' '.join(found.later)} will list, which is known once it runs"


def _tools(env: Mapping[str, str], client: str | None, server: str) -> list[str]:
    """The names of a server's tools as it has them, as far as the client may use them now."""
    with Endpoint(env, client) as endpoint:
        endpoint.url = f"http://localhost/servers/{server}/mcp"
        return [str(tool.get("name", "")) for tool in endpoint.listed("tools/list", "tools")]
