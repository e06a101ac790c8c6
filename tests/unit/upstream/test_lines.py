import time

from hypothesis import given
from hypothesis import strategies as st

from app.upstream.lines import LineSplitter


def lines(chunks: list[bytes], limit: int) -> list[bytes | None]:
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)]


@given(st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\0", b"\n"))), st.integers(1, 12))
def test_any_split_of_the_bytes_gives_the_same_lines(chunks: list[bytes], limit: int) -> None:
    whole = b"".join(chunks)
    *ended, rest = whole.split(b"\n")
    expected = [line if len(line) <= limit else None for line in ended] + ([None] if len(rest) > limit else [])
    assert lines(chunks, limit) == expected
    assert lines([whole[i : i + 1] for i in range(len(whole))], limit) == expected


def test_a_line_that_is_too_long_is_counted_while_it_lasts_and_the_next_one_is_good() -> None:
    splitter = LineSplitter(10)
    assert list(splitter.feed(b"x" * 11)) == [None]
    assert list(splitter.feed(b"x" * 9)) == []
    assert splitter.overlong == 20
    assert list(splitter.feed(b"x\ngood\n")) == [b"good"]
    assert splitter.overlong == 0


def test_a_long_line_in_many_chunks_takes_linear_time() -> None:
    splitter = LineSplitter(1 << 30)
    began = time.process_time()
    for _ in range(20_000):
        list(splitter.feed(b"x" * 1024))
    [line] = splitter.feed(b"\n")
    assert line is not None
    assert len(line) == 20_000 * 1024
    assert time.process_time() - began < 2
