"""A stdio MCP server that misbehaves on request, to see that nothing it does hurts anybody else. Stdlib only.

Options choose how it starts and ends; each tool does one thing wrong when it is called.

    --eras legacy|modern|both   which first message it understands (legacy)
    --exit-on-discover          exits on any first message but `initialize`, as old servers do
    --hang METHOD               never answers this method
    --pages N                   lists its tools N to a page; --loop repeats a cursor, --broken-page fails page two
    --stubborn                  ignores end of input and SIGTERM, and so does a grandchild in a session of its own
    --dies N                    exits with code 3 right after start, the first N times (counted in the file --tally)
"""

import argparse
import json
import os
import signal
import sys
import time

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
Json = dict[str, object]

parser = argparse.ArgumentParser()
parser.add_argument("--eras", default="legacy")
parser.add_argument("--exit-on-discover", action="store_true")
parser.add_argument("--hang", default="")
parser.add_argument("--pages", type=int, default=0)
parser.add_argument("--loop", action="store_true")
parser.add_argument("--broken-page", action="store_true")
parser.add_argument("--stubborn", action="store_true")
parser.add_argument("--dies", type=int, default=0)
parser.add_argument("--tally", default="")
options = parser.parse_args()
seen: list[Json] = []


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def send(message: Json) -> None:
    write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")


def answer(ident: object, result: Json) -> None:
    send({"id": ident, "result": result})


def refuse(ident: object, code: int, text: str) -> None:
    send({"id": ident, "error": {"code": code, "message": text}})


def fork(double: bool) -> int:
    """A process in a session of its own that outlives us unless it is found; its pid."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if double and os.fork():
            os._exit(0)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(writing, b"%d\n" % os.getpid())
        quiet = os.open("/dev/null", os.O_RDWR)
        for descriptor in range(3):
            os.dup2(quiet, descriptor)
        time.sleep(600)
        os._exit(0)
    if double:
        os.wait()
    return int(os.read(reading, 20))


# One function a tool: what it returns is the text of the answer, None stands for none.


def echo(ident: object, arguments: Json, params: Json) -> str | None:
    return json.dumps(arguments)


def crash(ident: object, arguments: Json, params: Json) -> str | None:
    os._exit(3)


def segfault(ident: object, arguments: Json, params: Json) -> str | None:
    os.kill(os.getpid(), signal.SIGSEGV)
    return None


def hang(ident: object, arguments: Json, params: Json) -> str | None:
    return None


def progress(ident: object, arguments: Json, params: Json) -> str | None:
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    for n in (1, 2, 3):
        send({"method": "notifications/progress", "params": {"progressToken": token, "progress": n}})
    return "done"


def bad_utf8(ident: object, arguments: Json, params: Json) -> str | None:
    write(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[],"text":"caf\xff\xe9"}}\n' % ident)
    return None


def long_line(ident: object, arguments: Json, params: Json) -> str | None:
    write(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[],"text":"' % ident)
    for _ in range(int(str(arguments.get("mb", 32))) << 4):
        write(b"x" * (1 << 16))
    write(b'"}}\n')
    return None


def endless_line(ident: object, arguments: Json, params: Json) -> str | None:
    while True:
        write(b"x" * (1 << 16))


def chatter(ident: object, arguments: Json, params: Json) -> str | None:
    lines = (b"e" * 99 + b"\n") * 1000
    for _ in range(int(str(arguments.get("mb", 100))) * 10):
        os.write(2, lines)
    return "silent again"


def noise(ident: object, arguments: Json, params: Json) -> str | None:
    write(b'Starting up...\n\n[1, 2]\n"text"\n{}\n{"id":\n\x00\x01\n')
    return "after the noise"


def environment(ident: object, arguments: Json, params: Json) -> str | None:
    return json.dumps(dict(os.environ))


def descriptors(ident: object, arguments: Json, params: Json) -> str | None:
    # The listing itself holds one that is closed by now.
    names = [name for name in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{name}")]
    leads = os.getsid(0) == os.getpid() == os.getpgrp()
    return json.dumps({"fds": sorted(map(int, names)), "leads": leads, "cwd": os.getcwd(), "pid": os.getpid()})


def grandchild(ident: object, arguments: Json, params: Json) -> str | None:
    return str(fork(double=False))


def orphan(ident: object, arguments: Json, params: Json) -> str | None:
    return str(fork(double=True))


def malformed(ident: object, arguments: Json, params: Json) -> str | None:
    write(b'{"jsonrpc":"2.0","id":%d}\n' % ident)
    return None


def ask(ident: object, arguments: Json, params: Json) -> str | None:
    send({"id": "ours-1", "method": "ping"})
    send({"id": 99, "method": "sampling/createMessage", "params": {}})
    send({"id": 7.5, "method": "roots/list"})
    return "asked"


def deep(ident: object, arguments: Json, params: Json) -> str | None:
    write(b'{"jsonrpc":"2.0","id":%d,"result":{"x":%b%b}}\n' % (ident, b"[" * 20000, b"]" * 20000))
    return None


def big(ident: object, arguments: Json, params: Json) -> str | None:
    return "y" * int(str(arguments.get("bytes", 1 << 20)))


def grow(ident: object, arguments: Json, params: Json) -> str | None:
    TOOLS[f"grown_{len(TOOLS)}"] = echo
    send({"method": "notifications/tools/list_changed"})
    return "grown"


def journal(ident: object, arguments: Json, params: Json) -> str | None:
    return json.dumps(seen)


def close_output(ident: object, arguments: Json, params: Json) -> str | None:
    os.close(1)
    time.sleep(600)
    return None


def deaf(ident: object, arguments: Json, params: Json) -> str | None:
    time.sleep(600)
    return None


def die_once(ident: object, arguments: Json, params: Json) -> str | None:
    """Crashes where the file at `path` is not there yet, and makes it."""
    try:
        os.close(os.open(str(arguments["path"]), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return "survived"
    os._exit(3)


def die_once_reading(ident: object, arguments: Json, params: Json) -> str | None:
    return die_once(ident, arguments, params)


def empty(ident: object, arguments: Json, params: Json) -> str | None:
    TOOLS.clear()
    send({"method": "notifications/tools/list_changed"})
    return "nothing left"


def allocate(ident: object, arguments: Json, params: Json) -> str | None:
    held = [bytes(b"x" * (1 << 20)) for _ in range(int(str(arguments["mb"])))]
    time.sleep(float(str(arguments.get("hold", 0))))
    return str(len(held))


def multiply(ident: object, arguments: Json, params: Json) -> str | None:
    return str([fork(double=False) for _ in range(int(str(arguments["times"])))])


TOOLS = {
    tool.__name__: tool
    for tool in (
        echo, crash, segfault, hang, progress, bad_utf8, long_line, endless_line, chatter, noise, environment,
        descriptors, grandchild, orphan, malformed, ask, deep, big, grow, journal, close_output, deaf,
        die_once, die_once_reading, empty, allocate, multiply,
    )
}  # fmt: skip


def call(ident: object, params: Json) -> None:
    arguments = params.get("arguments") or {}
    assert isinstance(arguments, dict)
    value = TOOLS[str(params.get("name"))](ident, arguments, params)
    if value is not None:
        answer(ident, {"content": [{"type": "text", "text": value}], "isError": False})


def list_tools(ident: object, params: Json) -> None:
    names = list(TOOLS)
    size = options.pages or len(names)
    start = int(str(params.get("cursor", "0")) or 0)
    if options.broken_page and start:
        refuse(ident, -32603, "the second page is broken")
        return
    page: Json = {
        "tools": [
            {
                "name": n,
                "inputSchema": {"type": "object"},
                "x-own": 1.0,
                "annotations": {"readOnlyHint": "reading" in n},
            }
            for n in names[start : start + size]
        ]
    }
    if start + size < len(names):
        page["nextCursor"] = "0" if options.loop else str(start + size)
    answer(ident, page)


def handle(message: Json) -> None:
    method, ident = message.get("method"), message.get("id")
    params = message.get("params") or {}
    assert isinstance(params, dict)
    seen.append(message)
    if method == options.hang:
        return
    capabilities: Json = {"tools": {"listChanged": True}, "own": {"x": 1.0}}
    match method:
        case "initialize" if options.eras != "modern":
            version = params.get("protocolVersion")
            found = {"protocolVersion": version if version in LEGACY else LEGACY[0], "capabilities": capabilities}
            answer(ident, {**found, "serverInfo": {"name": "wayward", "version": "1"}, "instructions": "Take care."})
        case "server/discover" if options.exit_on_discover:
            os._exit(1)
        case "server/discover" if options.eras != "legacy":
            versions = [MODERN, *LEGACY] if options.eras == "both" else [MODERN]
            found = {"supportedVersions": versions, "capabilities": capabilities, "instructions": "Take care."}
            answer(ident, {**found, "resultType": "complete", "ttlMs": 0, "cacheScope": "private"})
        case "ping":
            answer(ident, {})
        case "tools/list":
            list_tools(ident, params)
        case "tools/call":
            call(ident, params)
        case _ if ident is not None and method:
            refuse(ident, -32601, "Method not found")


def main() -> None:
    if options.tally:
        with open(options.tally, "ab") as file:
            file.write(b"x")
        if os.path.getsize(options.tally) <= options.dies:
            print("dying early, as told", file=sys.stderr, flush=True)
            os._exit(3)
    if options.stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("grandchild", fork(double=False), file=sys.stderr, flush=True)
    rest = b""
    while True:
        data = os.read(0, 1 << 16)
        if not data:
            if not options.stubborn:
                return
            time.sleep(600)
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line.strip():
                handle(json.loads(line))


main()
