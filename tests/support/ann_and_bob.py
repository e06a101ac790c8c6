"""Two clients of one gateway, each with a key of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.gateway import Gateway
from tests.support.programs import keys_file
from tests.support.wire import Caller

ANN, BOB = "key-of-ann-0123456789-0123456789abc", "key-of-bob-0123456789-0123456789abc"
Make = Callable[..., Caller]


def keys_of_both(folder: Path) -> dict[str, str]:
    """The environment of a gateway that knows them."""
    return keys_file({ANN: {"client_id": "ann"}, BOB: {"client_id": "bob"}}, folder)


def clients_of(gateway: Gateway, **usual: Any) -> Make:
    """Makes clients: `make("files")` of one server alone, `make()` of all. `usual`: what each of them has."""

    def make(server: str = "", key: str = ANN, era: str = "modern", **more: Any) -> Caller:
        path = f"/servers/{server}/mcp" if server else "/mcp"
        return Caller(gateway.host, gateway.port, key, era, path=path, **usual, **more)

    return make
