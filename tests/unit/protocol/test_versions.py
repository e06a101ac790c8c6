"""Our tables of revisions are the SDK's."""

import mcp_types.version as sdk
import pytest

from app.protocol import versions


def test_the_revisions_and_their_eras_are_the_sdks() -> None:
    assert tuple(sdk.HANDSHAKE_PROTOCOL_VERSIONS) == versions.LEGACY_VERSIONS
    assert tuple(sdk.MODERN_PROTOCOL_VERSIONS) == versions.MODERN_VERSIONS
    assert versions.LATEST_MODERN == sdk.LATEST_MODERN_VERSION
    assert versions.LATEST_LEGACY == sdk.LATEST_HANDSHAKE_VERSION


@pytest.mark.parametrize("requested", versions.LEGACY_VERSIONS)
def test_a_legacy_revision_we_know_is_agreed_to(requested: str) -> None:
    assert versions.negotiate(requested) == requested


@pytest.mark.parametrize("requested", ["2026-07-28", "1.0", "", "2099-01-01"])
def test_any_other_gets_our_latest_legacy_one_and_never_a_modern_one(requested: str) -> None:
    assert versions.negotiate(requested) == "2025-11-25"
