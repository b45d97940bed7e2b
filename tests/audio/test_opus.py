from __future__ import annotations

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from streamkit.audio.opus import OpusPacketDecoder
from streamkit.errors import AudioFormatError

# Samples of a packet -> samples that libopus looks ahead when it encodes such packets (48 kHz).
LOOK_AHEAD = {120: 120, 960: 312, 2_880: 312}


def chirp(channels: int) -> NDArray[np.float32]:
    t = np.arange(48_000) / 48_000
    wave = 0.5 * np.sin(2 * np.pi * (200 * t + 400 * t**2))
    return np.stack([wave / (1 + c) for c in range(channels)], axis=1).astype(np.float32)


def packets(samples: NDArray[np.float32], frame: int = 960) -> list[bytes]:
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate = 48_000
    encoder.layout = "stereo" if samples.shape[1] == 2 else "mono"
    encoder.format = "flt"
    encoder.options = {"frame_duration": str(frame / 48)}
    encoder.open()
    made: list[bytes] = []
    for start in range(0, len(samples), frame):
        packed = np.ascontiguousarray(samples[start : start + frame].reshape(1, -1))
        part = av.AudioFrame.from_ndarray(packed, format="flt", layout=encoder.layout.name)
        part.sample_rate = 48_000
        made += map(bytes, encoder.encode(part))
    return made


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frame", LOOK_AHEAD)
def test_each_packet_gives_its_own_frames(channels: int, frame: int) -> None:
    samples = chirp(channels)
    decoder = OpusPacketDecoder(16_000, channels)
    pieces = [decoder.feed(packet) for packet in packets(samples, frame)]
    assert {piece.shape for piece in pieces} == {(frame, channels)}
    assert decoder.flush().shape == (0, channels)
    assert (decoder.sample_rate, decoder.channels) == (48_000, channels)
    got = np.concatenate(pieces)[LOOK_AHEAD[frame] :]
    assert got.dtype == np.float32
    for channel in range(channels):
        same = np.corrcoef(got[:40_000, channel], samples[:40_000, channel])[0, 1]
        assert same > 0.99


def test_a_bad_packet_is_refused_and_the_next_one_is_decoded() -> None:
    good = packets(chirp(1))[0]
    decoder = OpusPacketDecoder()
    with pytest.raises(AudioFormatError, match=r"4 bytes is no Opus packet .*ogg-opus"):
        decoder.feed(b"\xff\xff\xff\xff")
    assert decoder.feed(good).shape == (960, 1)


def test_an_empty_message_is_nothing() -> None:
    assert OpusPacketDecoder(channels=2).feed(b"").shape == (0, 2)


@pytest.mark.parametrize(("rate", "channels"), [(16_000, 3), (16_000, 0), (96_000, 1)])
def test_refuses_other_formats(rate: int, channels: int) -> None:
    with pytest.raises(AudioFormatError, match="not supported"):
        OpusPacketDecoder(rate, channels)
