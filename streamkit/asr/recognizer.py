"""What a recognizer takes and gives, whichever engine it is."""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from streamkit.asr.quality import Decision, Doubt


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


class Task(enum.Enum):
    """What a recognizer makes of speech."""

    TRANSCRIBE = "transcribe"
    """The words that were said."""
    TRANSLATE = "translate"
    """What they mean, in English."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What somebody knows about the speech before it is heard; the same for a whole stream.

    Attributes:
        language: ISO 639-1 code of the speech, or None to let the model detect it.
        task: transcribe, or translate into English.
        keyterms: names and terms that are likely to be said.
        prompt: text that might have come before, for its style and its words.
    """

    language: str | None = "en"
    task: Task = Task.TRANSCRIBE
    keyterms: tuple[str, ...] = ()
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class RecognitionRequest:
    """One window of audio to decode.

    Attributes:
        samples: float32 mono at 16 kHz, at most 30 s.
        start: position of the first sample in the stream.
        prefix: committed words that lie in this window: the answer has to begin with them.
        context: committed words before the window, the newest last.
        guidance: what the client knows.
        language: ISO 639-1 code, or None to let the model detect it.
        likely_language: of the speech before; a detection that is not sure keeps to it.
        final: nothing will be heard after this window; worth more effort than a partial.
        features: what the stream's `FrontEnd` gives for this window; None: not computed yet.
    """

    samples: npt.NDArray[np.float32]
    start: int
    prefix: tuple[Word, ...] = ()
    context: tuple[Word, ...] = ()
    guidance: Guidance = field(default_factory=Guidance)
    language: str | None = "en"
    likely_language: str | None = None
    final: bool = False
    features: npt.NDArray[np.float32] | None = None

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
        decision: how the answer was come by.
        doubts: why the first answer was not taken.
    """

    words: tuple[Word, ...]
    start: int
    end: int
    language: str = "en"
    no_speech_probability: float = 0.0
    average_logprob: float = 0.0
    decision: Decision = Decision.ACCEPTED
    doubts: frozenset[Doubt] = frozenset()

    @property
    def doubtful(self) -> bool:
        """The text looks like a decoding failure (repetition, say), not like speech."""
        return self.decision is Decision.REJECTED


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a client may know about the model behind a recognizer.

    Attributes:
        name: registry name, never a path.
        languages: ISO 639-1 codes that it takes.
        translates: it knows `Task.TRANSLATE`.
    """

    name: str
    languages: frozenset[str] = field(default_factory=lambda: frozenset({"en"}))
    translates: bool = False


class FrontEnd(Protocol):
    """Computes an engine's features of one stream as its sound arrives."""

    def push(self, samples: npt.NDArray[np.float32]) -> None:
        """Take in the next samples of the stream."""
        ...

    def window(self, samples: npt.NDArray[np.float32], start: int) -> npt.NDArray[np.float32]:
        """The features of samples that were pushed; `start` is a multiple of 160."""
        ...


@runtime_checkable
class Recognizer(Protocol):
    """An engine that turns windows of audio into words.

    Guarantees that every implementation gives:

    * It may be called from several threads at once and keeps nothing between calls: an
      answer depends on its request alone, and on chance where it had to be sampled.
    * The request's prefix is taken as said; `words` holds only what comes after it.
    * Word times lie within the window and do not decrease.
    * A failure is a `RecognitionError`; the recognizer can be used again afterwards.
    """

    @property
    def info(self) -> ModelInfo:
        """Which model it is."""
        ...

    def front_end(self, capacity: int) -> FrontEnd | None:
        """Something that computes the features of one stream, if the engine has such a thing.

        Args:
            capacity: samples that a window may reach back behind the newest one.
        """
        ...

    def batch_key(self, request: RecognitionRequest) -> Hashable | None:
        """Requests with equal keys can be decoded together; None: only alone."""
        ...

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        """Decode windows with one key; blocks for as long as the engine computes."""
        ...
