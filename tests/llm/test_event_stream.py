"""Server-sent events, however their bytes come in."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.llm.event_stream import EventStreamReader, EventTooLongError, ServerEvent


def read(*pieces: bytes, max_bytes: int = 1000) -> list[ServerEvent]:
    reader = EventStreamReader(max_bytes)
    events = [event for piece in pieces for event in reader.feed(piece)]
    return events + reader.end()


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: one\n\ndata: two\n\n", [("", "one"), ("", "two")]),
        (b"data:one\r\n\r\ndata:  two\r\rdata: x", [("", "one"), ("", " two"), ("", "x")]),
        (b"data: one\ndata: two\ndata\n\n", [("", "one\ntwo\n")]),
        (b"event: error\ndata: x\n\ndata: y\n\n", [("error", "x"), ("", "y")]),
        (b": comment\n\nevent: ping\n\nid: 5\nretry: 1\n\n", []),
        (b"\xef\xbb\xbfdata: one\n\n", [("", "one")]),
        (b"data: a\xffb\n\n", [("", "a\ufffdb")]),
        (b"data: \xe2\x80\xa8one\x0b\n\n", [("", "\u2028one\x0b")]),
        (b"data: one", [("", "one")]),
        (b"<html>\n\n", []),
        (b"", []),
    ],
)
def test_events(stream: bytes, events: list[tuple[str, str]]) -> None:
    expected = [ServerEvent(kind, data) for kind, data in events]
    assert read(stream) == expected
    assert read(*(bytes([byte]) for byte in stream)) == expected


@given(st.text("ad:t\r\n\ufeff é", max_size=40), st.lists(st.integers(0, 60), max_size=6))
def test_where_the_pieces_end_makes_no_difference(text: str, cuts: list[int]) -> None:
    stream = text.encode()
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[first:end] for first, end in pairwise(places)]
    assert read(*pieces) == read(stream)


def test_the_bounds_are_exact() -> None:
    assert read(b"data: 3456\n\n", max_bytes=10) == [ServerEvent("", "3456")]
    with pytest.raises(EventTooLongError):
        read(b"data: 34567\n\n", max_bytes=10)
    with pytest.raises(EventTooLongError):
        read(b"data: 345", b"67", max_bytes=10)


def test_many_short_lines_are_too_long_too() -> None:
    with pytest.raises(EventTooLongError):
        read(*[b"data: x\n"] * 100, max_bytes=100)
    with pytest.raises(EventTooLongError):
        read(*[b"data\n"] * 101, max_bytes=100)


def test_the_bound_is_for_each_event() -> None:
    assert len(read(b"data: x\n\n" * 100, max_bytes=10)) == 100
