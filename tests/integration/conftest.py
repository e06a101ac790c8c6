"""What holds for several rooms of integration tests."""

import pytest


@pytest.fixture(params=["legacy", "modern"])
def era(request: pytest.FixtureRequest) -> str:
    """The client's."""
    return request.param
