"""What is said into the page's microphone: sentences that the micro model knows, and pauses."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import soxr

from streamkit_benchmarks.voice_sounds import FULL_SCALE, WIRE_RATE, Samples, Voices

RATE: Final = 48_000
"""Of the files that Chromium takes for a microphone."""

EDGE: Final = 0.05
"""Of full scale: what is quieter at the end of a sentence is left out."""

SHORT_WORDS: Final = 4
"""What has fewer words is left out: it has hardly anything to show."""


class Speech:
    """A sound file that grows.

    Args:
        voices: who say it; their sentences come but once.

    Attributes:
        texts: what is said, in order.
        seconds: how long it is.
    """

    def __init__(self, voices: Voices) -> None:
        self.texts: list[str] = []
        self.seconds = 0.0
        self._voices = voices
        self._pieces: list[Samples] = []

    def pause(self, seconds: float) -> Speech:
        """Say nothing."""
        return self._add(np.zeros(round(seconds * WIRE_RATE), np.int16))

    def say(self, *, long: bool = False) -> Speech:
        """Say a sentence; `long`: one whose answer can be broken into."""
        sound = self._voices.sentence(long=long)
        while sound.name in self.texts or len(sound.name.split()) < SHORT_WORDS:
            sound = self._voices.sentence(long=long)
        self.texts.append(sound.name)
        # It ends so abruptly that after all that the browser does to its sound there is no doubt
        # where. Words may begin softly.
        clear = np.flatnonzero(np.abs(sound.samples.astype(np.int32)) >= EDGE * FULL_SCALE)
        return self._add(sound.samples[sound.loud[0] : clear[-1] + 1])

    def write(self, path: Path) -> Path:
        """Make it a WAV file at 48 kHz."""
        import soundfile

        sound = soxr.resample(np.concatenate(self._pieces), WIRE_RATE, RATE)
        soundfile.write(path, sound, RATE, subtype="PCM_16")
        return path

    def _add(self, samples: Samples) -> Speech:
        self._pieces.append(samples)
        self.seconds += len(samples) / WIRE_RATE
        return self
