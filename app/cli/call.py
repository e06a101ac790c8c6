"""`call NAME JSON`: one tool call through the gateway.

The text of the result goes to standard output, so that it can be piped; with `--json` the whole result does.
Exit 1 when the tool says `isError`, when there is no such tool and when nothing answers.
"""

import json
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from difflib import get_close_matches
from typing import cast

import msgspec

from app.cli.endpoint import Endpoint, Object, UnansweredError
from app.cli.environment import environment
from app.cli.show import fail, printable, write_text
from app.cli.tools import add_as
from app.protocol.faults import TABLE, Kind

SUMMARY = "call one tool"
WRONG_USAGE = 2


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", type=_utf8, help="the tool, as `tools` lists it; SERVER:TOOL works too")
    parser.add_argument(
        "arguments", metavar="JSON", nargs="?", default="{}", help="its arguments; - reads them from stdin"
    )
    parser.add_argument("--json", action="store_true", help="the whole result as JSON")
    add_as(parser)


def _utf8(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ArgumentTypeError("is not UTF-8") from None
    return text


def run(args: Namespace) -> int:
    try:
        # Stricter than json: what a request cannot carry (NaN, a lone surrogate, no end of nesting) is no JSON either.
        arguments = msgspec.json.decode(sys.stdin.read() if args.arguments == "-" else args.arguments)
    except (ValueError, RecursionError) as error:
        fail(f'the arguments are not JSON: {error}. Quote them for the shell: \'{{"path": "/tmp"}}\'')
        return WRONG_USAGE
    if not isinstance(arguments, dict):
        fail('the arguments must be a JSON object, for example \'{"path": "/tmp"}\'')
        return WRONG_USAGE
    try:
        with Endpoint(environment(), args.client) as endpoint:
            result = _call(endpoint, args.name, cast(Object, arguments))
    except UnansweredError as error:
        return fail(str(error))
    if args.json:
        json.dump(result, sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    return _show(result, as_json=args.json)


def _call(endpoint: Endpoint, name: str, arguments: Object) -> Object:
    try:
        return endpoint.ask("tools/call", {"name": name, "arguments": arguments})
    except UnansweredError as error:
        if error.code != TABLE[Kind.HIDDEN].code:
            raise
        names = [str(tool.get("name", "")) for tool in endpoint.listed("tools/list", "tools")]
        if name in names:
            raise
        close = get_close_matches(name.replace(":", "__"), names, n=1)
        hint = f"Did you mean `{close[0]}`?" if close else "`python -m app tools` lists what there is."
        raise UnansweredError(f"{error}. {hint}", error.code) from error


def _show(result: Object, *, as_json: bool) -> int:
    if result.get("resultType") == "input_required":
        return fail("the tool asks for input, which this command cannot give: call it from an MCP client that can.")
    failed = result.get("isError") is True
    if not as_json:
        text = result_text(result)
        if failed:
            sys.stderr.write(f"{printable(text)}\n")
        else:
            write_text(text)
    return 1 if failed else 0


def result_text(result: Object) -> str:
    """The text blocks, a line for each other block; the structured content when there is no block at all."""
    content = result.get("content")
    parts: list[str] = []
    for block in cast(list[Object], content) if isinstance(content, list) else []:
        kind = block.get("type")
        parts.append(str(block.get("text", "")) if kind == "text" else f"[{kind}: {_described(block)}]")
    if not parts and "structuredContent" in result:
        return json.dumps(result["structuredContent"], indent=2, ensure_ascii=False)
    return "\n".join(parts)


def _described(block: Object) -> str:
    resource = block.get("resource")
    inner = cast(Object, resource) if isinstance(resource, dict) else block
    return str(inner.get("uri") or inner.get("mimeType") or "use --json to see it")
