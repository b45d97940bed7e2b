"""The microphone's sound at the rate of the Realtime protocol, in whole frames of 10 ms. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streamkit.audio.resample import StreamingResampler
from streamkit.client.playback import REALTIME_RATE
from streamkit.client.sources import AudioBlock

FRAME = REALTIME_RATE // 100
"""Samples of a frame; what an echo canceller works on."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Whole frames of sound.

    Attributes:
        samples: int16 of shape (n * `FRAME`,), n > 0, at `REALTIME_RATE`.
        captured_at: Unix time of the first one.
        missing: samples before them that were lost.
    """

    samples: NDArray[np.int16]
    captured_at: float
    missing: int


class Framer:
    """Brings blocks of any length and rate into frames, and keeps their times right.

    Args:
        sample_rate: of the blocks.
    """

    def __init__(self, sample_rate: int) -> None:
        self._rate = sample_rate
        self._resampler = StreamingResampler(sample_rate, REALTIME_RATE)
        self._rest = np.zeros(0, np.int16)
        self._missing = 0
        self._given = 0
        self._returned = 0

    def process(self, block: AudioBlock, now: float) -> Frames | None:
        """Take in a block and return what is ready; None: less than a frame.

        Args:
            block: int16 samples; without a time of capture it ended just now.
            now: Unix time.
        """
        samples = block.samples
        ended = now
        if block.captured_at is not None:
            ended = block.captured_at + len(samples) / self._rate
        self._given += len(samples)
        self._missing += round(block.dropped * REALTIME_RATE / self._rate)
        if self._rate != REALTIME_RATE:
            resampled = self._resampler.process(samples.astype(np.float32))
            samples = np.clip(np.rint(resampled), -32768, 32767).astype(np.int16)
        ready = np.concatenate([self._rest, samples])
        whole = len(ready) - len(ready) % FRAME
        self._rest = ready[whole:]
        if not whole:
            return None
        # What the resampler and the rest hold back is younger than what is returned.
        held = self._given / self._rate - (self._returned + whole) / REALTIME_RATE
        self._returned += whole
        frames = Frames(ready[:whole], ended - held - whole / REALTIME_RATE, self._missing)
        self._missing = 0
        return frames
