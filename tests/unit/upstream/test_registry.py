from pathlib import Path

import anyio

from app.config.snapshot import ServerSpec
from app.protocol.versions import Era
from app.upstream.registry import UpstreamRegistry
from app.upstream.upstream import State
from tests.support.recorded import ScriptedServer
from tests.support.upstreams import lease_of, reaches


def remote(name: str) -> ServerSpec:
    return ServerSpec(name=name, label=name, kind="http", prefix=name)


async def test_servers_start_side_by_side_and_end_together(tmp_path: Path) -> None:
    server = ScriptedServer(Era.LEGACY)
    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks, data_directory=tmp_path, transports=server.makes)
        upstreams = [registry.provision(remote(name)) for name in ("a", "b", "c")]
        for upstream in upstreams:
            await lease_of(upstream)
        await registry.aclose()
        assert {upstream.state for upstream in upstreams} == {State.STOPPED}
    assert all(wire.closes for wire in server.wires)


async def test_one_can_be_retired_and_the_others_stay() -> None:
    server = ScriptedServer(Era.LEGACY)
    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks, transports=server.makes)
        going, staying = registry.provision(remote("going")), registry.provision(remote("staying"))
        await reaches(going, State.READY)
        await reaches(staying, State.READY)
        await registry.retire(going)
        assert going.state is State.STOPPED
        assert going.acquire_nowait(Era.LEGACY) is None
        assert staying.acquire_nowait(Era.LEGACY) is not None
        await registry.aclose()


async def test_closing_is_bounded_by_nobody_s_good_will() -> None:
    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks)
        await registry.aclose()
        await registry.aclose()


async def test_cancellation_ends_servers_as_a_stop_does() -> None:
    server = ScriptedServer(Era.LEGACY)
    async with anyio.create_task_group() as tasks:
        registry = UpstreamRegistry(tasks, transports=server.makes)
        upstream = registry.provision(remote("a"))
        await reaches(upstream, State.READY)
        tasks.cancel_scope.cancel()
    assert upstream.state is State.STOPPED
    assert all(wire.closes for wire in server.wires)
