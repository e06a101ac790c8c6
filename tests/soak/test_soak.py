"""A minute of the soak: nothing grows, and no call of a calm server fails."""

import pytest

from tests.soak.soak import soak


@pytest.mark.slow
@pytest.mark.timeout(480)
async def test_in_a_minute_of_reloads_crashes_and_hanging_servers_nothing_grows() -> None:
    found = await soak(20.0, 2, 20.0)
    assert found.answered > 1000
    assert found.verdict == ""
