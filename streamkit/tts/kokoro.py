"""A natural voice for machines without a GPU: Kokoro v1.0 behind the Synthesizer Protocol.

It needs the extra ``[kokoro]`` and its weights, which are not part of the package. The code that
is installed by it is under MIT (kokoro-onnx) and GPL-3.0 (phonemizer, espeak-ng); the weights are
under Apache-2.0.

A text is spoken in segments (`streamkit.tts.kokoro_text`), each computed as a whole when the
listener asks for its first piece; so work runs ahead of the listener by one segment at most, and a
stream that nobody iterates costs nothing. The silence that the model puts around each is cut, and
a pause that suits the text takes its place.

Where words begin comes from the model if it tells how long each phoneme is, then it is right
within one frame (25 ms). The released file does not, and for it the places are estimated; see
`streamkit.tts.kokoro_timing` for how, and for how exact that is.
"""

from __future__ import annotations

import os
import re
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from streamkit.errors import SynthesisError
from streamkit.tts.arguments import check_arguments
from streamkit.tts.kokoro_model import MAX_PHONEMES, SAMPLE_RATE, KokoroModel, Samples
from streamkit.tts.kokoro_phonemes import Phonemizer, SpokenText
from streamkit.tts.kokoro_text import Boundary, Segment, cut_text, halve
from streamkit.tts.kokoro_timing import place_phonemes, sound_bounds
from streamkit.tts.kokoro_turns import Cancellation
from streamkit.tts.kokoro_voices import OPENAI_VOICES, Language, choose, describe, language_of
from streamkit.tts.speech_engine import SpeechEngine
from streamkit.tts.synthesizer import SpeechPiece, Voice, WordMark
from streamkit.tts.voice_names import UnknownVoiceError

MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.0
MAX_USUAL_THREADS: Final = 4
"""More of them speak a segment hardly sooner, and keep the others waiting."""
PIECE_MILLISECONDS: Final = 60

PAUSE_SECONDS: Final = {Boundary.WORD: 0.0, Boundary.CLAUSE: 0.12, Boundary.SENTENCE: 0.3}
"""Silence between two segments at the usual speed, by what the first of them ends with."""
MARGIN_SECONDS: Final = 0.015
"""Silence that is left on both sides of a segment, so that its attack and its end are whole."""

_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_WARM_UP: Final = "Hello."


@dataclass(frozen=True, slots=True)
class _Loaded:
    model: KokoroModel
    phonemizer: Phonemizer


class KokoroSynthesizer:
    """Speaks with Kokoro v1.0.

    Creating the object costs nothing; the first call of a method loads the model.

    Args:
        directory: of the weights, see `KokoroModel.load`.
        threads: that compute one segment together, 1 or more; None: one for each core of the
            processor, at most `MAX_USUAL_THREADS`.
    """

    def __init__(self, directory: Path, *, threads: int | None = None) -> None:
        if threads is None:
            threads = min(MAX_USUAL_THREADS, os.cpu_count() or 1)
        if threads < 1:
            raise ValueError(f"{threads} threads were given; 1 or more are needed")
        self._directory = directory
        self._threads = threads
        self._loading = threading.Lock()
        self._loaded: _Loaded | None = None

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> KokoroStream:
        """Begin to speak; see `Synthesizer.synthesize`.

        Args:
            text: at most `arguments.MAX_TEXT_CHARACTERS` characters; line breaks end a sentence.
            voice: a name out of `voices`; it speaks one language, which it is read in.
            language: BCP 47 tag. Not looked at when `voice` is given.
            speed: from `MIN_SPEED` to `MAX_SPEED`.

        Raises:
            SynthesisError: an argument is not accepted, or the model cannot be loaded.
        """
        check_arguments(text, speed, MIN_SPEED, MAX_SPEED)
        loaded = self._load()
        name = choose(voice, language, loaded.model.voice_names)
        spoken = language_of(name)
        assert spoken is not None, "a voice without a language is never chosen"
        return KokoroStream(loaded, _CONTROL.sub(" ", text), name, spoken, speed)

    def voices(self) -> list[Voice]:
        """All voices whose language can be read, sorted by name.

        Raises:
            SynthesisError: the model cannot be loaded.
        """
        return describe(self._load().model.voice_names)

    def prepare(self) -> None:
        """Load the model and say a word, which is slower the first time than later.

        Raises:
            SynthesisError: it cannot be loaded, or does not work.
        """
        for _ in self.synthesize(_WARM_UP):
            pass

    def _load(self) -> _Loaded:
        with self._loading:
            if self._loaded is None:
                model = KokoroModel.load(self._directory, threads=self._threads)
                self._loaded = _Loaded(model, Phonemizer(model.vocabulary))
            return self._loaded


class KokoroStream:
    """The sound of one text; see `SpeechStream`."""

    def __init__(
        self, loaded: _Loaded, text: str, voice: str, language: Language, speed: float
    ) -> None:
        self._model = loaded.model
        self._phonemizer = loaded.phonemizer
        self._voice = voice
        self._language = language
        self._speed = speed
        self._segments: Iterator[Segment] = cut_text(text, language.tag.partition("-")[0])
        self._halves: list[Segment] = []
        self._cancellation = Cancellation()
        self._pieces: deque[SpeechPiece] = deque()
        self._unspoken: list[tuple[int, int]] = []
        """Offset and length of words in which there is nothing to say."""
        self._boundary = Boundary.WORD
        self._end = 0

    def __iter__(self) -> KokoroStream:
        """Return the stream itself."""
        return self

    def __next__(self) -> SpeechPiece:
        """Return the next 60 ms of sound; each segment is computed when its first is wanted.

        Raises:
            StopIteration: everything has been said, or the stream was closed.
            SynthesisError: the model or espeak-ng failed; the stream is closed.
        """
        try:
            while not self._cancellation.cancelled and not self._pieces:
                segment = self._halves.pop() if self._halves else next(self._segments, None)
                if segment is None:
                    self._finish()
                    break
                self._say(segment)
        except SynthesisError:
            self.close()
            raise
        if self._cancellation.cancelled or not self._pieces:
            raise StopIteration
        return self._pieces.popleft()

    def close(self) -> None:
        """Stop speaking; may be called from any thread.

        A segment that is being computed meanwhile is given up at the next node of the graph.
        """
        self._cancellation.cancel()

    def _say(self, segment: Segment) -> None:
        said = self._phonemizer.read(segment.text, self._language.espeak)
        if len(said.phonemes) > MAX_PHONEMES and (halves := halve(segment)) is not None:
            self._halves.extend(reversed(halves))
            return
        phonemes = said.phonemes[:MAX_PHONEMES]
        samples, starts = np.zeros(0, np.float32), None
        if phonemes:
            samples, starts = self._model.run(
                phonemes, self._voice, self._speed, self._cancellation
            )
        begin, end = sound_bounds(samples)
        if begin == end:
            self._unspoken += [
                (segment.offset + first, last - first) for first, last, _ in said.words
            ]
            return
        if starts is None:
            starts = place_phonemes(phonemes, samples, SAMPLE_RATE)
        margin = round(MARGIN_SECONDS * SAMPLE_RATE)
        begin, end = max(0, begin - margin), min(len(samples), end + margin)
        pause = PAUSE_SECONDS[self._boundary] / self._speed if self._end else 0.0
        silence = np.zeros(round(pause * SAMPLE_RATE), np.float32)
        shift = self._end + len(silence) - begin
        last = self._end + len(silence) + end - begin - 1
        marks = [WordMark(*word, self._end + len(silence)) for word in self._unspoken] + _marks(
            segment, said, [int(each) for each in starts], shift, last
        )
        self._unspoken = []
        self._boundary = segment.boundary
        self._cut(np.concatenate([silence, samples[begin:end]]), marks)

    def _finish(self) -> None:
        """Words at the very end in which there is nothing to say have their marks too."""
        if self._unspoken and self._end:
            marks = [WordMark(*word, self._end) for word in self._unspoken]
            self._unspoken = []
            self._cut(np.zeros(round(MARGIN_SECONDS * SAMPLE_RATE), np.float32), marks)

    def _cut(self, samples: Samples, marks: list[WordMark]) -> None:
        """Cut the sound into pieces, and hand the marks out with them."""
        waiting = deque(marks)
        step = SAMPLE_RATE * PIECE_MILLISECONDS // 1000
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            self._end += len(piece)
            begun = []
            while waiting and waiting[0].sample < self._end:
                begun.append(waiting.popleft())
            self._pieces.append(SpeechPiece(piece, SAMPLE_RATE, tuple(begun)))


def _marks(
    segment: Segment, said: SpokenText, starts: list[int], shift: int, last: int
) -> list[WordMark]:
    """The marks of a segment's words.

    Args:
        segment: what was to be said.
        said: its phonemes and words.
        starts: where in the sound each phoneme begins.
        shift: to be added to have places in the stream.
        last: sample of the stream that belongs to it.
    """
    marks = []
    at = max(0, min(last, shift + starts[0]))
    for begin, end, phoneme in said.words:
        place = starts[phoneme] + shift if phoneme < len(starts) else last
        at = min(last, max(at, place))
        marks.append(WordMark(segment.offset + begin, end - begin, at))
    return marks


def load_kokoro(directory: Path, *, threads: int | None = None) -> SpeechEngine:
    """Kokoro with all that a server has to know of it; nothing is loaded before `prepare`.

    Args:
        directory: of the weights, see `KokoroModel.load`.
        threads: see `KokoroSynthesizer`.
    """
    synthesizer = KokoroSynthesizer(directory, threads=threads)

    def names() -> list[str]:
        return [voice.name for voice in synthesizer.voices()]

    def find_voice(name: str | None) -> str | None:
        if name is None:
            return None
        known = names()
        found = OPENAI_VOICES.get(name.lower(), name.lower())
        if found in known:
            return found
        try:
            return choose(found, None, known)
        except SynthesisError as error:
            raise UnknownVoiceError(
                f"{error}; OpenAI's names are accepted too: {', '.join(OPENAI_VOICES)}"
            ) from error

    return SpeechEngine(
        name="kokoro",
        owner="hexgrad",
        synthesizer=synthesizer,
        find_voice=find_voice,
        voice_names=names,
        speeds=(MIN_SPEED, MAX_SPEED),
        prepare=synthesizer.prepare,
    )
