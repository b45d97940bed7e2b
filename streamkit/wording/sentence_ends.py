"""Where a sentence, a line or a clause of a growing text has ended.

A boundary is looked for when a word begins, in the gap before it. Whether a full stop ends a
sentence is asked of ``sentencex`` (MIT, Wikimedia), which knows abbreviations and initials in many
languages and answers within microseconds; what it gets wrong in replies of language models is
decided here.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from sentencex import get_sentence_boundaries

from streamkit.wording.lookup import base_language, find_vocabulary

_LONGEST_GAP: Final = 64
_CONTEXT: Final = 120
"""So many characters before a full stop are shown to the splitter."""
_LONGEST_WORD: Final = 30

_CLOSERS: Final = "\"'”’»›)\\]}*_`~」』》】）"  # noqa: RUF001
_STOPS: Final = ".!?…؟۔।॥։"  # noqa: RUF001
_WIDE_STOPS: Final = "。！？．｡"  # noqa: RUF001
_SENTENCE: Final = re.compile(
    rf"[^\s{_WIDE_STOPS}]*?(?P<wide>[{_WIDE_STOPS}]+[{_CLOSERS}…]*\s*)"
    # French puts blanks inside quotes and before "!" and "?".
    rf"|(?:[ \u00a0\u202f](?=[!?…]))?[^\s,;:]*?(?P<stop>[{_STOPS}]+)[^\s,;:]*"
    rf"(?:[ \u00a0\u202f]»)?(?P<blank>\s+)"
)
_CLAUSE: Final = re.compile(
    rf"[^\s,;:]*?[,;:،؛][{_CLOSERS}]*\s+|\s?—\s?|\s[–-]{{1,2}}\s|\S*?[，、；：]+[{_CLOSERS}]*"  # noqa: RUF001
)
_LIST_NUMBER: Final = re.compile(r"[ \t>]*(?:[-*+•][ \t]+)?(?:\*\*)?\d{1,3}\.$")
_ORDINAL: Final = re.compile(r"\(?\d{1,3}\.")
_OPENERS: Final = "(*_\"'„“‘«¿¡["
_MARKS: Final = re.compile(r"[*_`\"“”„«»()\[\]]")


class Boundary(enum.Enum):
    """What ends before a word."""

    CLAUSE = "clause"
    SENTENCE = "sentence"
    LINE = "line"


@dataclass(frozen=True, slots=True)
class Gap:
    """A place where the text may be cut."""

    boundary: Boundary
    position: int
    """What comes after it begins here: the blanks belong to what comes before."""
    stop: int
    """After the stops that end the sentence; the position where there are none."""


def find_gap(text: str, word: int) -> Gap | None:
    """Find what ends before a word.

    Args:
        text: the text; what follows the word's first character is not looked at.
        word: index of that character, a letter or a digit.
    """
    start = word
    while start and word - start < _LONGEST_GAP and not text[start - 1].isalnum():
        start -= 1
    if start in (0, word):
        return None
    newline = text.rfind("\n", start, word)
    if newline >= 0:
        return Gap(Boundary.LINE, newline + 1, newline + 1)
    if match := _SENTENCE.match(text, start, word):
        if match["wide"]:
            return Gap(Boundary.SENTENCE, match.end(), match.end())
        return Gap(Boundary.SENTENCE, match.end(), match.end("stop"))
    if match := _CLAUSE.match(text, start, word):
        return Gap(Boundary.CLAUSE, match.end(), match.end())
    return None


def line_ends(text: str, position: int, word: int) -> bool:
    """Tell whether a line break ends a sentence.

    Only a line that begins in lower case, without a mark or an empty line before it, goes on
    with the one before.
    """
    if not text[word].islower() or text[position:word].strip():
        return True
    before = text[max(0, position - _LONGEST_GAP) : position]
    return before[len(before.rstrip()) :].count("\n") > 1


class SentenceEnds:
    """Tells whether a stop ends a sentence, in one language.

    Args:
        language: BCP 47 tag; None is taken for English, whose rules suit most languages.
    """

    def __init__(self, language: str | None) -> None:
        self._language = base_language(language) or "en"
        splits(self._language, "A.", "B")  # it reads its lists when it first needs them
        vocabulary = find_vocabulary(language or "en")
        self._titles = frozenset(vocabulary.titles if vocabulary else ())
        self._abbreviations = frozenset(vocabulary.abbreviations if vocabulary else ())
        self._before_number = frozenset(vocabulary.before_number if vocabulary else ())
        self._closing = vocabulary.closing if vocabulary else frozenset()
        self._ordinals = vocabulary.before_ordinals if vocabulary else frozenset()
        self._words = vocabulary.not_abbreviated if vocabulary else frozenset()

    def ends(self, text: str, gap: Gap, word: int, end: int, line_start: bool) -> bool | None:
        """Tell whether a sentence ends in a gap.

        Args:
            text: the text.
            gap: a sentence's, of `find_gap`.
            word: where the next word begins.
            end: so much of the text is known; the next word is complete if there is more.
            line_start: the text begins at the beginning of a line.

        Returns:
            None when the next word has to be known to its end first.
        """
        next_letter = text[word]
        if next_letter.islower():
            return False
        head = text[: gap.stop]
        stops = text[gap.stop - 2 : gap.stop]
        if not head.endswith(".") or stops == "..":
            # Nothing else is an abbreviation's.
            return True
        if gap.stop == gap.position:
            return True
        line = head.rfind("\n") + 1
        if (line or line_start) and _LIST_NUMBER.match(head, line):
            return False
        known = self._known(head, next_letter)
        if known is not None:
            return known
        complete = end > word + 1 and not text[end - 1].isalnum()
        if splits(self._language, head, text[word:end]):
            if head[-2:-1].isdigit() and not complete and end - word < _LONGEST_WORD:
                return None  # the next word may be a month
            return True
        return False if complete or end - word >= _LONGEST_WORD else None

    def _known(self, head: str, next_letter: str) -> bool | None:
        """What the vocabulary tells about the words before the stop."""
        words = head[-_CONTEXT:].split()[-3:]
        before = words[-2].lower() if len(words) > 1 else ""
        ordinal = before in self._ordinals or words[-1][0] == "("
        if self._ordinals and ordinal and _ORDINAL.fullmatch(words[-1]):
            return False
        # An abbreviation may hold blanks: "z. B."
        tails = {" ".join(words[index:]).lstrip(_OPENERS) for index in range(len(words))}
        if tails & self._titles:
            return False
        if tails & self._before_number:
            # Before anything but a number it is a plain word, or a rare abbreviation.
            return not next_letter.isdigit()
        if tails & self._closing:
            return None
        if tails & self._abbreviations:
            return False
        return True if words[-1].lstrip(_OPENERS)[:-1].lower() in self._words else None


def splits(language: str, head: str, after: str) -> bool:
    """Ask the splitter whether a sentence ends between two parts of a text.

    Args:
        language: two letters.
        head: what ends with the stop.
        after: the next word, as far as it is known, or more.
    """
    # Quotes and brackets would make it look for their other half.
    head = _MARKS.sub(" ", head[-_CONTEXT:]) + " "
    # Half a character cannot be handed over to another language.
    text = f"{head}{after}".encode("utf-8", "replace").decode()
    boundaries = get_sentence_boundaries(language, text)
    return any(boundary["start_index"] == len(head) for boundary in boundaries)
