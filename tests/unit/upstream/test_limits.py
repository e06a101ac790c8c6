import os

from app.config.snapshot import Limits
from app.upstream.limits import breach, resident


def test_what_all_processes_hold_together_counts() -> None:
    ours = resident(os.getpid())
    assert ours > 10 << 20
    assert breach(Limits(memory=ours * 4), [os.getpid()]) == ""
    assert "over its limit of 1 MB" in breach(Limits(memory=1 << 20), [os.getpid()])


def test_processes_are_counted() -> None:
    assert breach(Limits(processes=2), [1, 2]) == ""
    assert breach(Limits(processes=2), [1, 2, 3]) == "ran 3 processes, over its limit of 2, and was ended"


def test_without_limits_nothing_is_over_them_and_the_gone_hold_nothing() -> None:
    assert breach(Limits(), [os.getpid()]) == ""
    assert resident(2**22 + 1) == 0
