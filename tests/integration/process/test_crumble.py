"""An app that ends by itself is no app any more: another worker takes over (DESIGN.md rule 14)."""

import pytest

from tests.support.gateway import running_gateway
from tests.support.processes import eventually

BARE = "tests.support.bare_app:create_app"


@pytest.mark.parametrize("edge", [False, True], ids=["direct", "nginx"])
def test_a_worker_whose_app_has_ended_by_an_error_is_replaced(edge: bool) -> None:
    with running_gateway({"mcpServers": {}}, edge=edge, app=BARE) as gateway:
        former = gateway.worker()
        gateway.get("/servers/crumble/mcp")
        eventually(lambda: not former.alive, what="the worker whose app is over")
        gateway.wait_until_live()
        assert gateway.worker() != former
        assert "another worker takes over" in gateway.log()
