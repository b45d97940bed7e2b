"""The built-in voice: espeak-ng behind the Synthesizer Protocol.

espeak-ng (GPL-3.0) is loaded at run time from the PyPI package ``espeakng-loader``; see
`streamkit.tts.espeak_library` for how it is called.

It is a formant synthesizer: hundreds of times faster than real time on any machine, a few
MB, over a hundred languages, and plainly a machine's voice. It is for demos, tests and
benchmarks, and for a spoken notice where nothing better is installed.

A text is spoken in segments of at most `MAX_SEGMENT_CHARACTERS`, cut where a sentence or
clause ends. A segment is computed whole (some 15 ms for 20 s of sound) when the listener
asks for its first piece, and the process-wide engine is free again before that piece is handed
out. So a listener who plays in real time, or stops listening, keeps no other stream waiting,
which would not hold if pieces came out of the engine's callback while it speaks.

espeak-ng varies pitch slightly ("flutter"), and the phase of that variation runs on from
text to text. So the same text spoken twice has the same words at the same places, give or
take a few periods of the voice (1 ms in a sentence, 30 ms in half a minute), but never the
same bits.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Final

import numpy as np

from streamkit.errors import SynthesisError
from streamkit.tts.arguments import check_arguments
from streamkit.tts.espeak_library import Engine
from streamkit.tts.espeak_text import Segment, mark_words, split_text
from streamkit.tts.synthesizer import SpeechPiece, Voice

DEFAULT_VOICE: Final = "en-us"
USUAL_WORDS_PER_MINUTE: Final = 175
MIN_SPEED: Final = 0.5
MAX_SPEED: Final = 2.5
MAX_SEGMENT_CHARACTERS: Final = 400
"""Bounds the memory of a stream, and how long it can keep the engine from the others."""
PIECE_MILLISECONDS: Final = 60

_INT16_SCALE: Final = np.float32(1 / 32768)
_VOICE_NAME: Final = re.compile(r"(?P<base>[A-Za-z0-9-]+)(?:\+(?P<variant>[A-Za-z0-9_-]+))?")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")


class EspeakSynthesizer:
    """Speaks with espeak-ng.

    Streams of several threads take turns, a segment each; creating the object costs
    nothing, the engine is loaded by the first call of a method.
    """

    def __init__(self) -> None:
        self._names: dict[str, str] | None = None
        self._variants: dict[str, str] = {}

    def synthesize(
        self,
        text: str,
        *,
        voice: str | None = None,
        language: str | None = None,
        speed: float = 1.0,
    ) -> EspeakStream:
        """Begin to speak; see `Synthesizer.synthesize`.

        Args:
            text: at most `arguments.MAX_TEXT_CHARACTERS` characters; line breaks end a sentence.
            voice: a name out of `voices`, with or without a variant: "de", "en-us+f2".
            language: BCP 47 tag; where there is no voice for the region, that of the
                language is taken. Not looked at when `voice` is given.
            speed: from `MIN_SPEED` to `MAX_SPEED`; 1 is 175 words a minute.

        Raises:
            SynthesisError: an argument is not accepted, or espeak-ng cannot be loaded.
        """
        check_arguments(text, speed, MIN_SPEED, MAX_SPEED)
        engine = Engine.load()
        identifier = self._find_voice(engine, voice, language)
        return EspeakStream(engine, text, identifier, round(USUAL_WORDS_PER_MINUTE * speed))

    def voices(self) -> list[Voice]:
        """All voices by their main language, sorted by name; `variants` change them.

        Raises:
            SynthesisError: espeak-ng cannot be loaded.
        """
        return sorted(
            (
                Voice(_short(voice.identifier), voice.languages[0][1], voice.name)
                for voice in Engine.load().voices()
            ),
            key=lambda voice: voice.name,
        )

    def variants(self) -> list[str]:
        """Suffixes for the name of a voice: "f2" in "en-us+f2".

        Raises:
            SynthesisError: espeak-ng cannot be loaded.
        """
        return sorted(voice.identifier.rpartition("/")[2] for voice in Engine.load().variants())

    def _find_voice(self, engine: Engine, voice: str | None, language: str | None) -> str:
        """Translate a voice or language into what the engine loads.

        The engine itself would take a path, and fall back silently for a variant that it
        does not have; so only listed names get through.
        """
        names = self._load_names(engine)
        if voice is None and language is not None:
            tag = language.lower().replace("_", "-")
            while tag not in names and "-" in tag:
                tag = tag.rpartition("-")[0]
            if tag not in names:
                raise SynthesisError(
                    f"no espeak-ng voice speaks {language!r}; some languages that work: "
                    "en-us, en-gb, de, fr-fr, es, it, pt-br, nl, pl, cmn, ja"
                )
            return names[tag]
        wanted = voice or DEFAULT_VOICE
        match = _VOICE_NAME.fullmatch(wanted)
        base = names.get(match["base"].lower()) if match else None
        if match is None or base is None:
            raise SynthesisError(
                f"unknown espeak-ng voice {wanted!r}; some that work: en-us, en-gb, "
                "en-gb-scotland, de, fr-fr, es, it, with or without a variant as in en-us+f2"
            )
        if match["variant"] is None:
            return base
        variant = self._variants.get(match["variant"].lower())
        if variant is None:
            raise SynthesisError(
                f"unknown variant {match['variant']!r} in the voice {wanted!r}; some that work: "
                "m1 to m8, f1 to f5, Annie, Andy, Michael, klatt"
            )
        return f"{base}+{variant}"

    def _load_names(self, engine: Engine) -> dict[str, str]:
        if self._names is None:
            self._variants = {name.lower(): name for name in self.variants()}
            best: dict[str, tuple[int, str]] = {}
            for voice in engine.voices():
                own = (0, _short(voice.identifier))  # a voice's own name beats any priority
                for priority, tag in (own, *voice.languages):
                    if tag not in best or priority < best[tag][0]:
                        best[tag] = priority, voice.identifier
            self._names = {tag: identifier for tag, (_, identifier) in best.items()}
        return self._names


class EspeakStream:
    """The sound of one text; see `SpeechStream`."""

    def __init__(self, engine: Engine, text: str, voice: str, words_per_minute: int) -> None:
        self._engine = engine
        self._voice = voice
        self._words_per_minute = words_per_minute
        self._segments = deque(split_text(_CONTROL.sub(" ", text), MAX_SEGMENT_CHARACTERS))
        self._pieces: deque[SpeechPiece] = deque()
        self._spoken = 0
        self._closed = False

    def __iter__(self) -> EspeakStream:
        """Return the stream itself."""
        return self

    def __next__(self) -> SpeechPiece:
        """Return the next 60 ms of sound; every `MAX_SEGMENT_CHARACTERS` this computes.

        Raises:
            StopIteration: everything has been said, or the stream was closed.
            SynthesisError: espeak-ng reported a failure; the stream is closed.
        """
        while not self._closed and not self._pieces and self._segments:
            self._speak(self._segments.popleft())
        if self._closed or not self._pieces:
            raise StopIteration
        return self._pieces.popleft()

    def close(self) -> None:
        """Stop speaking; may be called from any thread.

        A segment that is being computed meanwhile is given up within a millisecond or so.
        """
        self._closed = True

    def _speak(self, segment: Segment) -> None:
        try:
            utterance = self._engine.speak(
                segment.text,
                voice=self._voice,
                words_per_minute=self._words_per_minute,
                end_pause=bool(self._segments),
                cancelled=lambda: self._closed,
            )
        except SynthesisError:
            self.close()
            raise
        samples = utterance.samples.astype(np.float32) * _INT16_SCALE
        marks = deque(mark_words(segment, utterance, self._spoken))
        step = self._engine.sample_rate * PIECE_MILLISECONDS // 1000
        for first in range(0, len(samples), step):
            piece = samples[first : first + step]
            end = self._spoken + len(piece)
            begun = []
            while marks and marks[0].sample < end:
                begun.append(marks.popleft())
            self._pieces.append(SpeechPiece(piece, self._engine.sample_rate, tuple(begun)))
            self._spoken = end


def _short(identifier: str) -> str:
    """Name of a voice file without its folder: "gmw/en-US" is "en-us"."""
    return identifier.rpartition("/")[2].lower()
