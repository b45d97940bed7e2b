"""What can be measured of a recording of speech."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.convert import Samples
from streamkit.tts.voices.recording import READ_RATE

WINDOW_SAMPLES: Final = 512
"""What the detector of speech judges at once, at 16 kHz."""

FULL_SCALE: Final = 0.985
"""What counts as clipped: filters on the way make a flat top a little wavy."""

SILENCE_DB: Final = -100.0
"""Level of digital silence, which has none."""

_NOISE_PERCENTILE: Final = 10
"""The quietest moments are pauses: there is nothing but the room in them."""
_SPECTRUM_SAMPLES: Final = 8192
_LOWEST_TONE_HZ: Final = 20.0
_TELEPHONE_HZ: Final = 4_200.0


@dataclass(frozen=True, slots=True)
class Measurements:
    """What a recording is like; levels are in dB below full scale, as mean power."""

    seconds: float
    speech_seconds: float
    clipped: float
    """Share of the samples that are at full scale."""
    peak: float
    """Highest sample, without the offset."""
    offset: float
    """Mean of the samples: what a faulty input adds to all of them."""
    speech_db: float
    noise_db: float
    tone: float
    """Share of the power that is at one frequency."""
    treble: float
    """Share of the power that a telephone would not carry."""

    @property
    def speech(self) -> float:
        """Share of the time in which somebody speaks."""
        return self.speech_seconds / self.seconds if self.seconds else 0.0

    @property
    def distance_db(self) -> float:
        """Between speech and noise."""
        return self.speech_db - self.noise_db


def measure(samples: Samples, heard: Samples, spoken: npt.NDArray[np.bool_]) -> Measurements:
    """Measure a recording.

    Args:
        samples: mono at `READ_RATE`, at least one.
        heard: the same at 16 kHz.
        spoken: for each window of `WINDOW_SAMPLES` of `heard`, at least one: somebody speaks.
    """
    offset = float(samples.mean())
    windows = (heard - np.float32(offset))[: len(spoken) * WINDOW_SAMPLES].reshape(len(spoken), -1)
    powers = np.square(windows, dtype=np.float64).mean(axis=1)
    tone, treble = _spectrum(heard)
    return Measurements(
        seconds=len(samples) / READ_RATE,
        speech_seconds=float(spoken.sum()) * WINDOW_SAMPLES / SAMPLE_RATE,
        clipped=float((np.abs(samples) >= FULL_SCALE).mean()),
        peak=float(np.abs(samples - np.float32(offset)).max()),
        offset=offset,
        speech_db=_decibels((powers[spoken] if spoken.any() else powers).mean()),
        noise_db=_decibels(np.percentile(powers, _NOISE_PERCENTILE)),
        tone=tone,
        treble=treble,
    )


def _spectrum(heard: Samples) -> tuple[float, float]:
    """Shares of the power: of the strongest frequency, and above that of a telephone."""
    count = len(heard) // _SPECTRUM_SAMPLES
    if not count:
        return 0.0, 0.0
    blocks = heard[: count * _SPECTRUM_SAMPLES].reshape(count, _SPECTRUM_SAMPLES)
    window = np.hanning(_SPECTRUM_SAMPLES)
    power = np.square(np.abs(np.fft.rfft(blocks * window, axis=1))).sum(axis=0)
    hertz = np.fft.rfftfreq(_SPECTRUM_SAMPLES, 1 / SAMPLE_RATE)
    power[hertz < _LOWEST_TONE_HZ] = 0.0
    total = float(power.sum())
    if total <= 0:
        return 0.0, 0.0
    # A Hann window spreads a tone over its own bin and one or two on each side.
    around = np.convolve(power, np.ones(5), mode="same")
    return float(around.max()) / total, float(power[hertz > _TELEPHONE_HZ].sum()) / total


def _decibels(power: float) -> float:
    return max(10 * float(np.log10(power)), SILENCE_DB) if power > 0 else SILENCE_DB
