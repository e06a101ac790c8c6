"""However a network cuts a stream of events, the same events come out."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from app.protocol.sse import Decoder, Event, encode_event

FIELDS = [b"data:", b"data: ", b"id: 1", b"id:", b"event: x", b"event: message", b"retry: 5", b":", b" ", b"{}", b"\0"]
WHOLES = [b"data: {}\n\n", b"event: message\r\ndata: 1\r\n\r\n", b"\xef\xbb\xbf", b"y" * 30]
pieces = st.sampled_from([*FIELDS, *WHOLES, b"\r", b"\n", b"\r\n", b"\n\n"])
streams = st.lists(pieces | st.binary(max_size=8), max_size=40).map(b"".join)


def state(decoder: Decoder) -> tuple[object, ...]:
    return decoder.last_id, decoder.retry, decoder.overflowed


def feed(stream: bytes, cuts: list[int]) -> tuple[list[Event], tuple[object, ...]]:
    decoder = Decoder(limit=60)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [event for a, b in pairwise(edges) for event in decoder.feed(stream[a:b])]
    return events, state(decoder)


@given(streams, st.lists(st.integers(min_value=0), max_size=12))
def test_any_split_gives_the_same_events(stream: bytes, cuts: list[int]) -> None:
    assert feed(stream, cuts) == feed(stream, []) == feed(stream, list(range(len(stream))))


@given(st.lists(st.binary(max_size=40).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))))
def test_what_is_encoded_is_decoded(messages: list[bytes]) -> None:
    events = Decoder().feed(b"".join(map(encode_event, messages)))
    assert [event.data for event in events] == messages
