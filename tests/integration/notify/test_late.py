"""Servers that come late."""

from pathlib import Path

from tests.support.gateway import running_gateway
from tests.support.listeners import WIDE, caller, listening
from tests.support.programs import workbench

TOOLS = "tools/list_changed"


async def test_each_server_that_comes_late_comes_with_one_notification(tmp_path: Path) -> None:
    gates = [tmp_path / f"gate{number}" for number in range(3)]
    late = {f"late{number}": workbench(f"late{number}", gate=str(gate)) for number, gate in enumerate(gates)}
    config = {"mcpServers": {"ready": workbench("ready"), **late}}
    with running_gateway(config, keys={WIDE: "wide"}, edge=True) as own:
        client = caller(own, "legacy")
        assert (await client.call("ready__whoami")).text.startswith("ready ")
        async with listening(caller(own, "legacy")) as old, listening(caller(own, "modern")) as new:
            for number, gate in enumerate(gates, 1):
                gate.touch()
                for listener in (old, new):
                    await listener.hears(TOOLS, number)
            # A last change, after which all others have been told: the server's end changes no list.
            assert (await client.call("late2__whoami")).text.startswith("late2 ")
            assert [listener.methods.count(TOOLS) for listener in (old, new)] == [3, 3]
