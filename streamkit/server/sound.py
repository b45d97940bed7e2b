"""What happens to a reply's sound between the voice and the client; no tasks, no sockets.

A voice gives pieces at its own rate, often with silence before the first word. The client gets
one stream at the rate that it asked for, which begins with the first word, and is told where in
it each word begins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from streamkit.audio.g711 import encode_alaw, encode_mulaw
from streamkit.audio.layouts import ALAW, LINEAR16, MULAW, SampleLayout
from streamkit.audio.pcm import to_linear16
from streamkit.audio.resample import StreamingResampler
from streamkit.tts.synthesizer import SpeechPiece, WordMark

Samples = npt.NDArray[np.float32]

AUDIBLE: Final = 10 ** (-50 / 20)
"""-50 dB below full scale: the noise floor of neural voices lies below it, no consonant does."""

KEPT_SECONDS: Final = 0.01
"""Of the silence before the first sound that can be heard, so that its attack is whole."""

LAYOUTS: Final[dict[str, SampleLayout]] = {
    "audio/pcm": LINEAR16,
    "audio/pcmu": MULAW,
    "audio/pcma": ALAW,
}
"""How samples stand in the client's bytes, by OpenAI's names of the formats."""

ENCODERS: Final[dict[str, Callable[[npt.NDArray[np.floating[Any]]], bytes]]] = {
    "audio/pcm": to_linear16,
    "audio/pcmu": encode_mulaw,
    "audio/pcma": encode_alaw,
}
"""Samples in [-1, 1] -> the client's bytes."""


def first_audible(samples: Samples) -> int | None:
    """Index of the first sample that can be heard; None: there is none."""
    loud = np.abs(samples) >= AUDIBLE
    first = int(loud.argmax()) if len(loud) else 0
    return first if len(loud) and loud[first] else None


class LeadingSilence:
    """Cuts the silence at the beginning of a stream, all but `KEPT_SECONDS` of it.

    Args:
        rate: of the stream, in Hz.

    Attributes:
        cut: samples that were left out so far; final once anything was handed out.
    """

    def __init__(self, rate: int) -> None:
        self.cut = 0
        self._keep = round(KEPT_SECONDS * rate)
        self._held: Samples | None = np.zeros(0, np.float32)

    def trim(self, samples: Samples) -> Samples:
        """The next samples without what is to be cut; nothing while all is silent.

        What is held back when the stream ends was silence, and is forgotten.
        """
        if self._held is None:
            return samples
        samples = np.concatenate([self._held, samples])
        audible = first_audible(samples)
        start = max(0, (len(samples) if audible is None else audible) - self._keep)
        self.cut += start
        if audible is None:
            self._held = samples[start:].copy()
            return samples[:0]
        self._held = None
        return samples[start:]


@dataclass(frozen=True, slots=True, eq=False)
class Shaped:
    """Sound as the client gets it, in mono at the client's rate.

    Attributes:
        samples: possibly none.
        marks: words that begin in it; `sample` counts from the beginning of the piece's sound.
        audible: index of the first sample that can be heard; None: there is none.
    """

    samples: Samples
    marks: tuple[WordMark, ...] = ()
    audible: int | None = None


class PieceShaper:
    """Brings the sound of one text to the client's rate.

    Args:
        rate: Hz, 8000 to 48000.
        trim: cut the silence at the beginning.
    """

    def __init__(self, rate: int, *, trim: bool) -> None:
        self._rate = rate
        self._silence = LeadingSilence(rate) if trim else None
        self._resampler: StreamingResampler | None = None
        self._marks: deque[WordMark] = deque()
        self._end = 0

    def shape(self, piece: SpeechPiece) -> Shaped:
        """Take the next sound that the voice gave."""
        if self._resampler is None:
            self._resampler = StreamingResampler(piece.sample_rate, self._rate)
        scale = self._rate / piece.sample_rate
        self._marks.extend(
            WordMark(mark.text_offset, mark.text_length, round(mark.sample * scale))
            for mark in piece.marks
        )
        return self._hand_out(self._resampler.process(piece.samples), last=False)

    def finish(self) -> Shaped:
        """What is left when the voice has said everything."""
        rest = np.zeros(0, np.float32) if self._resampler is None else self._resampler.flush()
        return self._hand_out(rest, last=True)

    def _hand_out(self, samples: Samples, *, last: bool) -> Shaped:
        if self._silence is not None:
            samples = self._silence.trim(samples)
        self._end += len(samples)
        marks = []
        while self._marks and (last or self._place(self._marks[0]) < self._end):
            mark = self._marks.popleft()
            # The last word may begin in silence that was left out.
            at = min(self._place(mark), max(0, self._end - 1))
            marks.append(WordMark(mark.text_offset, mark.text_length, at))
        return Shaped(samples, tuple(marks), first_audible(samples))

    def _place(self, mark: WordMark) -> int:
        """Where a word begins in the sound as it is handed out."""
        return max(0, mark.sample - (0 if self._silence is None else self._silence.cut))


class SoundBuffer:
    """A reply's sound that was made and is not sent yet; positions count from its beginning.

    Attributes:
        start: position of the first sample that is held.
        end: position after the last one.
    """

    def __init__(self) -> None:
        self.start = 0
        self.end = 0
        self._pieces: deque[Samples] = deque()

    def __len__(self) -> int:
        """Samples that are held."""
        return self.end - self.start

    def append(self, samples: Samples) -> None:
        """More sound."""
        if len(samples):
            self._pieces.append(samples)
            self.end += len(samples)

    def take(self, start: int, end: int) -> Samples:
        """The samples [start, end); they and those before them are forgotten.

        Raises:
            IndexError: some of them are not held.
        """
        if not self.start <= start <= end <= self.end:
            raise IndexError(
                f"samples {start} to {end} of a reply were asked for, and {self.start} to "
                f"{self.end} are held"
            )
        self._split(start)
        return np.concatenate([np.zeros(0, np.float32), *self._split(end)])

    def _split(self, at: int) -> list[Samples]:
        """Take out everything before a position."""
        taken = []
        while self.start < at:
            piece = self._pieces.popleft()
            count = min(len(piece), at - self.start)
            if count < len(piece):
                self._pieces.appendleft(piece[count:])
            taken.append(piece[:count])
            self.start += count
        return taken
