import msgspec

from app.protocol.faults import TABLE, Fault, Kind
from app.upstream.errors import EraRefused, HttpRefusal, UpstreamError


def test_the_text_of_an_error_is_the_public_one() -> None:
    fault = Fault(Kind.UNREACHABLE, "Server 'files' is down.", server="files")
    error = UpstreamError(fault, "connect to 10.0.0.7 failed")
    assert str(error) == fault.message
    assert error.fault is fault
    assert "10.0.0.7" not in repr(error)


def test_a_refusal_by_status_is_a_fault_like_any_other() -> None:
    refusal = HttpRefusal(Kind.UNREACHABLE, "no", server="files", status=401)
    assert isinstance(refusal, Fault)
    assert refusal.row == TABLE[Kind.UNREACHABLE]
    assert msgspec.structs.replace(refusal, retry_after=3.0).status == 401


def test_a_refused_era_is_an_upstream_error() -> None:
    assert issubclass(EraRefused, UpstreamError)
