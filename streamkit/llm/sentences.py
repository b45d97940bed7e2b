"""Cuts a reply, while it is being written, into pieces that are spoken one after the other.

The first piece is short, so that there is something to hear soon; those after it are whole
sentences, several short ones together, since a synthesizer gives a sentence its melody only when
it sees all of it. Each piece may be several times as long as the one before (`_SHARES`), so a
model that writes a few times faster than people speak never lets the voice run dry.

**What does not depend on the deltas:** the machine takes one character after the other and decides
from what it has seen up to there, so the pieces are the same, character for character, however the
text was cut into deltas; only when each of them comes out differs.

**What it waits for:** a sentence is over when the next one has begun, so a piece comes with the
first letter of what follows it (behind an abbreviation or a number with the first whole word), or
at `finish`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from streamkit.llm.packing import best_count, end_of, short_enough
from streamkit.wording.lookup import base_language, find_vocabulary
from streamkit.wording.markdown import FENCE
from streamkit.wording.sentence_ends import Boundary, Gap, SentenceEnds, find_gap, line_ends
from streamkit.wording.signs import load_readers
from streamkit.wording.speakable import Unit, join, read, stops, without_blanks

PIECE_MAX: Final = {
    "en": 250, "de": 253, "fr": 273, "es": 239, "it": 213, "pt": 203, "pl": 224, "nl": 251,
    "zh": 82, "ja": 71, "ko": 95, "hi": 150, "ar": 166, "cs": 186, "ru": 182, "tr": 226, "hu": 224,
}  # fmt: skip
"""Characters that XTTS speaks well in one go, by language; others have that of "cs"."""

_OTHER_MAX: Final = 186
_LEAST_MAX: Final = 40
_LEAST_FIRST: Final = 5
_SHARES: Final = (25, 8, 3)
"""The first, second and every later piece has at least the greatest length divided by this."""
_FIRST_MAX_SHARE: Final = 3
_LONGEST_RUN: Final = 1000
"""Characters without a blank; a run that is longer is no address, and is cut anywhere."""
_LONGEST_STRETCH: Final = 4000
"""Characters of a stretch that holds little to say, such as a table of dashes."""
_RUN: Final = re.compile(r"[0-9A-Za-zÀ-ÖØ-öø-ʯЀ-ҁ]+")
"""Letters of scripts with blanks between words, and digits."""
_CODE: Final = re.compile(r"(?:```|~~~)\s*$")
_OPENING: Final = re.compile(r"\s[^\w\s]*$")
"""What may stand before a word where the text can be cut."""
_LONGEST_OPENING: Final = 8
_LATE_FENCE: Final = re.compile(r"(?:^|(?<=[\s:]))(?P<mark>`{3,})[ \t]*[\w+#.-]{0,20}[ \t]*$")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a reply: what the model wrote, and what is said for it."""

    written: str
    """Exactly as it was written; all pieces' together are the whole reply."""
    spoken: str
    """For the synthesizer, plain text on one line; "" when nothing of it can be said."""
    stops: tuple[tuple[int, int], ...] = ()
    """Ends of words, going up: an offset in `spoken` and the one in `written` it belongs to."""

    def written_until(self, spoken_offset: int) -> int:
        """Tell how much of what was written has been said.

        Args:
            spoken_offset: everything before this offset in `spoken` has been said.

        Returns:
            So many characters of `written`, up to the end of a word; a number that is said in
            several words counts when the last of them is over. Never decreasing; 0 for 0, all for
            the length of `spoken` or more, so at once where nothing is said.
        """
        if spoken_offset >= len(self.spoken):
            return len(self.written)
        index = bisect_right(self.stops, spoken_offset, key=lambda stop: stop[0])
        return self.stops[index - 1][1] if index else 0


class PieceCutter:
    """Cuts one reply; feed it every delta, then finish.

    Blocks of code are announced by one word and otherwise left out. What cannot be said belongs
    to the piece before or after it; only at the end of the reply may it be a piece of its own.

    The first cutter of a language loads its rules, some 20 to 100 ms; so make one when the program
    starts, or in a thread.

    Args:
        language: BCP 47 tag of the reply; None leaves numbers and signs as they are written.
        first_min: characters that are said in the first piece, at least, if there are so many.
        first_max: from here on the first piece ends after any word.
        later_min: characters that are said in the third and every later piece, at least, if
            sentences are to be joined; 1 makes each a piece of its own.
        piece_max: characters that are said in any piece, at most; by default what XTTS takes
            in that language, see `PIECE_MAX`. 40 or more.

    Raises:
        ValueError: the lengths contradict each other.
    """

    def __init__(
        self,
        language: str | None = None,
        *,
        first_min: int | None = None,
        first_max: int | None = None,
        later_min: int | None = None,
        piece_max: int | None = None,
    ) -> None:
        base = base_language(language)
        if piece_max is None:
            piece_max = PIECE_MAX.get(base or "en", _OTHER_MAX)
        first_max = piece_max // _FIRST_MAX_SHARE if first_max is None else first_max
        if first_min is None:
            first_min = min(first_max, max(_LEAST_FIRST, piece_max // _SHARES[0]))
        if later_min is None:
            later_min = piece_max // _SHARES[2]
        if piece_max < _LEAST_MAX or not 1 <= first_min <= first_max <= piece_max:
            raise ValueError(
                f"first_min {first_min}, first_max {first_max} and piece_max {piece_max} must go "
                f"up, from 1, and piece_max must be {_LEAST_MAX} or more"
            )
        if not 1 <= later_min <= piece_max:
            raise ValueError(f"later_min {later_min} must lie from 1 to piece_max, {piece_max}")
        self._language = language
        vocabulary = find_vocabulary(language)
        self._notice = vocabulary.code if vocabulary else ""
        self._ends = SentenceEnds(language)
        load_readers(language)
        self._max = piece_max
        self._first_max = first_max
        self._least = (first_min, min(piece_max // _SHARES[1], later_min), later_min)
        self._count = 0
        self._silent: list[str] = []
        self._fence = ""
        self._ready: list[Piece] = []
        self._text = ""
        self._line_start = True
        self._begin_stretch("", line_start=True)

    def feed(self, text: str) -> list[Piece]:
        """Take the next delta; return the pieces that are complete by it, often none."""
        self._text += text
        while self._next < len(self._text):
            self._step()
        return self._take()

    def finish(self) -> list[Piece]:
        """The reply is over: return the rest of it."""
        if self._fence:
            self._silent.append(self._text)
        elif self._text:
            self._say(self._text)
        self._begin_stretch("", line_start=True)
        self._fence = ""
        rest = "".join(self._silent)
        self._silent.clear()
        if rest and self._ready:
            last = self._ready[-1]
            self._ready[-1] = Piece(last.written + rest, last.spoken, last.stops)
        elif rest:
            self._ready.append(Piece(rest, ""))
        return self._take()

    def _take(self) -> list[Piece]:
        ready, self._ready = self._ready, []
        return ready

    def _begin_stretch(self, text: str, *, line_start: bool) -> None:
        """What was cut off is dealt with; look at `text` from its beginning."""
        self._text = text
        self._line_start = line_start
        self._next = 0
        self._line = 0
        self._run_limit = _LONGEST_RUN
        self._end = 0
        self._doubt: tuple[Gap, int] | None = None
        self._check = self._limit

    @property
    def _limit(self) -> int:
        return self._max if self._count else self._first_max

    def _cut(self, position: int) -> None:
        """Look at the text behind a position as if it had just come."""
        before = self._text[position - 1]
        self._begin_stretch(self._text[position:], line_start=before == "\n")

    def _step(self) -> None:
        """Look at the next character; nothing behind it counts."""
        text, index = self._text, self._next
        character = text[index]
        self._next = index + 1
        if self._fence:
            if character == "\n":
                self._end_line_of_code(index)
            return
        if character.isalnum():
            if without_blanks(character) or index == 0 or not text[index - 1].isalnum():
                self._begin_word(index)
            elif self._doubt is None:
                # The rest of a word changes nothing, unless it is endless.
                match = _RUN.match(text, index)
                end = match.end() if match else index + 1
                self._next = max(index + 1, min(end, self._run_limit))
        elif self._settle_doubt(index):
            return
        elif character == "\n":
            self._run_limit = index + 1 + _LONGEST_RUN
            if not self._open_fence(index):
                self._line = index + 1
        elif character.isspace():
            self._run_limit = index + 1 + _LONGEST_RUN
        if text is self._text and index >= self._run_limit:
            self._run_limit = index + _LONGEST_RUN
            self._force(index)

    def _begin_word(self, index: int) -> None:
        text = self._text
        gap = find_gap(text[: index + 1], index)
        if gap is not None and self._consider(gap, index):
            return
        if index < self._check:
            return
        before = text[max(0, index - 1) : index]
        wide = without_blanks(text[index]) or without_blanks(before)
        if wide or _OPENING.search(text, max(0, index - _LONGEST_OPENING), index):
            if not _CODE.search(text, self._line, index):
                self._force(index)
            elif self._line:
                # The line that may open a block of code stays whole.
                self._force(self._line)

    def _consider(self, gap: Gap, word: int) -> bool:
        """Cut in a gap if something ends there; tell whether it was cut."""
        text = self._text
        if _CODE.search(text, gap.position, word):
            return False  # whether it opens a block will be seen at the end of the line
        match gap.boundary:
            case Boundary.LINE:
                return line_ends(text, gap.position, word) and self._end_sentence(gap.position)
            case Boundary.SENTENCE:
                if self._inside_markup(gap.position):
                    return False
                ends = self._ends.ends(text, gap, word, word + 1, self._line_start)
                if ends is None:
                    self._doubt = gap, word
                return ends is True and self._end_sentence(gap.position)
            case Boundary.CLAUSE:
                if self._count or self._inside_markup(gap.position):
                    return False
                return self._end_sentence(gap.position, sentence=False)

    def _settle_doubt(self, index: int) -> bool:
        """Decide on a stop whose next word is complete now; tell whether it was cut."""
        if self._doubt is None:
            return False
        (gap, word), self._doubt = self._doubt, None
        ends = self._ends.ends(self._text, gap, word, index + 1, self._line_start)
        return ends is True and self._end_sentence(gap.position)

    def _inside_markup(self, position: int) -> bool:
        """A link, tag or code span of this line is not closed yet."""
        line = self._text[self._line : position]
        return (
            line.count("`") % 2 == 1
            or line.rfind("[") > line.rfind("]")
            or line.rfind("](") > line.rfind(")")
        )

    def _end_sentence(self, position: int, *, sentence: bool = True) -> bool:
        """Let a piece end here if it is long enough; tell whether it did."""
        units = read(self._text[:position], self._language, line_start=self._line_start)
        length = len(join(units))
        if length > self._max and self._end:
            position, units = self._end, []
        elif length < self._least[min(self._count, len(self._least) - 1)]:
            if sentence:
                self._end = position
            return False
        self._say(self._text[:position], units or None)
        self._cut(position)
        return True

    def _force(self, index: int) -> None:
        """The stretch is long: cut it before `index` at the best place, unless little was said."""
        if self._end:
            self._say(self._text[: self._end])
            self._cut(self._end)
            return
        text = self._text[:index]
        units = read(text, self._language, line_start=self._line_start)
        length = len(join(units))
        if not units:
            self._silent.append(text)
            self._cut(index)
        elif length < self._limit * 4 // 5 and index < _LONGEST_STRETCH:
            self._check = index + max(8, self._limit - length)
        else:
            units = short_enough(units, text, self._limit)
            count = best_count(units, self._limit)
            position = end_of(units, count, text) if count < len(units) else index
            self._say(self._text[:position], units[:count])
            self._cut(position)

    def _say(self, written: str, units: Sequence[Unit] | None = None) -> None:
        """Make pieces of a stretch, as many as the limit demands."""
        if units is None:
            units = read(written, self._language, line_start=self._line_start)
        units = short_enough(units, written, self._max)
        start = 0
        while units:
            length = len(join(units))
            parts = -(-length // self._max)
            # Parts of like length: a lone last word would sound torn off.
            limit = min(self._max, length * 5 // (parts * 4))
            count = len(units) if parts <= 1 else best_count(units, limit)
            end = len(written) if count == len(units) else end_of(units, count, written)
            self._emit(written[start:end], units[:count], start)
            units, start = units[count:], end
        if start < len(written):
            self._silent.append(written[start:])

    def _emit(self, written: str, units: Sequence[Unit], start: int) -> None:
        silent = "".join(self._silent)
        self._silent.clear()
        spoken = join(units)
        self._ready.append(Piece(silent + written, spoken, stops(units, start - len(silent))))
        self._count += 1

    def _open_fence(self, newline: int) -> bool:
        """See whether the line that ends here opens a block of code."""
        text = self._text
        match = None
        if self._line or self._line_start:
            match = FENCE.match(text, self._line, newline)
        if match is None:
            # Models put it behind some words too, and people read it as a block.
            match = _LATE_FENCE.search(text, self._line, newline)
            if match is None or text.count("```", self._line, newline) % 2 == 0:
                return False
        before, line = text[: match.start()], text[match.start() : newline + 1]
        units = read(before, self._language, line_start=self._line_start)
        if self._notice:
            # After some words it is their last one: what is very short is not spoken well.
            notice = Unit(len(before), len(before) + len(line.rstrip()), self._notice, True)
            if len(join([*units, notice])) > self._max:
                self._say(before, units)
                before, units, notice = "", [], Unit(0, len(line.rstrip()), self._notice, True)
            self._emit(before + line, [*units, notice], 0)
        else:
            self._say(before, units)
            self._silent.append(line)
        self._fence = match["mark"]
        self._cut(newline + 1)
        return True

    def _end_line_of_code(self, newline: int) -> None:
        line = self._text[: newline + 1]
        self._silent.append(line)
        marks = line.strip(" \t>\r\n")
        closes = len(marks) >= len(self._fence) and set(marks) == {self._fence[0]}
        self._fence = "" if closes else self._fence
        self._cut(newline + 1)
