"""The soak: clients call while servers crash and hang and the config is edited every second; what grows is a leak.

Every so often all of that pauses, the config is as at first, and what the gateway holds is read: growth is the last
reading less the one after the warm-up.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from tests.bench.gateway import echo_http
from tests.soak.edits import Editor
from tests.soak.gauge import COUNTED, Reading, back_at, settled
from tests.soak.load import Load, until_listed
from tests.support.gateway import UNLIMITED, Gateway, running_gateway
from tests.support.programs import SERVERS, Entry, workbench
from tests.support.wire import Caller

GROWTH_MB = 5.0
KEY = "key-of-the-one-who-calls-0123456789"
CALM = ("calm0", "calm1", "calm2")
# Seconds a client waits for a tool that never answers, before it hangs up.
HANGING_CALL = 0.5


def wayward(*options: str, **more: object) -> Entry:
    return {"command": sys.executable, "args": ["-I", str(SERVERS / "wayward.py"), *options], **more}


BAD: dict[str, Entry] = {
    "crashing": wayward(),
    # A legacy client that hangs up cancels nothing: such a call ends with its time.
    "hanging": wayward(timeout=2),
    "mute": wayward("--hang", "initialize", startup_timeout=2),
    "broken": wayward("--hang", "tools/list", startup_timeout=2),
    "stubborn": wayward("--stubborn"),
    "gone": {"command": "no-such-command-of-the-soak"},
    "refused": {"url": "http://127.0.0.1:9/mcp"},
}


@dataclass
class Findings:
    """`readings`: after the start, the warm-up and each round, with the seconds since the start."""

    seconds: list[float] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    troubles: int = 0

    @property
    def growth_mb(self) -> float:
        """Since the warm-up."""
        return self.readings[-1].megabytes - self.readings[1].megabytes

    @property
    def grown(self) -> dict[str, str]:
        return self.readings[-1].grown(self.readings[1])

    @property
    def verdict(self) -> str:
        """What is wrong; empty when nothing is."""
        wrong = [f"{len(self.failures)} calls of calm servers failed, as {self.failures[:3]}"] if self.failures else []
        if self.growth_mb >= GROWTH_MB:
            wrong.append(f"memory grew by {self.growth_mb:.1f} MB")
        if self.grown:
            wrong.append(f"grown: {self.grown}")
        return "; ".join(wrong)


async def soak(warm_up: float, rounds: int, length: float, say: Callable[[str], None] = print) -> Findings:
    """`warm_up` seconds of it, then `rounds` of `length` seconds each, with a reading after each."""
    found = Findings()
    with gateway_with_edits() as (gateway, editor):
        await until_listed(gateway, editor.servers)
        load, began = Load(gateway, CALM), time.monotonic()

        async def note() -> None:
            reading = await settled(gateway, len(editor.servers()))
            found.readings.append(reading if len(found.readings) < 2 else await back_at(gateway, found.readings[1]))
            found.seconds.append(time.monotonic() - began)
            say(line(found, load))

        await note()
        for seconds in (warm_up, *[length] * rounds):
            async with load.running(), trouble(gateway, editor, found):
                await asyncio.sleep(seconds)
            editor.restore()
            await until_listed(gateway, editor.servers)
            await note()
        found.answered, found.failures = load.answered, load.failures
    return found


def line(found: Findings, load: Load) -> str:
    reading = found.readings[-1]
    return (
        f"{found.seconds[-1]:6.0f} s: {reading.megabytes:6.1f} MB, {reading.counts['tasks']} tasks, "
        f"{reading.counts['descriptors']} descriptors, {reading.counts['processes']} processes; {load.answered} calls "
        f"answered, {len(load.failures)} failed; {found.troubles} crashes, hangs and edits"
    )


@contextmanager
def gateway_with_edits() -> Iterator[tuple[Gateway, Editor]]:
    """Behind nginx, over stdio servers and a remote one."""
    with echo_http() as (_, port):
        kept = {**{name: workbench(name) for name in CALM}, "remote": {"url": f"http://127.0.0.1:{port}/mcp"}}
        config = {"mcpServers": kept}
        live = {"MCP_LIVE_RELOAD": "true", **UNLIMITED}
        with running_gateway(config, keys={KEY: "one"}, env=live, edge=True, app=COUNTED) as gateway:
            editor = Editor(gateway.directory / "mcp_config.json", kept)
            editor.restore()
            yield gateway, editor


@asynccontextmanager
async def trouble(gateway: Gateway, editor: Editor, found: Findings) -> AsyncIterator[None]:
    """Bad servers come into the config, and are called, while the block lasts."""
    editor.restore(BAD)
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(repeated(edit(editor), 1.0, found)),
            tasks.create_task(repeated(call(gateway, "crashing__crash", 5.0), 0.7, found)),
            tasks.create_task(repeated(call(gateway, "stubborn__crash", 5.0), 3.1, found)),
            tasks.create_task(repeated(call(gateway, "edited__crash", 5.0), 2.3, found)),
            *[tasks.create_task(repeated(call(gateway, "hanging__hang", HANGING_CALL), 0.1, found)) for _ in range(4)],
            tasks.create_task(repeated(call(gateway, "remote__echo", 5.0), 0.1, found)),
        ]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def repeated(act: AsyncIterator[None], pause: float, found: Findings) -> None:
    async for _ in act:
        found.troubles += 1
        await asyncio.sleep(pause)


async def edit(editor: Editor) -> AsyncIterator[None]:
    while True:
        editor.next()
        yield


async def call(gateway: Gateway, tool: str, patience: float) -> AsyncIterator[None]:
    """Calls that may end in any way; who waited long enough hangs up."""
    eras = {"legacy": "modern", "modern": "legacy"}
    era = "legacy"
    while True:
        era = eras[era]
        caller = Caller(gateway.host, gateway.port, KEY, era, patience=patience)
        with suppress(OSError, EOFError, TimeoutError, AssertionError, ValueError):
            await caller.call(tool, {"text": "x"})
        yield
