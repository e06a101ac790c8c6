from app.protocol.versions import Era
from app.upstream.negotiated import Negotiated


def test_a_bare_handshake_offers_nothing_and_claims_no_other_era() -> None:
    found = Negotiated(Era.LEGACY, "2025-11-25")
    assert found.capabilities == {}
    assert found.instructions == ""
    assert bytes(found.server_info) == b"{}"
    assert not found.legacy_too
