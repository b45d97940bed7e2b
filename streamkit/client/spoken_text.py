"""Which words of a reply have been heard: its text laid over its sound.

A server sends the words of a clause just before their sound. So the place of a piece of text in
the sound is known when it arrives, and within the piece the words are spread by their length. A
server that tells when single words begin makes that exact.

Positions are samples at `REALTIME_RATE` since the beginning of the part.
"""

from __future__ import annotations

import bisect
import re

from streamkit.client.playback import REALTIME_RATE

SAMPLES_PER_CHARACTER = REALTIME_RATE // 15
"""What a character of speech takes, roughly: used for text whose sound has not all arrived."""

_WORD = re.compile(r"\S+")


class SpokenText:
    """The text of one part of a reply."""

    def __init__(self) -> None:
        self.text = ""
        """All that has arrived."""
        self._characters: list[int] = []
        self._samples: list[int] = []
        self._marked = 0
        self._complete = False

    def add(self, delta: str, arrived: int) -> None:
        """Append text whose sound begins at `arrived`: behind the sound that has arrived."""
        self._anchor(len(self.text), arrived)
        self.text += delta

    def mark(self, word: str, at: int) -> None:
        """Note that the next occurrence of `word` begins at the sample `at`."""
        found = self.text.find(word, self._marked)
        if found >= 0 and word:
            self._marked = found + len(word)
            self._anchor(found, at)

    def complete(self) -> None:
        """Say that no more sound will come."""
        self._complete = True

    def split(self, heard: int, arrived: int, *, whole: bool = False) -> tuple[str, str]:
        """Divide the text into what was heard and what was not.

        Args:
            heard: samples of the part that were played.
            arrived: samples of it that there are so far.
            whole: count a word only when it is over, not as soon as it has begun.

        Returns:
            Two texts that are the whole one together.
        """
        if self._complete and heard >= arrived:
            return self.text, ""
        cut = 0
        for word in _WORD.finditer(self.text):
            if self._place(word.end() if whole else word.start(), arrived) >= heard + whole:
                break
            cut = word.end()
        return self.text[:cut], self.text[cut:]

    def _anchor(self, character: int, sample: int) -> None:
        """Note where a character lies, unless that contradicts the notes beside it."""
        place = bisect.bisect_left(self._characters, character)
        same = self._characters[place : place + 1] == [character]
        before = self._samples[place - 1] if place else -1
        after = self._samples[place + same : place + same + 1]
        if before < sample and (not after or sample < after[0]):
            self._characters[place : place + same] = [character]
            self._samples[place : place + same] = [sample]

    def _place(self, character: int, arrived: int) -> float:
        """Where a character lies in the sound: between the nearest notes."""
        place = bisect.bisect_right(self._characters, character) - 1
        first, start = self._characters[place], self._samples[place]
        if place + 1 < len(self._characters):
            last, end = self._characters[place + 1], self._samples[place + 1]
        else:
            last, end = len(self.text), arrived
            if not self._complete:
                end = max(arrived, start + (last - first) * SAMPLES_PER_CHARACTER)
        return start + (character - first) / max(1, last - first) * (end - start)
