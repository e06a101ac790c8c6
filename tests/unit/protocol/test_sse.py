import pytest

from app.protocol.sse import KEEP_ALIVE, Decoder, Event, encode_event


def decode(*chunks: bytes, limit: int = 1000) -> list[Event]:
    decoder = Decoder(limit)
    return [event for chunk in chunks for event in decoder.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_any_line_end_of_the_standard_ends_a_line(end: bytes) -> None:
    stream = end.join([b"event: message", b"data: {}", b"", b"data: 2", b"", b""])
    assert decode(stream) == [Event(b"{}"), Event(b"2")]
    assert decode(*[bytes([byte]) for byte in stream]) == [Event(b"{}"), Event(b"2")]


def test_a_crlf_split_between_chunks_is_one_line_end() -> None:
    assert decode(b"data: 1\r", b"\ndata: 2\r", b"\n\r", b"\n") == [Event(b"1\n2")]


def test_a_byte_order_mark_opens_a_stream_and_means_nothing() -> None:
    assert decode(b"\xef\xbb", b"\xbfdata: 1\n\n") == [Event(b"1")]


def test_data_lines_are_joined_and_one_space_is_taken_off() -> None:
    assert decode(b"data:a\ndata:  b\ndata\n\n") == [Event(b"a\n b\n")]


def test_comments_unknown_fields_and_blank_lines_are_no_events() -> None:
    assert decode(KEEP_ALIVE, b"\n\n", b"future: 1\n\n", b"event: ping\n\n", b"data: 1\n\n") == [Event(b"1")]


def test_the_type_of_an_event_ends_with_it() -> None:
    assert decode(b"event: endpoint\ndata: /x\n\ndata: 1\n\n") == [Event(b"/x", b"endpoint"), Event(b"1")]


def test_an_id_stays_until_the_next_one_and_counts_from_the_blank_line_on() -> None:
    decoder = Decoder()
    assert decoder.feed(b"id: 7\ndata: 1\n") == []
    assert decoder.last_id == b""
    assert decoder.feed(b"\n") == [Event(b"1", id=b"7")]
    assert decoder.feed(b"data: 2\n\n") == [Event(b"2", id=b"7")]
    assert decoder.feed(b"id: a\0b\ndata: 3\n\n") == [Event(b"3", id=b"7")]
    assert decoder.last_id == b"7"


def test_a_priming_event_leaves_its_id_though_it_carries_no_data() -> None:
    decoder = Decoder()
    assert decoder.feed(b"id: p1\ndata:\n\n") == [Event(b"", id=b"p1")]
    assert decoder.feed(b"id: p2\n\n") == []
    assert decoder.last_id == b"p2"


def test_retry_is_read_only_where_it_is_digits() -> None:
    decoder = Decoder()
    decoder.feed(b"retry: soon\n\n")
    assert decoder.retry is None
    decoder.feed(b"retry: 1500\n\n")
    assert decoder.retry == 1500


def test_an_event_left_unfinished_at_the_end_is_no_event() -> None:
    assert decode(b"data: 1\n\ndata: 2\n") == [Event(b"1")]


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_event_over_the_limit_ends_the_stream_and_keeps_what_came_before(size: int) -> None:
    stream = b"data: 1\n\ndata: " + b"x" * 200 + b"\n\ndata: 3\n\n"
    decoder = Decoder(limit=100)
    events = [event for at in range(0, len(stream), size) for event in decoder.feed(stream[at : at + size])]
    assert events == [Event(b"1")]
    assert decoder.overflowed


def test_many_lines_of_one_event_count_together() -> None:
    decoder = Decoder(limit=100)
    assert decoder.feed(b"data: xxxxxxxxxx\n" * 50 + b"\n") == []
    assert decoder.overflowed


def test_comments_for_hours_fill_nothing() -> None:
    decoder = Decoder(limit=100)
    for _ in range(1000):
        decoder.feed(KEEP_ALIVE)
        decoder.feed(b": a comment without its blank line\n")
    assert not decoder.overflowed


def test_an_event_in_one_chunk_is_read_the_same_on_the_fast_path() -> None:
    first, again = b"id: 1\ndata: 0\n\n", b"event: message\r\ndata: {}\r\n\r\n"
    assert decode(first, again, b"data: 2\n\n") == [Event(b"0", id=b"1"), Event(b"{}", id=b"1"), Event(b"2", id=b"1")]


def test_an_encoded_message_is_one_event_whatever_white_space_it_has() -> None:
    assert encode_event(b"{}") == b"event: message\ndata: {}\n\n"
    assert decode(encode_event(b'{\r\n "a": 1\n}')) == [Event(b'{   "a": 1 }')]
