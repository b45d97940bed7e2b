"""The one rate at which samples are counted inside: every position is a number of these."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 16_000
"""Hz; the rate of Silero and of Whisper."""

GRID_SAMPLES: Final = 160
"""10 ms: windows of speech begin at multiples of this, so that features fit every window."""


def seconds(duration: float) -> int:
    """A duration in seconds as a number of samples."""
    return round(duration * SAMPLE_RATE)


def on_grid(position: int) -> int:
    """The last place at or before a position where a window may begin."""
    return position - position % GRID_SAMPLES
