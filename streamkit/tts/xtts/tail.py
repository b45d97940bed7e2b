"""Ends a sentence where its words end: XTTS sometimes goes on, with sounds that nobody wrote.

After very short texts ("OK.") the model now and then invents a sigh, a syllable or noise, after a
pause; and after any text it may, rarely, not find its end at all. Here sound is watched on its
way out. Where a short text must be over and a silence follows, the sentence ends there; a text of
any length ends at the next quiet place once it takes longer than anybody would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from streamkit.tts.xtts.limits import LIMITS

Samples = npt.NDArray[np.float32]

SHORT: Final = 2.5
"""A text of up to so many times `LanguageLimits.short` characters is a short one: English, 30."""
SILENCE_SECONDS: Final = 0.3
"""No silence within a short text, but at its punctuation, is so long."""
PAUSE_SECONDS: Final = 0.12
"""A silence from which on it counts as the pause at a comma or full stop."""
TAIL_SECONDS: Final = 0.15
"""What remains of the silence where a sentence was ended."""
QUIET_SECONDS: Final = 0.06
"""A place where a sentence that takes too long may be ended."""
FASTEST: Final = 0.4
"""The fastest speakers take this part of the usual time; a short text is not over before."""
SLOWEST: Final = 2.0
"""The slowest speakers take so many times the usual time."""
OVERTIME: Final = 1.5
"""So many times longer than the slowest speaker is too long."""
_OVERTIME_SECONDS: Final = 1.0
"""Added to that, for pauses at the beginning."""
_PATIENCE: Final = 1.3
"""A text that takes so many times longer than too long is ended anywhere."""

_FRAME_SECONDS: Final = 0.01
_QUIET: Final = 0.05
"""Amplitude, as a part of that of the speech so far, below which it is silent (-26 dB)."""
_LEAST: Final = 0.001
"""Amplitude of speech, at least."""
_LEVEL: Final = 80
"""Percentile of the frames' amplitudes that stands for the speech so far."""
_LEVEL_FRAMES: Final = 10
"""So often it is measured anew."""
_LEAST_SECONDS: Final = 0.2
_PAUSE_SECONDS: Final = 0.3
_MARKS: Final = re.compile(r"[,;:.!?…、，；：。！？،؛؟।]")  # noqa: RUF001
_FADE_SECONDS: Final = 0.01


class TailGuard:
    """Watches the sound of one sentence.

    Loud sound is handed out at once (but for less than 10 ms that fill no frame yet); silence
    is held back only while it may turn out to be the end.

    Args:
        text: what is said.
        language: two letters, one of XTTS v2.
        speed: 1 is the voice's usual one.
        rate: of the sound, in Hz.

    Attributes:
        over: the sentence has ended; what is pushed now is thrown away.
        cut: samples that were thrown away so far.
    """

    def __init__(self, text: str, language: str, *, speed: float = 1.0, rate: int = 24_000) -> None:
        limits = LIMITS[language]
        parts = [part for part in _MARKS.split(text) if any(map(str.isalnum, part))]
        second = limits.seconds_per_character / speed
        self._short = len(text) <= SHORT * limits.short
        self._frame = max(1, round(rate * _FRAME_SECONDS))
        self._tail = round(rate * TAIL_SECONDS)
        self._fade = round(rate * _FADE_SECONDS)
        # Loud frames that the text needs at least, up to each of its marks and after the last.
        self._needed = [
            _frames(max(_LEAST_SECONDS, FASTEST * second * len(part))) for part in parts
        ]
        longest = SLOWEST * (second * len(text) + _PAUSE_SECONDS / speed * len(parts))
        self._late = _frames(longest)
        self._latest = _frames(OVERTIME * longest + _OVERTIME_SECONDS)
        self._rest: Samples = np.zeros(0, np.float32)
        self._held: list[Samples] = []
        self._levels: list[float] = []
        self._loudness = 0.0
        self._begun = -1
        self._loud = 0
        self._silent = 0
        self.over = False
        self.cut = 0

    def push(self, samples: Samples) -> Samples:
        """Take the next sound.

        Args:
            samples: float32 mono, any number.

        Returns:
            What is to be heard now; it may be nothing, or more than was given.
        """
        if self.over:
            self.cut += len(samples)
            return np.zeros(0, np.float32)
        heard: list[Samples] = []
        for frame in self._frames_of(samples):
            if self.over:
                self.cut += len(frame)
            else:
                heard += self._watch(frame)
        if self.over:
            self.cut += len(self._rest)
            self._rest = np.zeros(0, np.float32)
        return np.concatenate([np.zeros(0, np.float32), *heard])

    def finish(self) -> Samples:
        """The model has said everything: return what was held back."""
        held = [np.zeros(0, np.float32), *self._held, self._rest]
        self._held, self._rest = [], np.zeros(0, np.float32)
        self.over = True
        return np.concatenate(held)

    def _frames_of(self, samples: Samples) -> Iterator[Samples]:
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) // self._frame * self._frame
        self._rest = sound[whole:]
        return iter(sound[:whole].reshape(-1, self._frame))

    def _watch(self, frame: Samples) -> list[Samples]:
        """Look at one frame; return what is to be heard."""
        level = float(np.sqrt(np.mean(frame**2)))
        loud = level > max(_LEAST, _QUIET * self._speech())
        self._levels.append(level)
        if loud:
            if self._begun < 0:
                self._begun = len(self._levels)
            if self._silent >= _frames(PAUSE_SECONDS) and self._is_said() and self._needed[1:]:
                # This was the pause at a mark within the text.
                del self._needed[0]
                self._loud = 0
            self._loud += 1
            self._silent = 0
        else:
            self._silent += 1
        elapsed = len(self._levels)
        if elapsed > _PATIENCE * self._latest:
            return self._end([*self._held, frame])
        if loud or not self._may_end(elapsed):
            heard = [*self._held, frame]
            self._held.clear()
            return heard
        self._held.append(frame)
        needed = QUIET_SECONDS if elapsed > self._latest else SILENCE_SECONDS
        return self._end(self._held) if self._silent >= _frames(needed) else []

    def _speech(self) -> float:
        """How loud the speech was so far."""
        elapsed = len(self._levels)
        if self._begun >= 0 and (elapsed % _LEVEL_FRAMES == 0 or elapsed < 2 * _LEVEL_FRAMES):
            self._loudness = float(np.percentile(self._levels[self._begun - 1 :], _LEVEL))
        return self._loudness

    def _may_end(self, elapsed: int) -> bool:
        """Tell whether a silence now would be the end of the sentence."""
        if elapsed > self._latest:
            return True
        if not self._short or not self._is_said():
            return False
        return len(self._needed) <= 1 or elapsed > self._late

    def _is_said(self) -> bool:
        """Tell whether the text up to its next mark, or to its end, can have been said."""
        return not self._needed or self._loud >= self._needed[0]

    def _end(self, frames: list[Samples]) -> list[Samples]:
        """The sentence ends with these frames, of which a short tail is heard."""
        sound = np.concatenate(frames)
        tail = sound[: self._tail].copy()
        fade = min(self._fade, len(tail))
        tail[len(tail) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        self.cut += len(sound) - len(tail)
        self._held = []
        self.over = True
        return [tail]


def _frames(seconds: float) -> int:
    return max(1, round(seconds / _FRAME_SECONDS))
