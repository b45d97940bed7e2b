"""Text to the phonemes that Kokoro reads, with where each word begins among them.

espeak-ng makes the phonemes, as in the reference implementation: through ``phonemizer`` (GPL-3.0)
and the library out of ``espeakng-loader`` (GPL-3.0), which ``kokoro-onnx`` (MIT) installs. No part
of them is in this package. phonemizer loads copies of the library, one per language, so the
built-in voice's engine (`streamkit.tts.espeak_library`) has its global state to itself, and so has
each of these.
"""

from __future__ import annotations

import logging
import re
import threading
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from streamkit.errors import SynthesisError
from streamkit.tts.espeak_library import Engine

INSTALL: Final = "`pip install 'streamkit[kokoro]'`"

STRESS: Final = "ˈˌ"
PUNCTUATION: Final = ';:,.!?—…"()“”'

_RUN: Final = re.compile(r"\S+")
_WORD: Final = re.compile(r"\w(?:.*\w)?", re.DOTALL)
_TIME: Final = re.compile(r"(?<=\d):(?=\d)")
_DASH: Final = re.compile(r"(?<=\s)[–-](?=\s)")
_DANDA: Final = str.maketrans("।॥", "..")

_lock: Final = threading.Lock()
"""espeak-ng keeps its state in global variables, and phonemizer keeps its instances for good."""


@dataclass(frozen=True, slots=True)
class SpokenText:
    """What of a text is said."""

    phonemes: str
    """One character each, all in the model's vocabulary; "" when there is nothing to say."""
    words: tuple[tuple[int, int, int], ...]
    """For each word its begin and end in the text, and where in `phonemes` it begins. A word that
    is not spoken begins where the one after it does, or at the end."""


class Phonemizer:
    """Makes phonemes for one model; may be called from several threads at once.

    Args:
        vocabulary: the model's token of each phoneme.

    Raises:
        SynthesisError: kokoro-onnx is not installed, or espeak-ng cannot be loaded.
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        # Refuses what ends the process when phonemizer is the first to see it: missing data.
        Engine.load()
        try:
            import phonemizer
            from kokoro_onnx.tokenizer import Tokenizer
        except ImportError as error:
            raise SynthesisError(
                f"the voice kokoro needs the package kokoro-onnx ({error}): {INSTALL}"
            ) from error
        self._vocabulary = vocabulary
        self._phonemize: Any = phonemizer.phonemize
        # It would write to stderr whenever a text holds a word of another language.
        self._logger = logging.Logger("streamkit.tts.phonemizer", logging.CRITICAL)
        try:
            Tokenizer()  # tells phonemizer which library to load
        except RuntimeError as error:
            raise SynthesisError(f"the voice kokoro cannot load espeak-ng: {error}") from error

    def read(self, text: str, language: str) -> SpokenText:
        """Make the phonemes of a text.

        Each word is also read alone, which takes 0.1 ms and tells which phonemes are whose:
        espeak-ng says a number in several words, and joins others ("of the").

        Args:
            text: on one line.
            language: espeak-ng's name of it, as in "en-us".

        Raises:
            SynthesisError: espeak-ng does not know the language, or failed.
        """
        said = _punctuate(text)
        runs = list(_RUN.finditer(text))
        with _lock:
            phonemes = self._speak(said, language)
            alone = [self._speak(said[run.start() : run.end()], language) for run in runs]
        if not _audible(phonemes):
            words = tuple((*word, 0) for run in runs if (word := _core(run, "")) is not None)
            return SpokenText("", words)
        starts = align(alone, phonemes)
        return SpokenText(
            phonemes,
            tuple(
                (*word, start)
                for run, own, start in zip(runs, alone, starts, strict=True)
                if (word := _core(run, own)) is not None
            ),
        )

    def _speak(self, text: str, language: str) -> str:
        try:
            phonemes = self._phonemize(
                text,
                language,
                preserve_punctuation=True,
                with_stress=True,
                # Else the model would say the "(en)" that stands before an English word.
                language_switch="remove-flags",
                logger=self._logger,
            )
        except RuntimeError as error:
            raise SynthesisError(f"espeak-ng cannot read {language!r}: {error}") from error
        known = (each for each in phonemes if each in self._vocabulary or each.isspace())
        return " ".join("".join(known).split())


def align(alone: Sequence[str], together: str) -> list[int]:
    """Find where each word begins in the phonemes of a sentence.

    In a sentence a word may lose its stress, blend with its neighbour or change a sound, so what
    both have is matched, and what lies between is divided in proportion.

    Args:
        alone: the phonemes of each word, said by itself.
        together: the phonemes of all of them, said as a sentence.

    Returns:
        For each word an index into `together`, at its stress if it begins with one; never going
        down; the length of `together` where nothing is left for it.
    """
    places = [index for index, each in enumerate(together) if _counts(each)]
    found = "".join(together[index] for index in places)
    begins, said = [], ""
    for word in alone:
        begins.append(len(said))
        said += "".join(filter(_counts, word))
    blocks = _matches(said, found)
    starts = []
    current = 0
    for begin in begins:
        while current + 1 < len(blocks) and blocks[current + 1][0] <= begin:
            current += 1
        at, there, length = blocks[current]
        if begin <= at + length or current + 1 == len(blocks):
            place = there + min(begin - at, length)
        else:
            after, there_after, _ = blocks[current + 1]
            share = (begin - at - length) / (after - at - length)
            place = there + length + round(share * (there_after - there - length))
        start = places[place] if place < len(places) else len(together)
        while start and start < len(together) and together[start - 1] in STRESS:
            start -= 1
        starts.append(start)
    return starts


def _punctuate(text: str) -> str:
    """A text of the same length, with the punctuation marks that phonemizer and the model know."""
    # A colon is a pause for phonemizer, in the time of day too.
    return _DASH.sub("—", _TIME.sub(" ", text)).translate(_DANDA)


def _matches(one: str, other: str) -> list[tuple[int, int, int]]:
    """Stretches of both that are the same: begin in one, in the other, length."""
    if one == other:
        return [(0, 0, len(one))]
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    return [(0, 0, 0), *((m.a, m.b, m.size) for m in matcher.get_matching_blocks())]


def _counts(phoneme: str) -> bool:
    """It is a sound of its own."""
    return not (phoneme.isspace() or phoneme in STRESS or phoneme in PUNCTUATION)


def _audible(phonemes: str) -> bool:
    return any(map(_counts, phonemes))


def _core(run: re.Match[str], phonemes: str) -> tuple[int, int] | None:
    """What of a run of characters is a word, or a sign that is read out; None: nothing."""
    word = _WORD.search(run.group())
    if word is not None:
        end = run.start() + word.end()
        # The vowel signs of Devanagari are no letters of their own.
        while end < run.end() and unicodedata.category(run.string[end])[0] == "M":
            end += 1
        return run.start() + word.start(), end
    return run.span() if _audible(phonemes) else None
