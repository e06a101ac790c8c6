"""One system call for what one turn of the loop writes."""

import asyncio
from typing import Any

import pytest

from app.serve.cork import LARGE, Cork


class Recorded(asyncio.Transport):
    """The transport below, which keeps what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.closing = False

    def write(self, data: Any) -> None:
        self.asked.append(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        self.asked.append(tuple(map(bytes, list_of_data)))

    def close(self) -> None:
        self.closing = True
        self.asked.append("close")

    def is_closing(self) -> bool:
        return self.closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return name or default

    def get_write_buffer_size(self) -> int:
        return 10

    def __getattribute__(self, name: str) -> Any:
        plain = ("abort", "pause_reading", "resume_reading", "set_protocol", "write_eof", "set_write_buffer_limits")
        return (lambda *_: self.asked.append(name)) if name in plain else super().__getattribute__(name)


@pytest.fixture
def below() -> Recorded:
    return Recorded()


async def test_what_one_turn_writes_goes_out_at_once(below: Recorded) -> None:
    cork = Cork(below, asyncio.get_running_loop())
    cork.write(b"head")
    cork.write(b"body")
    assert below.asked == []
    assert cork.get_write_buffer_size() == 18
    await asyncio.sleep(0)
    assert below.asked == [b"headbody"]
    cork.write(b"next")
    await asyncio.sleep(0)
    assert below.asked == [b"headbody", b"next"]


async def test_what_is_large_goes_out_with_the_rest_and_is_not_copied(below: Recorded) -> None:
    cork, large = Cork(below, asyncio.get_running_loop()), bytes(LARGE)
    cork.write(b"head")
    cork.write(large)
    await asyncio.sleep(0)
    assert below.asked == [(b"head", large)]


async def test_nothing_written_is_lost_at_a_close(below: Recorded) -> None:
    cork = Cork(below, asyncio.get_running_loop())
    cork.write(b"last")
    cork.close()
    await asyncio.sleep(0)
    assert below.asked == [b"last", "close"]
    assert cork.is_closing()


async def test_everything_else_is_the_transports_own(below: Recorded) -> None:
    cork = Cork(below, asyncio.get_running_loop())
    assert cork.get_extra_info("peername") == "peername"
    cork.write(b"x")
    cork.write_eof()
    for ask in (cork.abort, cork.pause_reading, cork.resume_reading):
        ask()
    cork.set_protocol(asyncio.Protocol())
    cork.set_write_buffer_limits(1, 0)
    assert below.asked == [
        b"x",
        "write_eof",
        "abort",
        "pause_reading",
        "resume_reading",
        "set_protocol",
        "set_write_buffer_limits",
    ]
