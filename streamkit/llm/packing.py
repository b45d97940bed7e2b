"""How much of a text goes into one piece, and where it is cut if that is not all."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from streamkit.wording.speakable import Unit

_CLAUSE_END: Final = re.compile(r"[,;:،؛，、；：.!?…][\"')\]]*$")  # noqa: RUF001
_BAD_END: Final = re.compile(r"[\d.]")
_JOINERS: Final = "\u200c\u200d"
_SKIN_COLOURS: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"


def best_count(units: Sequence[Unit], limit: int) -> int:
    """How many units make a piece of at most `limit` characters, cut where it hurts least.

    That is behind a clause, if a third of the piece is filled then; else between words, in its
    second half; else wherever it is full. The last unit is always left over: what follows it may
    not be known yet, and may belong to it.

    Args:
        units: two or more; each is at most `limit` characters.
        limit: of what is said.
    """
    length = 0
    fits, word, clause = 1, 0, 0
    for index, unit in enumerate(units[:-1]):
        length += len(unit.spoken) + (1 if unit.spaced and index else 0)
        if length > limit:
            break
        fits = index + 1
        if _CLAUSE_END.search(unit.spoken) and 3 * length >= limit:
            clause = fits
        if units[fits].spaced and not _BAD_END.search(unit.spoken) and 2 * length >= limit:
            word = fits
    return clause or word or fits


def end_of(units: Sequence[Unit], count: int, written: str) -> int:
    """Where a stretch is cut behind some of its units: blanks belong to what is before them."""
    end, next_start = units[count - 1].end, units[count].start
    while end < next_start and written[end].isspace():
        end += 1
    return end


def short_enough(units: Sequence[Unit], written: str, limit: int) -> list[Unit]:
    """Take units that are longer than a piece apart, and say them as they are written.

    Nobody reads them anyway: they are words of hundreds of letters, or numbers of that length.
    """
    found: list[Unit] = []
    for unit in units:
        if len(unit.spoken) <= limit:
            found.append(unit)
            continue
        start, spaced = unit.start, unit.spaced
        text = "".join(c if c.isalnum() or c in ".,;:!?'-" else " " for c in written)
        while start < unit.end:
            end = min(unit.end, start + limit)
            while start + 1 < end < unit.end and not _may_cut(written, end):
                end -= 1
            part = " ".join(text[start:end].split())
            if any(map(str.isalnum, part)):
                found.append(Unit(start, end, part, spaced))
                spaced = False
            elif found:
                last = found[-1]
                found[-1] = Unit(last.start, end, last.spoken, last.spaced)
            start = end
    return found


def _may_cut(text: str, index: int) -> bool:
    """No character that belongs to the one before it begins here."""
    character = text[index]
    joined = character in _JOINERS or text[index - 1] in _JOINERS
    return not (joined or unicodedata.category(character)[0] == "M" or character in _SKIN_COLOURS)
