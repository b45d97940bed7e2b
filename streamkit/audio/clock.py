"""The one rate at which samples are counted inside: every position is a number of these."""

from __future__ import annotations

from typing import Final

SAMPLE_RATE: Final = 16_000
"""Hz; the rate of Silero and of Whisper."""


def seconds(duration: float) -> int:
    """A duration in seconds as a number of samples."""
    return round(duration * SAMPLE_RATE)
