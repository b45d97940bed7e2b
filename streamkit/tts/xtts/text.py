"""A text as XTTS takes it: in sentences of the right length, everything in words.

XTTS's own tokenizer would say numbers and abbreviations in another way than the rest of this
package, and would move every word by doing so. Here all of that is done before, so that each word
that is heard can be found where it was written; see `streamkit.tts.xtts.cleaning` for what the
tokenizer then has left to do.

What is said for what is written is `streamkit.wording`'s business. It has a vocabulary for German,
English, Spanish, French, Italian, Dutch, Polish and Portuguese. For Arabic, Czech, Hindi,
Hungarian, Japanese, Korean, Russian, Turkish and Chinese it knows cardinal numbers, decimal
fractions and the commonest signs, but no ordinals, dates, units and abbreviations.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.worker.messages import SpokenWord
from streamkit.tts.worker.sentences import PreparedSentence
from streamkit.tts.xtts.cleaning import clean_word
from streamkit.tts.xtts.cutting import Word, cut, is_letter, join, join_short
from streamkit.tts.xtts.limits import LANGUAGES
from streamkit.wording.lookup import base_language
from streamkit.wording.sentence_ends import Boundary, SentenceEnds, find_gap, line_ends
from streamkit.wording.speakable import Unit, read, without_blanks

_LONGEST_STRETCH: Final = 2000
"""Characters of a text without a sentence's end that are looked at together."""
_GROUP: Final = 3
"""Characters of a script without blanks that are marked together: about half a second."""
_WORD: Final = re.compile(r"\w+")
_WORD_START: Final = re.compile(r"[^\W_]")
_OPENING: Final = re.compile(r"^[(\[（]")  # noqa: RUF001
_CLOSING: Final = re.compile(r"[)\]）][.,;:!?]*$")  # noqa: RUF001
_PAUSE_END: Final = re.compile(r"[^\w\s][)\]\"']*$")


def prepare(text: str, language: str) -> list[PreparedSentence]:
    """Turn a text into sentences that XTTS can speak.

    Args:
        text: any; plain text. Markup and lists are understood as in a reply.
        language: BCP 47 tag of one of XTTS's 17 languages, as in "en", "pt-BR" or "zh-cn".

    Returns:
        Sentences within the model's limits, in order; none where there is nothing to say. The
        written ranges of their words go up and cover every word of the text.

    Raises:
        SynthesisError: XTTS does not speak the language.
    """
    base = base_language(language) or ""
    if base not in LANGUAGES:
        raise SynthesisError(
            f"XTTS does not speak {language!r}; some languages that work: {', '.join(LANGUAGES)}"
        )
    sentences: list[list[Word]] = []
    for start, end in _sentences(text, base):
        units = read(text[start:end], language, line_start=_begins_line(text, start))
        if words := _words(text, units, start, base):
            sentences += cut(words, base)
    sentences = join_short(sentences, base)
    ranges = iter(_written_ranges(text, [word for words in sentences for word in words]))
    return [_place(words, list(islice(ranges, len(words)))) for words in sentences]


@lru_cache(maxsize=32)
def _sentence_ends(language: str) -> SentenceEnds:
    return SentenceEnds(language)


def _begins_line(text: str, start: int) -> bool:
    return start == 0 or text[start - 1] == "\n"


def _sentences(text: str, language: str) -> Iterator[tuple[int, int]]:
    """Where sentences lie in a text; blanks belong to the one before them."""
    ends = _sentence_ends(language)
    # The last word is complete too.
    text += " "
    start = at = 0
    while word := _WORD_START.search(text, at):
        index = word.start()
        run = _WORD.match(text, index)
        at = index + 1 if run is None or without_blanks(text[index]) else run.end()
        while index - start > _LONGEST_STRETCH:
            middle = _blank_before(text, start, start + _LONGEST_STRETCH)
            yield start, middle
            start = middle
        position = _sentence_end(text, ends, start, index, at)
        if position is not None:
            yield start, position
            start = position
    while len(text) - start > _LONGEST_STRETCH + 1:
        middle = _blank_before(text, start, start + _LONGEST_STRETCH)
        yield start, middle
        start = middle
    if start < len(text) - 1:
        yield start, len(text) - 1


def _blank_before(text: str, start: int, end: int) -> int:
    """A place to cut at or before `end`."""
    blank = max(text.rfind(mark, start + 1, end) for mark in " \n\t")
    return blank + 1 if blank > 0 else end


def _sentence_end(text: str, ends: SentenceEnds, start: int, word: int, end: int) -> int | None:
    """Where a sentence ends before a word, if one does."""
    gap = find_gap(text, word)
    if gap is None or gap.position <= start:
        return None
    match gap.boundary:
        case Boundary.LINE:
            return gap.position if line_ends(text, gap.position, word) else None
        case Boundary.SENTENCE:
            part = text[start : end + 1]
            moved = replace(gap, position=gap.position - start, stop=gap.stop - start)
            line_start = _begins_line(text, start)
            over = ends.ends(part, moved, word - start, len(part), line_start)
            return gap.position if over else None
        case Boundary.CLAUSE:
            return None


def _words(text: str, units: Sequence[Unit], origin: int, language: str) -> list[Word]:
    """Make words of what is read, in characters that the model knows."""
    found: list[Word] = []
    for index, unit in enumerate(units):
        spoken = clean_word(unit.spoken, language, last=index == len(units) - 1)
        if not spoken:
            continue
        pause = "" if language == "hi" else ","
        if found and _OPENING.search(unit.spoken) and not _PAUSE_END.search(found[-1].spoken):
            found[-1] = replace(found[-1], spoken=f"{found[-1].spoken}{pause}")
        if index + 1 < len(units) and _CLOSING.search(unit.spoken) and is_letter(spoken[-1]):
            spoken += pause
        word = Word(spoken, origin + unit.start, origin + unit.end, unit.spaced)
        if not found or not _continues(found[-1], word, language):
            found.append(word)
            continue
        before = found[-1]
        found[-1] = Word(before.spoken + word.spoken, before.start, word.end, before.spaced)
    return found


def _continues(before: Word, word: Word, language: str) -> bool:
    """Tell whether a word is marked together with the one before it."""
    return (
        not word.spaced
        and before.end == word.start
        and len(before.spoken) < _GROUP
        and all(map(without_blanks, before.spoken + word.spoken))
        and before.spoken[-1].isalnum()
    )


def _written_ranges(text: str, words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where each word was written, without outer punctuation; empty if that is said before.

    What is not said, such as the target of a link, belongs to the word before it.
    """
    ranges: list[tuple[int, int]] = []
    at = 0
    for word in words:
        start, end = _trim(text, max(word.start, at), max(word.end, at))
        if not ranges and (unsaid := _WORD.search(text, 0, start)):
            start = unsaid.start()
        ranges.append((start, end))
        at = end
    limit = len(text)
    for index in range(len(ranges) - 1, -1, -1):
        start, end = ranges[index]
        if start == end:
            continue
        for unsaid in _WORD.finditer(text, end, limit):
            ranges[index] = (start, unsaid.end())
        limit = start
    return ranges


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave out punctuation on both sides, unless there is nothing else."""
    first, last = start, end
    while first < last and not text[first].isalnum():
        first += 1
    while last > first and not is_letter(text[last - 1]):
        last -= 1
    if first < last:
        return first, last
    while start < end - 1 and text[start].isspace():
        start += 1
    while end > start + 1 and text[end - 1].isspace():
        end -= 1
    return start, end


def _place(words: Sequence[Word], ranges: Sequence[tuple[int, int]]) -> PreparedSentence:
    text = join(words)
    marks = []
    at = 0
    for index, (word, (first, last)) in enumerate(zip(words, ranges, strict=True)):
        at += 1 if word.spaced and index else 0
        start, end = _trim(word.spoken, 0, len(word.spoken))
        if first < last:
            marks.append(SpokenWord(at + start, at + end, first, last - first))
        at += len(word.spoken)
    return PreparedSentence(text, tuple(marks))
