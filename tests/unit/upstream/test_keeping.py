from pathlib import Path

import pytest

from app.config.snapshot import ServerSpec
from app.protocol.faults import Fault, Kind
from app.relay.catalog import Item, ServerCatalog
from app.upstream.catalogs import Catalogs
from app.upstream.errors import UpstreamError
from app.upstream.keeping import CONFIRM_AFTER, RETRY_AFTER, Keeper
from app.upstream.upstream import Upstream

SPEC = ServerSpec(name="files", label="Files", kind="http", prefix="files")
FULL = ServerCatalog((Item("a", {}),), resources=(Item("r", {}),))
NO_TOOLS = ServerCatalog(resources=(Item("r", {}),))
FEWER = ServerCatalog((Item("a", {}),))


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keeper(tmp_path: Path, clock: Clock) -> Keeper:
    return Keeper(Upstream(SPEC), Catalogs(tmp_path), clock, lambda: 0.0)


async def test_what_was_listed_is_recalled_by_the_next_run(keeper: Keeper, tmp_path: Path) -> None:
    await keeper.listed(FULL)
    after = Upstream(SPEC)
    Keeper(after, Catalogs(tmp_path)).recall()
    assert after.catalog == FULL
    assert after.version == 1


async def test_a_sudden_nothing_is_suspect_until_it_is_repeated_a_while_later(keeper: Keeper, clock: Clock) -> None:
    upstream = keeper._upstream
    await keeper.listed(FULL)
    assert keeper.wait is None
    await keeper.listed(NO_TOOLS)
    assert upstream.catalog == FULL
    assert keeper.wait == CONFIRM_AFTER
    clock.now = CONFIRM_AFTER - 1
    await keeper.listed(NO_TOOLS)
    assert upstream.catalog == FULL, "twice in a hurry is not repeated"
    clock.now = CONFIRM_AFTER
    await keeper.listed(NO_TOOLS)
    assert upstream.catalog == NO_TOOLS
    assert keeper.wait is None


async def test_a_list_that_comes_back_clears_the_suspicion(keeper: Keeper, clock: Clock) -> None:
    await keeper.listed(FULL)
    await keeper.listed(NO_TOOLS)
    await keeper.listed(FULL)
    clock.now = CONFIRM_AFTER + 1
    await keeper.listed(ServerCatalog())
    assert keeper._upstream.catalog == FULL
    assert "suspects" in repr(keeper)


async def test_fewer_items_are_no_suspicion(keeper: Keeper) -> None:
    await keeper.listed(FULL)
    await keeper.listed(FEWER)
    assert keeper._upstream.catalog == FEWER


@pytest.mark.requirement("cache.polling")
async def test_listings_that_fail_again_and_again_are_repeated_less_and_less_often(tmp_path: Path) -> None:
    pauses: list[float] = []
    keeper = Keeper(Upstream(SPEC), Catalogs(tmp_path), jitter=lambda: 0.4)
    for _ in range(9):
        keeper.failed(UpstreamError(Fault(Kind.PROTOCOL, "bad page")))
        pauses.append(keeper.wait or 0.0)
    assert pauses == [pause * 1.1 for pause in (5, 10, 20, 40, 80, 160, 300, 300, 300)]


async def test_a_listing_that_failed_is_repeated_soon(keeper: Keeper) -> None:
    await keeper.listed(FULL)
    keeper.failed(UpstreamError(Fault(Kind.PROTOCOL, "bad page")))
    assert keeper.wait == RETRY_AFTER
    assert keeper._upstream.catalog == FULL
    await keeper.listed(FULL)
    assert keeper.wait is None
