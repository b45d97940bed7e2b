"""The sound of one text, sentence by sentence out of the process of a speech model."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import SpeechPiece, WordMark
from streamkit.tts.worker.jobs import Sentence
from streamkit.tts.worker.messages import Samples

AHEAD_SECONDS: Final = 5.0
"""The next sentence is begun when the one before it was spoken to its end, and less than this of
it is still to be heard: early enough for a model to find its first sound, late enough that an
interruption throws little away."""
PAUSE_SECONDS: Final = 0.15
"""Between two sentences, which a model ends without much silence."""


class WorkerStream:
    """The sound of one text; see `SpeechStream`.

    At most one sentence is being spoken for it at a time, so that streams share the model evenly,
    and what waits to be heard is never more than `AHEAD_SECONDS` and one sentence.

    Args:
        begin: each begins one sentence; called in order.
    """

    def __init__(self, begin: Sequence[Callable[[], Sentence]]) -> None:
        # Kept to the end: whoever begins sentences must not go away while they are listened to.
        self._begin = begin
        self._next_number = 0
        self._begun: deque[Sentence] = deque()
        self._lock = threading.Lock()
        self._closed = False
        self._samples = 0
        self._sentence_start = 0

    def __iter__(self) -> WorkerStream:
        """Return the stream itself."""
        return self

    def __next__(self) -> SpeechPiece:
        """Wait for the next sound.

        Raises:
            StopIteration: everything has been said, or the stream was closed.
            SynthesisError: the voice failed; the stream is closed.
        """
        try:
            piece = self._next()
        except SynthesisError:
            self.close()
            raise
        if piece is None or self._closed:
            self.close()
            raise StopIteration
        self._samples += len(piece.samples)
        return piece

    def close(self) -> None:
        """Stop speaking; may be called from any thread, and lets one go that waits."""
        with self._lock:
            self._closed = True
            begun = list(self._begun)
            self._begun.clear()
            self._begin = ()
        for sentence in begun:
            sentence.close()

    def _next(self) -> SpeechPiece | None:
        while (sentence := self._current()) is not None:
            sound = sentence.take()
            if sound is not None:
                self._look_ahead()
                return self._make_piece(sentence, sound.samples, sound.marks)
            if self._closed:
                return None
            said_something = self._samples > self._sentence_start
            with self._lock:
                if self._begun:
                    self._begun.popleft()
            self._look_ahead()
            if said_something and (self._begun or self._has_more()):
                pause = np.zeros(round(PAUSE_SECONDS * sentence.sample_rate), np.float32)
                self._sentence_start = self._samples + len(pause)
                return self._make_piece(sentence, pause, ())
            self._sentence_start = self._samples
        return None

    def _current(self) -> Sentence | None:
        """The sentence that is listened to; begins it when it was not begun ahead.

        Raises:
            SynthesisError: it cannot be begun.
        """
        with self._lock:
            if not self._begun and self._has_more():
                self._begin_next()
            return self._begun[0] if self._begun else None

    def _look_ahead(self) -> None:
        """Begin the next sentence, when it is time."""
        with self._lock:
            if not self._has_more() or len(self._begun) > 1:
                return
            if self._begun:
                last = self._begun[0]
                if not last.over or last.unread_seconds >= AHEAD_SECONDS:
                    return
            try:
                self._begin_next()
            except SynthesisError:
                # Too early to fail: it is tried again when it is needed.
                return

    def _has_more(self) -> bool:
        return self._next_number < len(self._begin)

    def _begin_next(self) -> None:
        """Begin the next sentence; where that fails, it stays the next one."""
        self._begun.append(self._begin[self._next_number]())
        self._next_number += 1

    def _make_piece(
        self, sentence: Sentence, samples: Samples, marks: tuple[WordMark, ...]
    ) -> SpeechPiece:
        start = self._sentence_start
        shifted = (
            WordMark(mark.text_offset, mark.text_length, start + mark.sample) for mark in marks
        )
        return SpeechPiece(samples, sentence.sample_rate, tuple(shifted))
