"""Why a server or a tool is not there, for the person who runs the gateway alone: output of servers is in it.

Without the credentials that the config gave them: what `doctor` prints is pasted where help is asked for.

The public words are `status.py`'s. Knows no wire.
"""

from typing import Any

from app.config.keyring import Principal
from app.config.masking import without_secrets
from app.config.snapshot import DisabledServer, ServerSpec, ToolFilter
from app.gateway.generation import Generation
from app.gateway.status import to_time
from app.relay.names import listed_name
from app.relay.policy import to_regex
from app.upstream.upstream import Exit, Upstream


def diagnosis(generation: Generation, client: Principal | None) -> dict[str, Any]:
    """Every server with its tools, each with what hides it: from everybody, or from `client` where one is named."""
    found = [_of_server(spec, generation.upstreams[spec.name], client) for spec in generation.snapshot.servers]
    found += [_of_disabled(server, since) for server, since in generation.disabled_since.items()]
    position = {name: at for at, name in enumerate(generation.snapshot.order)}
    found.sort(key=lambda server: position.get(server["name"], 0))
    body: dict[str, Any] = {"servers": found}
    if client:
        body["client"] = {"id": client.client_id, "scopes": list(client.grant.scopes)}
    return body


def _of_server(spec: ServerSpec, upstream: Upstream, client: Principal | None) -> dict[str, Any]:
    due = upstream.next_attempt
    tools = upstream.catalog.tools if upstream.catalog else ()
    return {
        "name": spec.name,
        "state": upstream.state.value,
        "idle": upstream.resting,
        "since": to_time(upstream.since),
        "reason": upstream.reason,
        "next_attempt": None if due is None else round(due, 1),
        "exits": [_exit(one, spec) for one in upstream.exits],
        "stderr": [without_secrets(line, spec) for line in upstream.stderr_tail],
        "listed": upstream.catalog is not None,
        "tools": [
            {"name": listed_name(spec.prefix, item.key), "own": item.key, "hidden": what_hides(spec, item.key, client)}
            for item in tools
        ],
    }


def _of_disabled(server: DisabledServer, since: float) -> dict[str, Any]:
    return {"name": server.name, "state": "disabled", "since": to_time(since), "reason": server.reason, "tools": []}


def _exit(one: Exit, spec: ServerSpec) -> dict[str, Any]:
    detail = without_secrets(one.detail, spec)
    return {"at": to_time(one.at), "reason": one.reason, "served": one.lived, "code": one.code, "detail": detail}


def what_hides(spec: ServerSpec, item: str, client: Principal | None) -> str:
    """The rule that keeps a tool (its own name) out of the lists, in words; empty where none does."""
    hidden = _by_filter(spec.tools, item)
    return hidden or (_by_scopes(client, spec.name, item) if client else "")


def _by_filter(tools: ToolFilter, item: str) -> str:
    denied = next((glob for glob in tools.deny if to_regex(glob).match(item)), None)
    if denied is not None:
        return f'the server\'s "tools" deny "{denied}"'
    if tools.allow and not any(to_regex(glob).match(item) for glob in tools.allow):
        return 'no glob of the server\'s "tools" allows it'
    return ""


def _by_scopes(client: Principal, server: str, item: str) -> str:
    if client.grant.on(server).allows(item):
        return ""
    for scope in client.grant.scopes:
        on, colon, glob = scope.removeprefix("!").partition(":")
        if scope.startswith("!") and to_regex(on).match(server) and to_regex(glob if colon else "*").match(item):
            return f'the scope "{scope}" of client "{client.client_id}"'
    return f'no scope of client "{client.client_id}" allows it'
