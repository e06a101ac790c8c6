"""What the launcher says arrives as it was said, and tells the ways a request can come apart."""

import pytest

from app.serve.handover import APP, Handover

WHOLE = Handover(fds=(3, 4), edge_socket="/run/app.sock", control_socket="/data/control.sock")


def test_it_survives_the_environment() -> None:
    assert Handover.from_env(WHOLE.to_env()) == WHOLE


def test_without_a_launcher_everybody_connects_directly() -> None:
    alone = Handover.from_env({})
    assert (alone.fds, alone.app) == ((), APP)
    assert alone.came_by(("127.0.0.1", 8080)) == alone.came_by(("", None)) == "direct"


@pytest.mark.parametrize(
    ("server", "way"),
    [
        (("/run/app.sock", None), "edge"),
        (("/data/control.sock", None), "control"),
        (("127.0.0.1", 8080), "direct"),
        (("/run/app.sock", 80), "direct"),
        (("/elsewhere.sock", None), "direct"),
        (None, "direct"),
    ],
)
def test_the_socket_says_how_a_request_came(server: object, way: str) -> None:
    assert WHOLE.came_by(server) == way
