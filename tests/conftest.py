"""Fixtures for everybody. A gateway of a test's own: `tests.support.gateway.running_gateway`."""
