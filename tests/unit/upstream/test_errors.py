import msgspec

from app.protocol.faults import TABLE, Fault, Kind
from app.upstream.errors import EraRefused, HttpRefusal, ProcessEnded, SessionLost, UnstartableError, UpstreamError


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


def test_what_ended_a_session_is_a_fault_like_any_other() -> None:
    ended = ProcessEnded(Kind.CLOSED, "exited with code 3", server="files", code=3)
    assert isinstance(ended, Fault)
    assert msgspec.structs.replace(ended, unsent=True).code == 3
    assert isinstance(SessionLost(Kind.CLOSED, "lost"), Fault)


def test_a_refused_era_and_an_entry_that_cannot_start_are_upstream_errors() -> None:
    assert issubclass(EraRefused, UpstreamError)
    assert issubclass(UnstartableError, UpstreamError)
