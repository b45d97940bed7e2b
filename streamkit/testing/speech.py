"""A voice for tests: a tone for each word, exactly where its mark says, or what a test wants."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from streamkit.errors import SynthesisError
from streamkit.tts.arguments import check_arguments
from streamkit.tts.synthesizer import SpeechPiece, Voice, WordMark

FAKE_VOICES: Final = (
    Voice("fake-de", "de", "tones from 300 Hz up, for German"),
    Voice("fake-high", "en-us", "tones from 400 Hz up"),
    Voice("fake-low", "en-us", "tones from 200 Hz up"),
)
FAKE_SPEEDS: Final = (0.5, 2.5)

_LETTER_SECONDS: Final = 0.06
_PIECE_SECONDS: Final = 0.06
_FADE_SECONDS: Final = 0.005
_GAP_SECONDS: Final = 0.03
_CLAUSE_SECONDS: Final = 0.1
_SENTENCE_SECONDS: Final = 0.25
_LEVEL: Final = 0.3
_HERTZ: Final = {"fake-de": 300.0, "fake-high": 400.0, "fake-low": 200.0}
_RUN: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"\w(?:.*\w)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Asked:
    """What `FakeSynthesizer.synthesize` was called with."""

    text: str
    voice: str | None
    language: str | None
    speed: float


def wait_until_closed(stream: FakeSpeech, piece: int) -> None:
    """Like an engine that hangs until nobody wants it any more: for `before` of a synthesizer."""
    stream.synthesizer.waiting.set()
    stream.closed.wait()


class FakeSynthesizer:
    """Keeps all that `Synthesizer` promises, at once and with no engine.

    A word sounds for 60 ms per character, at a pitch of its own for each voice; what separates
    words is silent, longer behind a clause or a sentence. The same arguments always give the same
    samples.

    Args:
        pieces: what every stream gives instead, whatever is asked for: no argument is looked at.
            An iterator is shared by all streams.
        before: called before each piece is given, with the stream and how many it has given; may
            wait (for `FakeSpeech.closed`, lest `close` keeps somebody waiting), or fail.
        sample_rate: of the tones, in Hz.

    Attributes:
        asked: every call so far.
        streams: what came of them, but for calls that were refused.
        waiting: set when somebody waits in `wait_until_closed`.
        closed: set when `close` of a stream was called.
    """

    def __init__(
        self,
        pieces: Iterable[SpeechPiece] | None = None,
        *,
        before: Callable[[FakeSpeech, int], None] | None = None,
        sample_rate: int = 24_000,
    ) -> None:
        self.asked: list[Asked] = []
        self.streams: list[FakeSpeech] = []
        self.waiting = threading.Event()
        self.closed = threading.Event()
        self._pieces = pieces
        self._before = before
        self._rate = sample_rate

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> FakeSpeech:
        """Begin to speak; see `Synthesizer.synthesize`.

        Raises:
            SynthesisError: an argument is not accepted.
        """
        self.asked.append(Asked(text, voice, language, speed))
        if self._pieces is not None:
            pieces = iter(self._pieces)
        else:
            pieces = _tones(text, _find_voice(text, voice, language, speed), speed, self._rate)
        self.streams.append(FakeSpeech(self, pieces, self._before))
        return self.streams[-1]

    def voices(self) -> list[Voice]:
        """All voices, sorted by name."""
        return list(FAKE_VOICES)


class FakeSpeech:
    """The sound of one text; see `SpeechStream`.

    Attributes:
        synthesizer: whose stream it is.
        given: pieces so far.
        closed: set when `close` was called.
    """

    def __init__(
        self,
        synthesizer: FakeSynthesizer,
        pieces: Iterator[SpeechPiece],
        before: Callable[[FakeSpeech, int], None] | None,
    ) -> None:
        self.synthesizer = synthesizer
        self.given = 0
        self.closed = threading.Event()
        self._pieces = pieces
        self._before = before
        self._failed = False

    def __iter__(self) -> FakeSpeech:
        """Return the stream itself."""
        return self

    def __next__(self) -> SpeechPiece:
        """Return the next piece.

        Raises:
            StopIteration: everything has been said, or the stream was closed or has failed.
            SynthesisError: `before` raised it.
        """
        if self._failed or self.closed.is_set():
            raise StopIteration
        try:
            if self._before is not None:
                self._before(self, self.given)
        except SynthesisError:
            self._failed = True
            raise
        # It may have been closed while that waited.
        piece = None if self.closed.is_set() else next(self._pieces, None)
        if piece is None:
            raise StopIteration
        self.given += 1
        return piece

    def close(self) -> None:
        """Stop speaking; harmless when already over."""
        self.closed.set()
        self.synthesizer.closed.set()


def _find_voice(text: str, voice: str | None, language: str | None, speed: float) -> str:
    check_arguments(text, speed, *FAKE_SPEEDS)
    names = [each.name for each in FAKE_VOICES]
    if voice is not None:
        if voice not in names:
            raise SynthesisError(f"unknown voice {voice!r}; some that work: {', '.join(names)}")
        return voice
    wanted = (language or "en").lower().replace("_", "-").partition("-")[0]
    for each in FAKE_VOICES:
        if each.language.partition("-")[0] == wanted:
            return each.name
    raise SynthesisError(f"no voice speaks {language!r}; some languages that work: de, en-us")


def _tones(text: str, voice: str, speed: float, rate: int) -> Iterator[SpeechPiece]:
    """The sound of a text: each word's tone, and the silence before it."""
    step = round(_PIECE_SECONDS * rate)
    end = 0
    pause = 0.0
    for run in _RUN.finditer(text):
        word = _WORD.search(run.group())
        if word is None:
            continue
        silence = np.zeros(round(pause / speed * rate), np.float32)
        if len(silence):
            yield SpeechPiece(silence, rate, ())
            end += len(silence)
        mark = WordMark(run.start() + word.start(), len(word.group()), end)
        length = round(len(word.group()) * _LETTER_SECONDS / speed * rate)
        hertz = _pitch(word.group(), voice)
        for first in range(0, length, step):
            tone = _tone(hertz, (first, min(first + step, length)), length, rate)
            yield SpeechPiece(tone, rate, () if first else (mark,))
        end += length
        pause = _pause_after(text, run)


def _pitch(word: str, voice: str) -> float:
    """Within an octave: the same word is the same tone on every machine."""
    semitone = zlib.crc32(word.encode("utf-8", "replace")) % 12
    return float(_HERTZ[voice] * 2 ** (semitone / 12))


def _tone(hertz: float, span: tuple[int, int], length: int, rate: int) -> npt.NDArray[np.float32]:
    """A stretch of a tone that fades in at its beginning and out at its end."""
    at = np.arange(*span)
    fade = np.minimum(np.minimum(at, length - at) / (_FADE_SECONDS * rate), 1)
    tone: npt.NDArray[np.float32] = (_LEVEL * fade * np.sin(2 * np.pi * hertz / rate * at)).astype(
        np.float32
    )
    return tone


def _pause_after(text: str, run: re.Match[str]) -> float:
    line_ends = text[run.end() : run.end() + 1] == "\n"
    if line_ends or run.group().rstrip("\"')»”’")[-1:] in (".", "!", "?", "…"):
        return _SENTENCE_SECONDS
    return _CLAUSE_SECONDS if run.group()[-1] in ",;:" else _GAP_SECONDS
