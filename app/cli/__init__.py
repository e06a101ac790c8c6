"""`python -m app …`: a table from a command's name to the module that does it, imported when it is asked for.

A command module has `SUMMARY` (one line), `add_arguments(parser)` and `run(args) -> int` (the exit code). `serve` is
the launcher, which lives as long as the gateway does: it is reached without argparse and without a framework.
INTERFACE: exit code 2 means the command line was wrong; what else a code means is the command's own.
"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from app import __version__

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

COMMANDS = {
    "serve": "app.serve.launcher",
    "nginx": "app.serve.edge",
    "check": "app.cli.check",
    "connect": "app.cli.connect",
    "tools": "app.cli.tools",
    "call": "app.cli.call",
    "doctor": "app.cli.doctor",
    "plan": "app.cli.plan",
    "keys": "app.cli.keys",
    "healthcheck": "app.cli.healthcheck",
    "schema": "app.cli.schema",
}
# What our own scripts call; not in the help.
INTERNAL = {"run": "app.cli.run"}
SERVE_SUMMARY = "run the gateway in the foreground"
WRONG_USAGE = 2


class Command(Protocol):
    """What a command module offers."""

    SUMMARY: str

    def add_arguments(self, parser: "ArgumentParser") -> None: ...

    def run(self, args: "Namespace") -> int: ...


class Launcher(Protocol):
    """What `app.serve.launcher` offers."""

    def main(self) -> int: ...


def main(argv: list[str]) -> int:
    """Runs the command that `argv` (without the program's name) asks for; out comes the exit code."""
    name, rest = (argv[0], argv[1:]) if argv else ("", [])
    if name in ("", "-h", "--help", "help"):
        sys.stdout.write(_help())
        return 0
    if name in ("-V", "--version", "version"):
        sys.stdout.write(f"mcp-proxy {__version__}\n")
        return 0
    if name == "serve":
        return _serve(rest)
    module = COMMANDS.get(name) or INTERNAL.get(name)
    if module is None:
        sys.stderr.write(f"{_unknown(name)}\n")
        return WRONG_USAGE
    return _run(name, cast(Command, import_module(module)), rest)


def _serve(rest: list[str]) -> int:
    if rest:
        asked = rest[0] in ("-h", "--help")
        text = f"usage: python -m app serve\n\n{SERVE_SUMMARY}; everything is set by MCP_* variables.\n"
        text += "" if asked else f"python -m app serve: error: unrecognized arguments: {' '.join(rest)}\n"
        (sys.stdout if asked else sys.stderr).write(text)
        return 0 if asked else WRONG_USAGE
    return cast(Launcher, import_module(COMMANDS["serve"])).main()


def _run(name: str, command: Command, rest: list[str]) -> int:
    from argparse import ArgumentParser

    parser = ArgumentParser(prog=f"python -m app {name}", description=command.SUMMARY)
    command.add_arguments(parser)
    try:
        code = command.run(parser.parse_args(rest))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # `… | head` closed our output; Python would complain again while it flushes at exit.
        sys.stdout = None  # pyright: ignore[reportAttributeAccessIssue] - the documented way to skip that flush
        return 0
    except KeyboardInterrupt:
        return 130


def _help() -> str:
    lines = ["usage: python -m app COMMAND [-h] …", ""]
    for name, module in COMMANDS.items():
        summary = SERVE_SUMMARY if name == "serve" else cast(Command, import_module(module)).SUMMARY
        lines.append(f"  {name:<12} {summary}")
    lines += ["", "  --version    print the version", "  COMMAND -h   what a command takes", ""]
    return "\n".join(lines)


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, COMMANDS, n=1)
    meant = f" Did you mean `{close[0]}`?" if close else f" There are: {', '.join(COMMANDS)}."
    return f"mcp-proxy: there is no command `{name}`.{meant}"
