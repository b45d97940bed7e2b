"""What a recognizer takes and gives, whichever engine it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Word:
    """One word as a reader sees it.

    Attributes:
        text: with its punctuation, without blanks around it.
        start: position of its first sample since the start of the stream, at 16 kHz.
        end: position after its last sample.
        probability: mean probability of its tokens, 0..1.
        tokens: the engine's tokens, so that the word can be forced again unchanged; empty for
            a word that another engine or an earlier session gave.
        spaced: a blank stands before it when words are joined (not so in Chinese, say).
    """

    text: str
    start: int
    end: int
    probability: float
    tokens: tuple[int, ...] = ()
    spaced: bool = True


def join(words: Iterable[Word]) -> str:
    """The words as one text."""
    return "".join(f" {word.text}" if word.spaced else word.text for word in words).strip()


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """One window of audio to decode.

    Attributes:
        samples: float32 mono at 16 kHz, at most 30 s.
        start: position of the first sample in the stream.
        prefix: committed words that lie in this window: the answer has to begin with them.
        language: ISO 639-1 code, or None to let the model detect it.
        final: nothing will be heard after this window; worth more effort than a partial.
    """

    samples: npt.NDArray[np.float32]
    start: int
    prefix: tuple[Word, ...] = ()
    language: str | None = "en"
    final: bool = False

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.start + len(self.samples)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the recognizer believes was said in a window.

    Attributes:
        words: the words *after* the request's prefix, times not decreasing.
        start: position of the first sample of the window.
        end: position after the last sample of the window: audio beyond it was not heard.
        language: ISO 639-1 code that was used or detected.
        no_speech_probability: 0..1.
        average_logprob: mean log-probability of the tokens (0 is certain).
        doubtful: the text looks like a decoding failure (repetition, say), not like speech.
    """

    words: tuple[Word, ...]
    start: int
    end: int
    language: str = "en"
    no_speech_probability: float = 0.0
    average_logprob: float = 0.0
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a client may know about the model behind a recognizer.

    Attributes:
        name: registry name, never a path.
        languages: ISO 639-1 codes that it takes.
    """

    name: str
    languages: frozenset[str] = field(default_factory=lambda: frozenset({"en"}))


@runtime_checkable
class Recognizer(Protocol):
    """An engine that turns one window of audio into words.

    Guarantees that every implementation gives:

    * `recognize` may be called from several threads at once and keeps nothing between
      calls: the answer depends on the request alone.
    * The request's prefix is taken as said; `words` holds only what comes after it.
    * Word times lie within the window and do not decrease.
    * A failure is a `RecognitionError`; the recognizer can be used again afterwards.
    """

    @property
    def info(self) -> ModelInfo:
        """Which model it is."""
        ...

    def recognize(self, request: RecognitionRequest) -> Hypothesis:
        """Decode one window; blocks for as long as the engine computes."""
        ...
