"""`python -m app run`: what scripts/run becomes once everything is set up. It prepares, and becomes `serve` itself.

Chooses the defaults of a person's own machine, makes the first key, and leaves a process behind that prints the
endpoint, the servers and the client configs (announce.py). May not serve anything: that is the launcher's.
"""

import os
import socket
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from app.cli.announce import Greeting, announce
from app.cli.connect import HIDDEN_PREFIX, NO_KEY, NO_PREFIX, key_for
from app.cli.environment import CONTROL_SOCKET, environment, settings, shown
from app.cli.healthcheck import listener
from app.cli.offline import cached_only
from app.cli.show import fail
from app.config.settings import Settings, endpoint_url

SUMMARY = "what scripts/run calls: make the first key, print what clients need, and serve"

# INTERFACE, Environment: what differs from `serve`. Both give way to the environment and to .env.
DEFAULTS = {"MCP_HOST": "127.0.0.1", "MCP_LIVE_RELOAD": "true"}
FIRST_KEY = "first-key"
FIRST_CLIENT = "default"


def add_arguments(parser: ArgumentParser) -> None:
    edge = parser.add_mutually_exclusive_group()
    edge.add_argument("--edge", action="store_true", help="nginx in front, or stop")
    edge.add_argument("--no-edge", action="store_true", help="no nginx, even where there is one")
    parser.add_argument("--lan", action="store_true", help="listen on all addresses")


def run(args: Namespace) -> int:
    """Becomes the launcher; returns only if it cannot."""
    from app.gateway.keys_file import KeysFileError

    os.environ.update(choices(args, environment()))
    if without := cached_only(environment()):
        print("No network: uvx and npx use what they have cached", flush=True)
        os.environ.update(without)
    env = environment()
    known = settings(env)
    if _is_taken(listener(env)):
        # As the launcher says it; but by then a first key is made, and whatever serves there is taken for ours.
        where = f"{known.host}:{known.port} (MCP_HOST, MCP_PORT)"
        return fail(f"cannot listen on {where}: it is in use: set MCP_PORT to a free one, or stop what listens there")
    try:
        words = greeting(known, env, terminal=sys.stdout.isatty())
    except (KeysFileError, OSError) as error:
        return fail(f"the first key cannot be stored: {error}. Set MCP_DATA_DIR to a directory of yours.")
    sys.stdout.flush()
    _announce_beside(words)
    return _serve()


def _is_taken(address: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=1.0):
        return True
    return False


def _serve() -> NoReturn:
    os.execv(sys.executable, [sys.executable, "-m", "app", "serve"])


def choices(args: Namespace, env: Mapping[str, str]) -> dict[str, str]:
    """The variables to set: flags win over everything, our defaults over nothing."""
    chosen = {name: value for name, value in DEFAULTS.items() if not env.get(name, "").strip()}
    if args.lan:
        chosen["MCP_HOST"] = "0.0.0.0"
    if args.edge or args.no_edge:
        chosen["MCP_EDGE"] = "yes" if args.edge else "no"
    return chosen


def greeting(known: Settings, env: Mapping[str, str], *, terminal: bool) -> Greeting:
    """What there is to say, the first key made if there is none. Raises `KeysFileError` and `OSError`.

    A key in plain text goes to a terminal alone (`terminal`), else into a file that is its owner's.
    """
    key, about = _key(known, env, terminal=terminal)
    url = shown(endpoint_url(known), known.path_prefixes, NO_PREFIX, terminal=terminal)
    if known.path_prefixes and not terminal:
        about = f"{about}\n{HIDDEN_PREFIX}"
    return Greeting(url, Path(known.data_dir, CONTROL_SOCKET).absolute(), key, listener(env), about)


def _key(known: Settings, env: Mapping[str, str], *, terminal: bool) -> tuple[str, str]:
    from app.gateway.keys_file import add_key

    if known.disable_auth != "no":
        return NO_KEY, "Auth is disabled (MCP_DISABLE_AUTH): leave the key out, or put anything in its place."
    if known.api_keys:
        return key_for(env, None, shown=terminal)
    left = Path(known.data_dir, FIRST_KEY)
    if known.api_keys_path or Path(known.keys_file).exists():
        here = f"; the first one is in {left}" if left.exists() else ""
        return NO_KEY, f"Keys are stored as hashes{here}. A new one: .venv/bin/python -m app keys new NAME"
    key = add_key(Path(known.keys_file), FIRST_CLIENT)
    if terminal:
        return key, f"The key in them is shown this once (only its hash is kept, in {known.keys_file}): {key}"
    left.unlink(missing_ok=True)
    with os.fdopen(os.open(left, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{key}\n")
    return NO_KEY, f"Put the key of {left} in place of {NO_KEY}, and delete that file: only the key's hash is kept."


def _announce_beside(words: Greeting) -> None:
    """Starts a process that is not our child (what we become minds its children) and ends when we do."""
    launcher = os.getpid()
    if os.fork():
        os.wait()
        return
    if os.fork():
        os._exit(0)
    try:
        announce(words, launcher)
    except KeyboardInterrupt:
        pass
    finally:
        os._exit(0)
