"""Real audio in every container, made in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import av
import numpy as np
import pytest
from numpy.typing import NDArray

SECONDS = 2
LAYOUTS = {1: "mono", 2: "stereo", 8: "7.1", 16: "hexadecagonal"}


@dataclass(frozen=True)
class Recording:
    """An encoded sound, and the sound: float32 of shape (frames, channels)."""

    data: bytes
    samples: NDArray[np.float32]
    sample_rate: int


@dataclass(frozen=True)
class Target:
    """What to write: FFmpeg's names of container and encoder, rate, channels, muxer options."""

    muxer: str
    codec: str
    sample_rate: int
    channels: int
    options: tuple[tuple[str, str], ...] = ()
    codec_options: tuple[tuple[str, str], ...] = ()


TARGETS = {
    "wav": Target("wav", "pcm_s16le", 16_000, 1),
    "ogg-opus": Target("ogg", "libopus", 48_000, 1, (("page_duration", "20000"),)),
    "ogg-flac": Target("ogg", "flac", 16_000, 2, (("page_duration", "100000"),)),
    "8 channels": Target("ogg", "libopus", 48_000, 8, codec_options=(("mapping_family", "1"),)),
    "16 channels": Target("ogg", "libopus", 48_000, 16, codec_options=(("mapping_family", "255"),)),
    "webm": Target("webm", "libopus", 48_000, 2),
    "webm-live": Target("webm", "libopus", 48_000, 1, (("live", "1"),)),
    "mp3": Target("mp3", "libmp3lame", 44_100, 1),
    "flac": Target("flac", "flac", 22_050, 2),
    "m4a": Target(
        "mp4",
        "aac",
        48_000,
        1,
        (("movflags", "empty_moov+default_base_moof"), ("frag_duration", "100000")),
    ),
}


def chirp(sample_rate: int, channels: int, seconds: float = SECONDS) -> NDArray[np.float32]:
    """200 Hz rising by 300 Hz a second; the second channel is half as loud, and so on."""
    t = np.arange(int(sample_rate * seconds)) / sample_rate
    wave = 0.5 * np.sin(2 * np.pi * (200 * t + 150 * t**2))
    return np.stack([wave / (1 + c) for c in range(channels)], axis=1).astype(np.float32)


def write(target: Target, samples: NDArray[np.float32]) -> bytes:
    """Encode `samples` into a file of bytes."""
    file = io.BytesIO()
    with av.open(file, "w", format=target.muxer, options=dict(target.options)) as container:
        layout = LAYOUTS[target.channels]
        stream = container.add_stream(
            target.codec,
            rate=target.sample_rate,
            layout=layout,
            options=dict(target.codec_options),
        )
        assert isinstance(stream, av.AudioStream)
        packed = np.ascontiguousarray(samples.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout=layout)
        frame.sample_rate = target.sample_rate
        frame.pts = 0
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=target.sample_rate,
            frame_size=stream.codec_context.frame_size or 960,
        )
        for part in (*resampler.resample(frame), *resampler.resample(None)):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


@cache
def record(name: str) -> Recording:
    """Make the recording of a name in `TARGETS`."""
    target = TARGETS[name]
    samples = chirp(target.sample_rate, target.channels)
    return Recording(write(target, samples), samples, target.sample_rate)


@pytest.fixture(scope="session")
def recording() -> Callable[[str], Recording]:
    """A function from a name in TARGETS to its recording."""
    return record


@pytest.fixture(scope="session")
def flac_silence() -> Recording:
    """Two minutes of silence, which FLAC stores in very few bytes."""
    samples = np.zeros((48_000 * 120, 1), np.float32)
    return Recording(write(Target("flac", "flac", 48_000, 1), samples), samples, 48_000)
