"""What every synthesizer of speech promises: text in, sound out, piece by piece.

The Protocol is made for a reply that may be interrupted at any moment: sound is handed
out in short pieces as it becomes ready, each with the marks of the words that begin in
it, and a stream can be closed from another thread while one waits for its next piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class WordMark:
    """Where one word of the text begins in the sound.

    A synthesizer may speak some words as one ("of the"); they share one mark then,
    whose text range holds them all.
    """

    text_offset: int
    """Index of the word's first character in the text that was given."""
    text_length: int
    """Characters from there to the end of the word, outer punctuation not included."""
    sample: int
    """Where the word begins, in samples since the start of the stream."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeechPiece:
    """A stretch of sound; it follows the piece before it without a gap."""

    samples: npt.NDArray[np.float32]
    """Mono, at least one sample, within [-1, 1]."""
    sample_rate: int
    """In Hz; the same for all pieces of one stream."""
    marks: tuple[WordMark, ...]
    """The words that begin within this piece, in order."""


@dataclass(frozen=True, slots=True)
class Voice:
    """One voice that a synthesizer accepts by name."""

    name: str
    """What `Synthesizer.synthesize` takes as `voice`."""
    language: str
    """BCP 47 tag in lower case, as in "en-us"."""
    description: str


class SpeechStream(Protocol):
    """The sound of one text, to be iterated once.

    Guarantees:
        * One thread iterates; `close` may be called from any thread, any number of times.
        * After `close` has returned no further piece is begun: iteration ends with
          StopIteration. A thread that waits inside ``next()`` at that moment is released as
          soon as the engine can stop, without an error.
        * A stream that nobody iterates costs nothing and holds no engine, lock or thread,
          so a slow listener never delays another stream.
        * Memory is bounded: work runs ahead of the listener by a fixed amount at most.
        * The marks of a stream go up in `text_offset` and never down in `sample`, lie
          inside the sound, and together cover every word of the text.
    """

    def __iter__(self) -> SpeechStream:
        """Return the stream itself."""
        ...

    def __next__(self) -> SpeechPiece:
        """Wait for the next piece.

        Raises:
            StopIteration: everything has been said, or the stream was closed.
            SynthesisError: the engine failed; the stream is closed.
        """
        ...

    def close(self) -> None:
        """Stop speaking; harmless when already over."""
        ...


class Synthesizer(Protocol):
    """An engine that speaks.

    Guarantees:
        * `synthesize` may be called from several threads at once. Whether streams are
          computed at the same time or in turns is the engine's business; the sound of one
          never holds anything of another.
        * Bad arguments fail in `synthesize` itself, not at the first piece.
        * Text without anything to say gives a stream without words, and possibly without
          pieces.
    """

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> SpeechStream:
        """Begin to speak a text.

        Args:
            text: what to say, plain text.
            voice: name of a voice, see `voices`; None: the default one of `language`.
            language: BCP 47 tag such as "en-US"; None: that of the voice. Where both are
                given and the voice speaks one language only, the voice decides.
            speed: 1 is the voice's usual speed, 2 is about twice as fast.

        Raises:
            SynthesisError: the voice or language is unknown, or the text or speed out of
                range; the message says what is accepted.
        """
        ...

    def voices(self) -> Sequence[Voice]:
        """All voices, sorted by name.

        Raises:
            SynthesisError: the engine cannot be loaded.
        """
        ...
