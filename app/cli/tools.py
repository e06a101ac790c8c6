"""`tools`: what a client of this gateway can call, as the gateway itself lists it."""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace

from app.cli.endpoint import Endpoint, Object, UnansweredError
from app.cli.environment import environment
from app.cli.show import fail, write_table

SUMMARY = "list the tools, as a client sees them"


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the whole list as JSON")
    add_as(parser)


def add_as(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--as",
        dest="client",
        metavar="CLIENT",
        type=_client,
        help="as this client sees it (on the gateway's own machine only)",
    )


def _client(name: str) -> str:
    # An empty one, from a variable that is not set, must not become the operator's view of everything.
    if not name or not name.isprintable():
        raise ArgumentTypeError("a client's name is printable and not empty: `python -m app keys list` shows them")
    return name


def run(args: Namespace) -> int:
    try:
        with Endpoint(environment(), args.client) as endpoint:
            tools = endpoint.listed("tools/list", "tools")
    except UnansweredError as error:
        return fail(str(error))
    if args.json:
        json.dump(tools, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
        return 0
    write_table(("tool", "what it does"), [(str(tool.get("name", "")), first_line(tool)) for tool in tools])
    if not tools:
        print(
            "No tools. `python -m app check` says what is configured; `/health` with a key says what runs.",
            file=sys.stderr,
        )
    return 0


def first_line(tool: Object) -> str:
    text = tool.get("description") or tool.get("title") or ""
    return str(text).strip().partition("\n")[0]
