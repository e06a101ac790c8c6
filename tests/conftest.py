"""What holds for every test. A gateway of a test's own: `tests.support.gateway.running_gateway`."""

import pytest
from hypothesis import HealthCheck, settings

# How fast examples come says how busy the machine is, and nothing of what is tested.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="tests/integration/tunnel with a tunnel's own times: 6 minutes"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first: what is broken shows in the first minute."""
    items.sort(key=lambda item: "/tests/unit/" not in item.path.as_posix())
