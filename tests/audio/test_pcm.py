from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.pcm import MAX_CHANNELS, RAW_ENCODINGS, AudioFormat, PcmDecoder, to_linear16
from streamkit.errors import AudioFormatError


@given(
    encoding=st.sampled_from(sorted(RAW_ENCODINGS)),
    channels=st.integers(1, MAX_CHANNELS),
    data=st.binary(max_size=200),
    cuts=st.lists(st.integers(0, 200), max_size=20),
)
def test_cutting_the_bytes_changes_nothing(
    encoding: str, channels: int, data: bytes, cuts: list[int]
) -> None:
    audio_format = AudioFormat(encoding, 8_000, channels)
    whole = PcmDecoder(audio_format).feed(data)
    decoder = PcmDecoder(audio_format)
    edges = [0, *sorted(min(c, len(data)) for c in cuts), len(data)]
    pieces = [decoder.feed(data[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate([*pieces, decoder.flush()]), whole)
    assert whole.shape == (len(data) // audio_format.frame_bytes, channels)
    assert whole.dtype == np.float32
    assert np.all(np.abs(whole) <= 1)
    assert decoder.pending_bytes == len(data) % audio_format.frame_bytes


def test_linear16_is_signed_and_little_endian() -> None:
    decoder = PcmDecoder(AudioFormat("linear16", 16_000, 2))
    samples = decoder.feed(struct.pack("<4h", 32_767, -32_768, 256, 0))
    np.testing.assert_array_equal(samples * 32_768, [[32_767, -32_768], [256, 0]])
    assert (decoder.sample_rate, decoder.channels) == (16_000, 2)


def test_linear32_is_cleaned() -> None:
    decoder = PcmDecoder(AudioFormat("linear32", 16_000, 1))
    samples = decoder.feed(struct.pack("<6f", 0.25, np.nan, np.inf, -np.inf, 3.0, -3.0))
    assert samples[:, 0].tolist() == [0.25, 0, 0, 0, 1, -1]


def test_an_odd_byte_waits_for_its_other_half() -> None:
    decoder = PcmDecoder(AudioFormat("linear16", 16_000, 1))
    assert decoder.feed(b"\x00").shape == (0, 1)
    assert decoder.pending_bytes == 1
    assert decoder.feed(b"\x40").tolist() == [[0.5]]
    assert decoder.pending_bytes == 0


@given(st.binary(max_size=200).filter(lambda data: len(data) % 2 == 0))
def test_linear16_survives_the_round_trip(data: bytes) -> None:
    assert to_linear16(PcmDecoder(AudioFormat("linear16", 8_000, 1)).feed(data)) == data


def test_to_linear16_clips_and_rounds() -> None:
    wild = np.array([[2.0, -2.0], [np.nan, 1.6 / 32_768]])
    assert to_linear16(wild) == struct.pack("<4h", 32_767, -32_768, 0, 2)


@pytest.mark.parametrize(
    ("encoding", "sample_rate", "channels", "message"),
    [
        ("linear8", 16_000, 1, "'linear8' is not supported; .*linear16, linear32, mulaw, alaw"),
        ("linear16", 7_999, 1, "7999 Hz is not supported; 8000 to 48000 Hz"),
        ("linear16", 96_000, 1, "96000 Hz is not supported; 8000 to 48000 Hz"),
        ("linear16", 16_000, 0, "0 channels are not supported; 1 to 8"),
        ("linear16", 16_000, 9, "9 channels are not supported; 1 to 8"),
    ],
)
def test_refuses_other_formats(
    encoding: str, sample_rate: int, channels: int, message: str
) -> None:
    with pytest.raises(AudioFormatError, match=message):
        AudioFormat(encoding, sample_rate, channels)
