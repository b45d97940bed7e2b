from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.worker.framing import MAX_FRAME_BYTES, FrameDecoder, FramingError, frame


@given(payloads=st.lists(st.binary(max_size=50)), cuts=st.lists(st.integers(1, 40)))
def test_messages_come_whole_however_their_bytes_come(
    payloads: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(map(frame, payloads))
    decoder = FrameDecoder()
    found = []
    for cut in cuts:
        found += decoder.feed(data[:cut])
        data = data[cut:]
    found += decoder.feed(data)
    assert found == payloads


def test_a_message_leaves_before_the_next_one_is_complete() -> None:
    decoder = FrameDecoder()
    assert list(decoder.feed(frame(b"one") + frame(b"two")[:-1])) == [b"one"]
    assert list(decoder.feed(b"o")) == [b"two"]


@pytest.mark.parametrize("data", [b"not a message", b"SKW1\xff\xff\xff\xff", b"\x00" * 8])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(FramingError):
        list(FrameDecoder().feed(data))


def test_what_comes_before_other_bytes_is_given() -> None:
    messages = FrameDecoder().feed(frame(b"one") + b"something else")
    assert next(messages) == b"one"
    with pytest.raises(FramingError):
        next(messages)


def test_a_message_that_could_not_be_read_is_not_made() -> None:
    with pytest.raises(FramingError, match=str(MAX_FRAME_BYTES)):
        frame(bytes(MAX_FRAME_BYTES + 1))
