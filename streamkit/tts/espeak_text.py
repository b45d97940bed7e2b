"""Text on its way into espeak-ng and word marks on their way out; pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from dataclasses import dataclass
from typing import Final

from streamkit.tts.espeak_library import Utterance
from streamkit.tts.synthesizer import WordMark

_SENTENCE_END: Final = re.compile(r"[.!?…]+[\"')\]»”’]*\s+|[。！？]+|\n\s*")
_CLAUSE_END: Final = re.compile(r"[,;:–—]\s+|[、，；：]+")  # noqa: RUF001
_BLANK: Final = re.compile(r"\s+")
_RUN: Final = re.compile(r"\S+")
_SPOKEN_PUNCTUATION: Final = "&@%#*/\\"
_WORD: Final = re.compile(r"\w(?:.*\w)?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text that is spoken in one go."""

    offset: int
    """Of its first character in the whole text."""
    text: str


def split_text(text: str, limit: int) -> list[Segment]:
    """Cut a text into segments, each of at most `limit` characters.

    A text that fits stays whole, because the engine knows best where its sentences end. A
    longer one is cut at the last end of a sentence that fits, else of a clause, else of a
    word, else (in a script without blanks) anywhere. Segments of white space are left out.
    """
    segments = []
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > limit:
            end = start + limit
            for boundary in (_SENTENCE_END, _CLAUSE_END, _BLANK):
                cuts = [m.end() for m in boundary.finditer(text, start, end)]
                if cuts:
                    end = cuts[-1]
                    break
        if text[start:end].strip():
            segments.append(Segment(start, text[start:end]))
        start = end
    return segments


def mark_words(segment: Segment, utterance: Utterance, start: int) -> list[WordMark]:
    """Make one mark per spoken word of the engine's word events.

    The engine sends several events for a number, events inside of words, and none for a
    word that it joins to the one before. Here every blank-separated word gets the first
    event that lies in it, and a word without any lengthens the mark before it.

    Args:
        segment: what was said.
        utterance: how it came out.
        start: samples of the stream before this segment.
    """
    marks: list[WordMark] = []
    events = deque(utterance.words)
    last = max(0, len(utterance.samples) - 1)
    at = 0
    held: int | None = None
    for run in _RUN.finditer(segment.text):
        sample, held = held, None
        while events and events[0][0] < run.end():
            position, event_sample = events.popleft()
            if sample is None and position >= run.start():
                sample = event_sample
        word = _WORD.search(run.group())
        if word is None and _is_silent(run.group()):
            # The engine reports a word that follows a lone dash at the dash.
            held = sample
            continue
        begin, end = (run.start() + word.start(), run.start() + word.end()) if word else run.span()
        if sample is None and marks:
            before = marks[-1]
            length = segment.offset + end - before.text_offset
            marks[-1] = WordMark(before.text_offset, length, before.sample)
            continue
        at = min(max(at, sample or 0), last)
        marks.append(WordMark(segment.offset + begin, end - begin, start + at))
    return marks


def _is_silent(run: str) -> bool:
    """Tell whether a run without letters or digits is punctuation that is not read out."""
    return all(unicodedata.category(c)[0] == "P" and c not in _SPOKEN_PUNCTUATION for c in run)
