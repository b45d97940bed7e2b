"""A stretch of a reply as a synthesizer should say it, and which words are which.

The way of a text: its markup goes (`streamkit.wording.markdown`), what is not said as it
is written is found (`streamkit.wording.signs`: numbers, signs, abbreviations, addresses),
and what remains is put together word by word. Every word that is said knows where it was
written, so that a reply that is interrupted can be cut after the last word that was heard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streamkit.wording.lookup import base_language
from streamkit.wording.markdown import Plain, strip_markdown
from streamkit.wording.signs import load_readers

_LAST_LETTER: Final = re.compile(r"\w(?=\W*$)")
_WITHOUT_BLANKS: Final = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Tibetan, Burmese, Khmer
    "\u3000-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Chinese and Japanese
    "\uff01-\uff0f\uff1a-\uff20]"  # and their punctuation
)
_SAYABLE: Final = re.compile(r"[^\W_]|[&%@+=$€£¥°§±×÷√∞≈≠≤≥]")  # noqa: RUF001
"""What is left without these is punctuation."""
_PAUSES: Final = frozenset(",.;:!?،؛؟。、，；：！？।…")  # noqa: RUF001
_DIGIT: Final = re.compile(r"\d")
_SPACE_BEFORE_MARK: Final = re.compile(r"\s+(?=[,.;:!?])")
_MARKS: Final = re.compile(r"[,;:](?=[,.;:!?])|(?<=[.!?:;,]),")


@dataclass(frozen=True, slots=True)
class Unit:
    """The least that can be heard or not heard: mostly a word with its punctuation."""

    start: int
    """Its first character in the written text."""
    end: int
    """After its last one, closing punctuation and markup included."""
    spoken: str
    """Not empty, without blanks on the outside."""
    spaced: bool
    """A blank is said before it, unless it is the first one."""


def without_blanks(character: str) -> bool:
    """Tell whether a character is of a script without blanks, or of its punctuation."""
    return character > "\u0e00" and _WITHOUT_BLANKS.match(character) is not None


def read(written: str, language: str | None, *, line_start: bool = True) -> list[Unit]:
    """Turn a stretch of a reply into what is said, unit by unit.

    Args:
        written: the stretch, with any markup; not within a block of code.
        language: BCP 47 tag; None leaves numbers, signs and abbreviations as they are.
        line_start: it begins a line.

    Returns:
        The units in order; none when nothing of it can be said.
    """
    plain = strip_markdown(written, base_language(language), line_start=line_start)
    text = plain.text
    if not any(map(str.isalnum, text)):
        return []
    taken = bytearray(len(text))
    readings: list[tuple[int, int, str]] = []
    digits = _DIGIT.search(text) is not None
    for reader in load_readers(language):
        if reader.needs_digits and not digits:
            continue
        for match in reader.pattern.finditer(text):
            start, end = match.span()
            if start < end and not any(taken[start:end]):
                spoken = reader.say(match)
                if spoken is not None:
                    taken[start:end] = b"\x01" * (end - start)
                    readings.append((start, end, spoken))
    readings.sort()
    assembly = _Assembly(text)
    at = 0
    for start, end, spoken in readings:
        assembly.copy(at, start)
        assembly.read_out(start, end, spoken)
        at = end
    assembly.copy(at, len(text))
    assembly.finish()
    return _place(written, plain, assembly.found)


class _Assembly:
    """Puts units together from what is read out and what is said as it is written."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.found: list[tuple[int, int, str, bool]] = []
        """First and last character in the plain text, what is said, whether after a blank."""
        self._parts: list[str] = []
        self._start = -1
        self._last = -1
        self._gap = False
        self._spaced = False

    def copy(self, start: int, end: int) -> None:
        """Take some characters as they are."""
        for index in range(start, end):
            character = self._text[index]
            if character.isspace():
                self.finish()
                self._gap = True
                continue
            if character.isalnum() and self._between_words(index):
                self.finish()
            self._begin(index)
            self._parts.append(character)
            self._last = index

    def read_out(self, start: int, end: int, spoken: str) -> None:
        """Take what is said for some characters; a comma alone is a pause between two words."""
        last = start + len(self._text[start:end].rstrip()) - 1
        if self._parts and self._between_words(start):
            self.finish()
        self._begin(start)
        before = "".join(self._parts[-1:])[-1:]
        if spoken[:1].isalnum() and _needs_blank(before):
            self._parts.append(" ")
        self._parts.append(spoken)
        self._last = max(last, start)
        if spoken == ",":
            self.finish()
            self._gap = True
        elif spoken[-1:].isalnum() and _needs_blank(self._text[end : end + 1]):
            self._parts.append(" ")

    def finish(self) -> None:
        """The unit is complete, if there is one."""
        if self._start < 0:
            return
        spoken = _tidy("".join(self._parts))
        if _SAYABLE.search(spoken):
            self.found.append((self._start, self._last, spoken, self._spaced))
        else:
            self._gap |= self._spaced
            if self.found and set(spoken) <= _PAUSES:
                # Punctuation that stands alone belongs to the word before it.
                first, _, before, spaced = self.found[-1]
                self.found[-1] = first, self._last, _tidy(before + spoken), spaced
        self._parts.clear()
        self._start = -1

    def _begin(self, index: int) -> None:
        if self._start < 0:
            self._start = index
            self._spaced, self._gap = self._gap, False

    def _between_words(self, index: int) -> bool:
        """No blank is needed here to tell one word from the next."""
        if not self._parts:
            return False
        before = self._text[index - 1]
        return without_blanks(self._text[index]) or without_blanks(before)


def _needs_blank(neighbour: str) -> bool:
    return neighbour.isalnum() and not without_blanks(neighbour)


def _tidy(spoken: str) -> str:
    """One blank between words, and no two marks in a row where one is enough."""
    spoken = _SPACE_BEFORE_MARK.sub("", " ".join(spoken.split()))
    return _MARKS.sub("", spoken).replace("…", "...")


def _place(written: str, plain: Plain, found: list[tuple[int, int, str, bool]]) -> list[Unit]:
    """Find where units stand in the written text; closing markup belongs to the word before it."""
    units = []
    for index, (first, last, spoken, spaced) in enumerate(found):
        start, end = plain.origins[first], plain.origins[last] + 1
        limit = plain.origins[found[index + 1][0]] if index + 1 < len(found) else len(written)
        while end < limit and not written[end].isspace():
            end += 1
        units.append(Unit(start, min(end, max(limit, start)), spoken, spaced))
    return units


def join(units: Sequence[Unit]) -> str:
    """What is said for some units in a row."""
    return "".join(
        f" {unit.spoken}" if unit.spaced and index else unit.spoken
        for index, unit in enumerate(units)
    )


def stops(units: Sequence[Unit], origin: int) -> tuple[tuple[int, int], ...]:
    """Where each of some units in a row is over.

    Args:
        units: as in `join`.
        origin: where the written text begins that the second numbers count from.

    Returns:
        Pairs of an offset in what is said, behind the unit's last letter, and of one in what
        is written, behind the whole unit.
    """
    found = []
    at = 0
    for index, unit in enumerate(units):
        at += 1 if unit.spaced and index else 0
        letter = _LAST_LETTER.search(unit.spoken)
        over = letter.end() if letter else len(unit.spoken)
        found.append((at + over, unit.end - origin))
        at += len(unit.spoken)
    return tuple(found)


def speakable(text: str, language: str | None = None) -> str:
    """Say a whole text that is no reply in the making: its code blocks are not left out."""
    return join(read(text, language))
