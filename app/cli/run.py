"""`python -m app run`: what scripts/run becomes once everything is set up. It prepares, and becomes `serve` itself.

Chooses the defaults of a person's own machine, makes the first key, and leaves a process behind that prints the
endpoint, the servers and the client configs (announce.py). May not serve anything: that is the launcher's.
"""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from pathlib import Path

from app.cli.announce import Greeting, announce
from app.cli.environment import environment
from app.config.settings import Settings, SettingsError, endpoint_url, load_settings

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
    """Becomes the launcher; returns only if that is not possible."""
    os.environ.update(choices(args, environment()))
    try:
        settings, _ = load_settings(environment(), terminal=sys.stdout.isatty())
    except SettingsError:
        # `serve` says it, with every problem at once.
        settings = None
    if settings is not None:
        _announce_beside(greeting(settings))
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "app", "serve"])


def choices(args: Namespace, env: Mapping[str, str]) -> dict[str, str]:
    """The variables to set: flags win over everything, our defaults over nothing."""
    chosen = {name: value for name, value in DEFAULTS.items() if not env.get(name, "").strip()}
    if args.lan:
        chosen["MCP_HOST"] = "0.0.0.0"
    if args.edge or args.no_edge:
        chosen["MCP_EDGE"] = "yes" if args.edge else "no"
    return chosen


def greeting(settings: Settings) -> Greeting:
    """What there is to say about the key; makes the first one where there is none."""
    url, data = endpoint_url(settings), Path(settings.data_dir)
    terminal = sys.stdout.isatty()
    if settings.disable_auth != "no" or settings.api_keys or settings.api_keys_path or Path(settings.keys_file).exists():
        ...


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
