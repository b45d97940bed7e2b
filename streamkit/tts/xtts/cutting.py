"""Sentences of a length that XTTS speaks well: long ones are cut, very short ones joined."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from streamkit.tts.xtts.limits import LIMITS, TEXT_BUDGET, text_cost
from streamkit.wording.speakable import without_blanks

_CLAUSE_END: Final = re.compile(r"[,;:،؛、।.!?。！？][\"')\]]*$")
_JOINTS: Final = {
    "ar": "و أو لكن لأن الذي التي إذا حتى ثم",
    "cs": "a i ale nebo protože že který která které aby když kde pokud než",
    "de": "und oder aber denn sondern weil dass die der das wenn ob als wie um damit während mit",
    "en": "and or but because that which who when while if so although where than with for to",
    "es": "y o e pero porque que quien cuando donde si aunque mientras como con para",
    "fr": "et ou mais car parce que qui quand où si lorsque comme dont pour avec",
    "hi": "और या लेकिन क्योंकि कि जो जब अगर तो",
    "hu": "és vagy de mert hogy aki amely ami ha amikor ahol mint",
    "it": "e o ma perché che chi quando dove se mentre come con per",
    "ko": "그리고 그러나 하지만 또는 그래서",
    "nl": "en of maar want omdat dat die wie wanneer waar als terwijl om met voor",
    "pl": "i lub ale bo ponieważ że który która które gdy kiedy gdzie jeśli aby niż",
    "pt": "e ou mas porque que quem quando onde se embora enquanto como com para",
    "ru": "и или но а потому что который которая которые когда где если чтобы как",  # noqa: RUF001
    "tr": "ve veya ama çünkü ki eğer ancak fakat ile",
}
_CONJUNCTIONS: Final = {language: frozenset(words.split()) for language, words in _JOINTS.items()}
"""Words before which a long sentence may be drawn apart."""
_LEAST_SHARE: Final = 3
"""A part has at least the limit divided by this."""


@dataclass(frozen=True, slots=True)
class Word:
    """The least that is marked: mostly one written word."""

    spoken: str
    """With its punctuation, without blanks on the outside."""
    start: int
    """Its first character in the written text."""
    end: int
    """After its last one."""
    spaced: bool
    """A blank is said before it, unless it is the first one."""


def join(words: Sequence[Word]) -> str:
    """What is said for some words in a row."""
    return "".join(
        f" {word.spoken}" if word.spaced and index else word.spoken
        for index, word in enumerate(words)
    )


def is_letter(character: str) -> bool:
    """Tell whether a character is part of a word: a letter, a digit, a vowel sign, an accent."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def fits(words: Sequence[Word], language: str, spare: int = 0) -> bool:
    """Tell whether words can be one sentence of XTTS.

    Args:
        words: in a row.
        language: two letters.
        spare: characters that must stay free.
    """
    text = join(words)
    return (
        len(text.lower()) + spare <= LIMITS[language].characters
        and text_cost(text, language) + spare <= TEXT_BUDGET
    )


def cut(words: Sequence[Word], language: str) -> list[list[Word]]:
    """Cut a sentence until each part fits: behind a clause, before a conjunction, at a blank."""
    words = [part for word in words for part in _apart(word, language)]
    parts: list[list[Word]] = []
    while words and not fits(words, language):
        count = _best_count(words, language)
        parts.append(_ended(words[:count]))
        words = words[count:]
    return [*parts, words] if words else parts


def join_short(sentences: Sequence[Sequence[Word]], language: str) -> list[list[Word]]:
    """Join very short sentences to the next one, or the last to the one before, if they fit."""
    short = LIMITS[language].short
    found: list[list[Word]] = []
    for sentence in sentences:
        words = list(sentence)
        if found and (len(join(found[-1])) < short):
            joined = [*found[-1], *_after(found[-1], words)]
            if fits(joined, language):
                found[-1] = joined
                continue
        found.append(words)
    if len(found) > 1 and len(join(found[-1])) < short:
        joined = [*found[-2], *_after(found[-2], found[-1])]
        if fits(joined, language):
            found[-2:] = [joined]
    return found


def _after(before: Sequence[Word], words: Sequence[Word]) -> list[Word]:
    """The words of a sentence when they follow others."""
    wide = without_blanks(before[-1].spoken[-1]) or without_blanks(words[0].spoken[0])
    return [replace(words[0], spaced=words[0].spaced or not wide), *words[1:]]


def _ended(words: Sequence[Word]) -> list[Word]:
    """A part of a sentence, with a comma at its end unless it has some mark."""
    last = words[-1]
    if not is_letter(last.spoken[-1]):
        return list(words)
    return [*words[:-1], replace(last, spoken=f"{last.spoken},")]


def _best_count(words: Sequence[Word], language: str) -> int:
    """How many words the first part of a sentence that is too long has."""
    limit = LIMITS[language].characters
    whole = max(len(join(words)), int(text_cost(join(words), language) * limit / TEXT_BUDGET))
    # Parts of like length: a lone last word would sound torn off.
    target = whole / -(-whole // (limit - 1))
    conjunctions = _CONJUNCTIONS.get(language, frozenset())
    best, best_rank = 1, (-2, 0.0)
    length = 0
    for count in range(1, len(words)):
        word, following = words[count - 1], words[count]
        length += len(word.spoken) + (1 if word.spaced and count > 1 else 0)
        if length >= limit or not fits(words[:count], language, spare=1):
            break
        if _CLAUSE_END.search(word.spoken):
            kind = 3
        elif following.spaced and following.spoken.lower() in conjunctions:
            kind = 2
        else:
            kind = 1 if following.spaced else 0
        if _LEAST_SHARE * length < limit:
            kind = -1
        rank = (kind, -abs(length - target))
        if rank > best_rank:
            best, best_rank = count, rank
    return best


def _apart(word: Word, language: str) -> list[Word]:
    """Take a word apart that is longer than a sentence: hundreds of letters, or of digits."""
    if fits([word], language, spare=1):
        return [word]
    texts: list[str] = []
    rest = word.spoken
    while rest:
        size = _fitting(rest, language)
        blank = rest.rfind(" ", 1, size + 1)
        if size < len(rest) and blank > 0:
            size = blank
        texts.append(rest[:size].strip())
        rest = rest[size:].lstrip()
    texts = [text for text in texts if any(map(str.isalnum, text))]
    # Each part gets its share of what was written; where that is shorter, the last ones share.
    length, count = word.end - word.start, len(texts)
    bounds = [word.start + length * index // count for index in range(count + 1)]
    parts: list[Word] = []
    for text, start, end in zip(texts, bounds, bounds[1:], strict=False):
        parts.append(Word(text, start, end, word.spaced if not parts else " " in word.spoken))
    return parts


def _fitting(text: str, language: str) -> int:
    """How many characters of a text make a sentence, not within a letter and its accents."""
    size = min(len(text), LIMITS[language].characters - 1)
    while size > 1 and not fits([Word(text[:size], 0, size, False)], language, spare=1):
        size -= 1
    start = size
    while 1 < size < len(text) and unicodedata.category(text[size])[0] == "M":
        size -= 1
    return size if size > 1 else start
