"""What health and commands are told about servers. Public text only: raw output of a server never gets here."""

from datetime import UTC, datetime
from typing import Any

from app.config.identity import fingerprint, identity
from app.config.keyring import Principal
from app.gateway.gateway import Gateway
from app.gateway.generation import Generation
from app.relay.directory import NAMED, Listing
from app.relay.policy import Grant
from app.upstream.upstream import State

EVERYTHING = Grant(["*"])
# Clients put `mcp__NAME__` in front of a name, and model APIs take 64 characters.
LONG_NAME = 48


def server_details(generation: Generation, principal: Principal | None) -> dict[str, dict[str, Any]]:
    """State, tools, since when and why, for each server `principal` may see (None: all), in config order.

    A server that its entry keeps from running is there with its reason; one the user switched off is not.
    """
    grant = principal.grant if principal else EVERYTHING
    view = generation.view(grant)
    details: dict[str, dict[str, Any]] = {}
    for name, upstream in generation.upstreams.items():
        if not grant.on(name).sees:
            continue
        details[name] = {
            "state": upstream.state.value,
            "tools": view.count(name, Listing.TOOLS),
            "since": to_time(upstream.since),
        }
        if upstream.resting:
            details[name]["idle"] = True
        if upstream.reason:
            details[name]["fault"] = upstream.reason
    for server, since in generation.disabled_since.items():
        if not server.by_user and grant.on(server.name).sees:
            details[server.name] = {"state": "disabled", "tools": 0, "since": to_time(since), "fault": server.reason}
    position = {name: at for at, name in enumerate(generation.snapshot.order)}
    return dict(sorted(details.items(), key=lambda pair: position.get(pair[0], 0)))


def to_time(seconds: float) -> str:
    """Seconds since the epoch, as ISO 8601 in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def remarks(generation: Generation) -> list[str]:
    """What an operator should know about listed names: who lost one to whom, and which clients may find too long."""
    directory = generation.directory
    long = (
        f"{entry.source.server}: {name} has {len(name)} characters, and clients put a prefix of their own in front"
        for listing in NAMED
        for name, entry in directory.entries[listing].items()
        if len(name) > LONG_NAME
    )
    return [*directory.clashes, *long]


def running(generation: Generation) -> dict[str, tuple[str, str, str]]:
    """What `plan` compares a file with: identity, fingerprint and prefix of each entry that runs. For operators."""
    return {name: (identity(spec)[:16], fingerprint(spec), spec.prefix) for name, spec in generation.specs.items()}


def degraded(details: dict[str, dict[str, Any]]) -> bool:
    """Whether a server of `server_details` is down. One that is coming up for the first time is not."""
    return any(_is_down(found) or "rejected" in found for found in details.values())


def _is_down(found: dict[str, Any]) -> bool:
    if found["state"] == State.STARTING.value:
        return "fault" in found
    return found["state"] != State.READY.value and "idle" not in found


def ready(gateway: Gateway) -> str:
    """Why the gateway is not ready to serve; empty when it is."""
    if gateway.drain.begun:
        return "The gateway is stopping."
    current = gateway.current
    missing = [server.reason for server in current.snapshot.disabled if server.required]
    missing += [
        upstream.reason or f"Server '{name}' is {upstream.state.value}."
        for name, upstream in current.upstreams.items()
        if upstream.spec.required and not upstream.serving
    ]
    return f"Required servers do not serve: {' '.join(missing)}" if missing else ""
