"""What a server lists: all pages or nothing, and again when it changes."""

import anyio

from app.protocol.versions import Era
from app.upstream.upstream import State
from tests.support.upstreams import ask, lease_of, reaches, running, until, wayward


async def test_all_pages_are_drained_in_order_with_unknown_members_as_written() -> None:
    async with running(wayward("whole"), wayward("paged", "--pages", "3")) as [whole, paged]:
        assert await whole.wait_listed(30)
        assert await paged.wait_listed(30)
        assert whole.catalog is not None
        assert paged.catalog is not None
        assert [tool.key for tool in paged.catalog.tools] == [tool.key for tool in whole.catalog.tools]
        assert len(paged.catalog.tools) > 9
        assert bytes(paged.catalog.tools[0].members["x-own"]) == b"1.0"
        assert paged.catalog.prompts == ()


async def test_a_list_that_never_ends_or_breaks_off_fails_the_start_and_is_no_empty_success() -> None:
    loop, broken = wayward("loop", "--pages", "3", "--loop"), wayward("broken", "--pages", "3", "--broken-page")
    async with running(loop, broken) as servers:
        for server, said in zip(servers, ("repeats a cursor", "answered with an error"), strict=True):
            await reaches(server, State.BACKOFF)
            assert said in server.reason
            assert server.catalog is None


async def test_a_change_is_listed_again_and_told() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        before = server.version
        await ask(lease, "grow")
        await until(server, lambda: server.version > before)
        assert server.catalog is not None
        assert server.catalog.tools[-1].key.startswith("grown_")


async def test_many_changes_at_once_are_one_listing() -> None:
    async with running(wayward()) as [server]:
        lease = await lease_of(server)
        before = server.version
        for _ in range(5):
            await ask(lease, "grow")
        await until(server, lambda: server.version > before)
        assert server.version == before + 1


async def test_clients_of_a_pool_of_sessions_have_processes_of_their_own() -> None:
    async with running(wayward(pool="client")) as [server]:
        pids = {key: await ask(await lease_of(server, Era.LEGACY, key), "descriptors") for key in ("a", "b")}
        assert pids["a"] != pids["b"]
        again = server.acquire_nowait(Era.LEGACY, "a")
        assert again is not None
        assert await ask(again, "descriptors") == pids["a"]


async def test_callers_who_need_one_new_session_at_once_share_its_opening(tmp_path: object) -> None:
    async with running(wayward("many", "--tally", f"{tmp_path}/tally", pool="client")) as [server]:
        await lease_of(server, Era.LEGACY, "warm")
        leases = []

        async def acquire() -> None:
            leases.append(await lease_of(server, Era.LEGACY, "k"))

        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(acquire)
        assert len({id(lease.connection) for lease in leases}) == 1
        assert await anyio.Path(f"{tmp_path}/tally").read_text() == "xxx"
