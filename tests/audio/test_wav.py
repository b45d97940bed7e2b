from __future__ import annotations

import io
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from streamkit.audio.wav import WavDecoder
from streamkit.errors import AudioFormatError

RATE = 16_000
CHIRP = np.stack([np.sin(np.arange(300) ** 1.3 / 50), np.cos(np.arange(300) / 9)], axis=1) * 0.7


def written(subtype: str = "PCM_16", format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, CHIRP, RATE, format=format, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize("format", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_reads_what_soundfile_writes(subtype: str, format: str) -> None:
    data = written(subtype, format)
    expected, _ = soundfile.read(io.BytesIO(data), dtype="float32")
    decoder = WavDecoder()
    samples = np.concatenate([decoder.feed(data), decoder.flush()])
    np.testing.assert_allclose(samples, expected, atol=1e-6)
    assert (decoder.sample_rate, decoder.channels) == (RATE, 2)


@given(st.lists(st.integers(0, len(written())), max_size=20))
def test_cutting_changes_nothing(cuts: list[int]) -> None:
    data = written()
    whole = WavDecoder().feed(data)
    decoder = WavDecoder()
    edges = [0, *sorted(cuts), len(data)]
    pieces = [decoder.feed(data[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate([p for p in pieces if len(p)]), whole)


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    padding = b"\0" * (len(body) % 2)
    return struct.pack("<4sI", name, len(body) if size is None else size) + body + padding


RIFF = b"RIFF\xff\xff\xff\xffWAVE"
FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))


def test_the_first_frame_needs_no_more_than_itself() -> None:
    decoder = WavDecoder()
    assert decoder.sample_rate is None
    decoder.feed(RIFF + FORMAT + struct.pack("<4sI", b"data", 1000))
    assert decoder.sample_rate == RATE
    assert decoder.feed(b"\x00\x40").tolist() == [[0.5]]


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF])
def test_an_unknown_length_goes_on_to_the_end(size: int) -> None:
    samples = WavDecoder().feed(RIFF + FORMAT + chunk(b"data", b"\x00\x40" * 50, size))
    assert len(samples) == 50


def test_chunks_around_the_audio_are_skipped() -> None:
    data = RIFF + chunk(b"LIST", b"odd") + FORMAT + chunk(b"fact", b"\0" * 4)
    data += chunk(b"data", b"\x00\x40" * 3) + chunk(b"id3 ", b"x" * 99)
    decoder = WavDecoder()
    assert decoder.feed(data).tolist() == [[0.5]] * 3
    assert decoder.feed(b"more of the last chunk").shape == (0, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"RIFX\0\0\0\0WAVE", "52 49 46 58"),
        (RIFF + chunk(b"data", b"\0\0"), "audio before its format"),
        (RIFF + chunk(b"fmt ", b"\0" * 4), "claims 4 bytes"),
        (RIFF + chunk(b"fmt ", b"", 2**31), "claims 2147483648 bytes"),
        (
            RIFF + chunk(b"fmt ", struct.pack("<HHIIHH", 2, 1, RATE, 0, 1, 4)),
            "format tag 0x0002 and 4 bits is not supported",
        ),
        (
            RIFF + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 96_000, 0, 2, 16)) + b"data" * 2,
            "96000 Hz is not supported",
        ),
        (
            RIFF + chunk(b"fmt ", struct.pack("<HHIIHH", 1, 99, RATE, 0, 2, 16)) + b"data" * 2,
            "99 channels are not supported",
        ),
    ],
)
def test_refuses_what_it_cannot_read(data: bytes, message: str) -> None:
    with pytest.raises(AudioFormatError, match=message):
        WavDecoder().feed(data)


def test_a_stream_that_ends_in_its_header_is_refused() -> None:
    decoder = WavDecoder()
    decoder.feed(RIFF)
    with pytest.raises(AudioFormatError, match="ended within its header"):
        decoder.flush()
