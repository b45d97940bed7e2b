"""A text cut into what Kokoro speaks in one go; pure functions.

The model computes a segment as a whole, so the first one is short, for there to be something to
hear soon, and each later one may be a few times as long as the one before it: while one is
played, there is time to compute the next. Cuts lie behind sentences or clauses, between words only
where there is nothing else, and inside a word only in a script without blanks.

Where a sentence ends is asked of ``sentencex`` (MIT, Wikimedia), which knows abbreviations.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

FIRST_LEAST: Final = 12
"""Characters of the first segment, at least: the model is weak at a syllable or two."""
FIRST_MAX: Final = 100
LEAST: Final = 40
"""Characters of every later segment, at least, if sentences can be joined to have them."""
MAX: Final = 250
"""Characters of any segment: some 15 s, and with words as they are, within the model's limit."""
GROWTH: Final = 3
"""A segment may be so many times as long as the one before it, or `LATER_MAX` if that is more."""
LATER_MAX: Final = 80

_CLAUSE_END: Final = re.compile(r"[,;:][\"')\]»”’]*\s+|\s[–—-]+\s+|—\s*|[、，；：]+")  # noqa: RUF001
_BLANKS: Final = re.compile(r"\s+")
_LINE: Final = re.compile(r"[^\n]+")


class Boundary(enum.Enum):
    """What a segment ends with."""

    WORD = "word"
    CLAUSE = "clause"
    SENTENCE = "sentence"


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the text that is spoken in one go."""

    offset: int
    """Of its first character in the whole text."""
    text: str
    """On one line, blanks at its end included."""
    boundary: Boundary


def cut_text(text: str, language: str) -> Iterator[Segment]:
    """Cut a text into segments, none of which is white space only.

    Args:
        text: plain text; a line break ends a sentence.
        language: two letters, for its abbreviations.
    """
    part: Segment | None = None
    first, limit = True, FIRST_MAX
    for clause in _clauses(text, language):
        unit: Segment | None = clause
        while unit is not None:
            together = _join(text, part, unit)
            if part is not None and len(together.text) > limit:
                ready, part = part, None
            else:
                # What is too long by itself is cut between words.
                part, unit = _fit(together, limit)
                if unit is None and not _complete(part, first):
                    continue
                ready, part = part, None
            if ready.text.strip():
                yield ready
                first, limit = False, min(MAX, max(LATER_MAX, GROWTH * len(ready.text)))
    if part is not None:
        yield part


def halve(segment: Segment) -> tuple[Segment, Segment] | None:
    """Cut a segment near its middle: behind a clause, else a word, else anywhere.

    Returns:
        None for a single character.
    """
    text = segment.text
    if len(text) < 2:
        return None
    for pattern, boundary in ((_CLAUSE_END, Boundary.CLAUSE), (_BLANKS, Boundary.WORD)):
        cuts = [match.end() for match in pattern.finditer(text) if text[match.end() :].strip()]
        cuts = [cut for cut in cuts if text[:cut].strip()]
        if cuts:
            cut = min(cuts, key=lambda at: abs(2 * at - len(text)))
            return _cut(segment, cut, boundary)
    return _cut(segment, len(text) // 2, Boundary.WORD)


def _clauses(text: str, language: str) -> Iterator[Segment]:
    from sentencex import get_sentence_boundaries

    for line in _LINE.finditer(text):
        if not line.group().strip():
            continue
        for sentence in get_sentence_boundaries(language, line.group()):
            begin, stop = sentence["start_index"], sentence["end_index"]
            start = begin
            written = line.group()[begin:stop]
            for match in _CLAUSE_END.finditer(written):
                end = begin + match.end()
                if end < stop and line.group()[start:end].strip():
                    yield Segment(line.start() + start, line.group()[start:end], Boundary.CLAUSE)
                    start = end
            if line.group()[start:stop].strip():
                yield Segment(line.start() + start, line.group()[start:stop], Boundary.SENTENCE)


def _complete(part: Segment, first: bool) -> bool:
    """Nothing more has to be said together with this."""
    if first:
        return len(part.text) >= FIRST_LEAST
    return len(part.text) >= LEAST and part.boundary is Boundary.SENTENCE


def _join(text: str, part: Segment | None, unit: Segment) -> Segment:
    if part is None:
        return unit
    end = unit.offset + len(unit.text)
    # A line break inside is where a sentence ends, and is read as one.
    joined = text[part.offset : end].replace("\n", " ")
    return Segment(part.offset, joined, unit.boundary)


def _fit(segment: Segment, limit: int) -> tuple[Segment, Segment | None]:
    """As much of a segment as fits, and the rest of it."""
    if len(segment.text) <= limit:
        return segment, None
    blanks = [match.end() for match in _BLANKS.finditer(segment.text, 1, limit)]
    return _cut(segment, blanks[-1] if blanks else limit, Boundary.WORD)


def _cut(segment: Segment, at: int, boundary: Boundary) -> tuple[Segment, Segment]:
    return (
        Segment(segment.offset, segment.text[:at], boundary),
        Segment(segment.offset + at, segment.text[at:], segment.boundary),
    )
