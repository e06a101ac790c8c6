"""`check [FILE]`: what `serve` would say about settings, config and keys, all at once, without starting anything.

Reads with the code that serving reads with; adds what only a look ahead can say: names that will be too long, programs
that are not here, scopes that fit no server, and how many processes the pool modes may start (INTERFACE, Commands).
"""

import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.environment import environment, variable
from app.cli.show import printable
from app.config.programs import search_path

if TYPE_CHECKING:
    from app.config.keyring import Keyring
    from app.config.settings import Settings
    from app.config.snapshot import ServerSpec, Snapshot

SUMMARY = "check the config, the keys and the environment, with the code that serving uses"
# Clients put `mcp__NAME__` in front, and model APIs take 64 characters.
LONG_NAME = 48
# Beside the shared one, for clients that can be asked questions (upstream/interactive.py).
_INTERACTIVE = 4


class Findings:
    """Errors and warnings as lines, in the order they were found."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []

    def write(self) -> None:
        for label, lines in (("error", self.errors), ("warning", self.warnings)):
            for line in lines:
                print(f"{label}: {printable(line)}")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", metavar="FILE", help="the config; without it, the one that serve would take")


def run(args: Namespace) -> int:
    """0, or 1 with every error at once."""
    findings = Findings()
    env = environment()
    settings = _settings(env, findings, args.file)
    snapshot = _config(settings, env, findings)
    keyring = _keys(settings, findings)
    if snapshot is not None:
        findings.warnings += (line for spec in snapshot.servers for line in _ahead(spec, env))
        findings.warnings += _unmatched(snapshot, keyring)
        findings.warnings += _shared_prefixes(snapshot)
        if not args.file and not findings.errors:
            findings.warnings += _listed_now(env)
    findings.write()
    if snapshot is not None:
        _summarize(snapshot, keyring)
    sys.stdout.flush()
    count = len(findings.errors)
    if count:
        print(f"{count} error{'s' if count > 1 else ''}")
        return 1
    print("ok")
    return 0


def _settings(env: Mapping[str, str], findings: Findings, file: str | None) -> "Settings":
    from app.config.settings import Settings, SettingsError, load_settings

    chosen = dict(env) | ({"MCP_CONFIG_PATH": file} if file else {})
    try:
        settings, warnings = load_settings(chosen, terminal=sys.stdout.isatty())
    except SettingsError as error:
        findings.errors += error.problems
        # The rest is checked all the same, as far as it can be found.
        return Settings(
            config_path=file or variable(env, "MCP_CONFIG_PATH") or None,
            api_keys=variable(env, "MCP_API_KEYS"),
            api_keys_path=variable(env, "MCP_API_KEYS_PATH") or None,
            data_dir=variable(env, "MCP_DATA_DIR") or "./data",
        )
    findings.warnings += warnings
    return settings


def _config(settings: "Settings", env: Mapping[str, str], findings: Findings) -> "Snapshot | None":
    from app.gateway.sources import SourceError, read_config, to_line

    try:
        snapshot = read_config(settings, env)
    except SourceError as error:
        findings.errors += map(to_line, error.notices)
        return None
    for notice in snapshot.notices:
        (findings.errors if notice.error else findings.warnings).append(to_line(notice))
    return snapshot


def _keys(settings: "Settings", findings: Findings) -> "Keyring | None":
    from app.gateway.sources import SourceError, read_keys, to_line

    try:
        keyring, warnings = read_keys(settings)
    except SourceError as error:
        findings.errors += map(to_line, error.notices)
        return None
    findings.warnings += map(to_line, warnings)
    if not keyring.keys and settings.disable_auth == "no":
        findings.warnings.append("no API key: serve will not start (MCP_API_KEYS, MCP_API_KEYS_PATH, or `keys new`)")
    return keyring


def _ahead(spec: "ServerSpec", env: Mapping[str, str]) -> Iterator[str]:
    shortest = len(spec.prefix) + len("__") + 1
    if spec.prefix and shortest > LONG_NAME:
        yield (
            f"{spec.name}: its tools' names will be longer than {LONG_NAME} characters, and clients add their own "
            f'prefix: give it a shorter "prefix"'
        )
    if spec.remote:
        return
    cwd, command = Path(spec.cwd or ".").expanduser(), os.path.expanduser(spec.command)
    if not cwd.is_dir():
        yield f'{spec.name}: its "cwd" is no directory here'
    path = spec.env.get("PATH") or search_path(env.get("PATH"), sys.prefix)
    if not shutil.which(str(cwd / command) if "/" in command else command, path=path):
        yield f'{spec.name}: its "command" is not found here'


def _unmatched(snapshot: "Snapshot", keyring: "Keyring | None") -> Iterator[str]:
    from app.relay.policy import to_regex

    names = [server.name for server in (*snapshot.servers, *snapshot.disabled)]
    for key in keyring.keys if keyring else ():
        for scope in key.principal.grant.scopes if names else ():
            server = scope.removeprefix("!").partition(":")[0]
            if not server.startswith("@") and not any(to_regex(server).match(name) for name in names):
                yield f'{key.origin}: the scope "{scope}" fits no server'


def _shared_prefixes(snapshot: "Snapshot") -> Iterator[str]:
    first: dict[str, str] = {}
    for spec in snapshot.servers:
        owner = first.setdefault(spec.prefix, spec.name)
        if owner != spec.name:
            yield f"{spec.name}: has the prefix of {owner}: where names are equal, its own get a short hash"


def _listed_now(env: Mapping[str, str]) -> list[str]:
    """What the gateway that runs here says about the names its servers list: only it knows them."""
    from app.cli.endpoint import Endpoint, UnansweredError

    if variable(env, "MCP_ENDPOINT"):
        return []
    try:
        with Endpoint(env, None) as gateway:
            return gateway.remarks()
    except UnansweredError:
        return []


def _summarize(snapshot: "Snapshot", keyring: "Keyring | None") -> None:
    clients = len(keyring.clients) if keyring else 0
    print(f"{len(snapshot.servers)} of {len(snapshot.servers) + len(snapshot.disabled)} servers will run")
    for spec in snapshot.servers:
        print(f"  {spec.name}: {_sessions(spec, clients)}")
    for server in snapshot.disabled:
        print(f"  {server.name}: will not run: {printable(server.reason)}")


def _sessions(spec: "ServerSpec", clients: int) -> str:
    """How many processes (stdio) or sessions (remote) its pool mode may use."""
    from app.config.snapshot import MAX_SESSIONS

    most = {"auto": 1, "one": 1, "client": clients, "session": MAX_SESSIONS}[spec.pool]
    if spec.era == "mirror" and not spec.remote and spec.pool != "one":
        most *= 2
    if spec.pool in {"client", "session"}:
        most = min(most, MAX_SESSIONS) + 1  # one more lists what there is, for all
    elif spec.pool == "auto" and spec.era != "modern":
        most += _INTERACTIVE
    what = "session" if spec.remote else "process"
    plural = what if most == 1 else f"{what}{'es' if what == 'process' else 's'}"
    return f'pool "{spec.pool}", at most {most:,} {plural}'
