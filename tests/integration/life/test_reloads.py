"""Two hundred edits of the config, two a second, while clients call: nobody notices, and nothing of them stays."""

import asyncio

import pytest

from tests.soak.edits import Editor
from tests.soak.gauge import COUNTED, back_at, settled
from tests.soak.load import Load, until_listed
from tests.support.gateway import UNLIMITED, running_gateway
from tests.support.programs import workbench

RELOADS = 200
SECONDS_BETWEEN = 0.5
GROWTH_MB = 5.0
CALM = [f"calm{number}" for number in range(4)]
KEY = "key-of-the-one-who-calls-0123456789"


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_two_hundred_reloads_fail_no_call_and_leave_nothing() -> None:
    kept = {name: workbench(name) for name in CALM}
    environment = {"MCP_LIVE_RELOAD": "true", **UNLIMITED}
    with running_gateway({"mcpServers": kept}, keys={KEY: "one"}, env=environment, edge=True, app=COUNTED) as gateway:
        editor = Editor(gateway.directory / "mcp_config.json", kept)
        editor.restore()
        await until_listed(gateway, editor.servers)
        load, others = Load(gateway, CALM), Load(gateway, ["edited"], clients=4)
        # What the first calls and the first reloads make once, and what the allocator keeps for the next ones.
        async with load.running(), others.running():
            for _ in range(21):
                editor.next()
                await asyncio.sleep(SECONDS_BETWEEN)
        editor.restore()
        await until_listed(gateway, editor.servers)
        assert load.failures == []
        before, calm_before = await settled(gateway, len(editor.servers())), dict(load.pids)
        editor.counted.clear()
        told = gateway.log()

        loop = asyncio.get_running_loop()
        async with load.running(), others.running():
            began, answered = loop.time(), load.answered
            for number in range(1, RELOADS + 1):
                editor.next()
                await asyncio.sleep(began + number * SECONDS_BETWEEN - loop.time())
            seconds, answered = loop.time() - began, load.answered - answered
        editor.restore()
        await until_listed(gateway, editor.servers)
        after = await back_at(gateway, before)
        said = gateway.log()[len(told) :]
        taken, rejected = said.count("config reloaded"), said.count("the edited config file is rejected")
        print(
            f"{editor.counted} in {seconds:.1f} s, {taken} taken, {rejected} rejected; {answered} calls answered, "
            f"{len(load.failures)} failed; of the edited server {others.answered} answered, "
            f"{len(others.failures)} failed; memory {before.megabytes:.1f} -> {after.megabytes:.1f} MB; {after.counts}"
        )
        assert load.failures == []
        assert load.pids == calm_before
        assert {name: len(pids) for name, pids in load.pids.items()} == dict.fromkeys(CALM, 1)
        assert answered > RELOADS * len(CALM)
        # Adding, removing, editing and renaming change the config; what is wrong is said. Two edits may be seen as one.
        changes = sum(editor.counted[name] for name in ("add", "remove", "edit", "rename"))
        assert taken >= 0.9 * changes
        assert rejected >= 0.9 * (editor.counted["invalid"] + editor.counted["truncated"])
        assert after.grown(before) == {}
        assert after.megabytes - before.megabytes < GROWTH_MB
