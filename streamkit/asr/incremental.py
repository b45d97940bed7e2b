"""Words that grow: which words of the newest hypothesis will never change again.

LocalAgreement-2 (Macháček, Dabre, Bojar: Turning Whisper into Real-Time Transcription System,
2023): a word is committed when two successive hypotheses agree on it and on all before
it. Three things are held back here in addition. The last word of either hypothesis, because
the audio may end inside it and because the punctuation after it is still a guess. A word
that the model itself gives little probability: two passes over nearly the same audio make
the same mistake. And a text that goes round in circles, because a decoder that loops agrees
with itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from streamkit.asr.recognizer import Word

MAX_LOOP_WORDS = 8
"""Longest phrase whose repetition is recognised as a loop."""

LOOP_REPEATS = 3
"""A phrase said this often in a row waits for the final hypothesis."""


def normalise(text: str) -> str:
    """The word without case and punctuation: what two hypotheses have to agree on."""
    return "".join(character for character in text.casefold() if character.isalnum())


def agreement(one: Sequence[Word], other: Sequence[Word]) -> int:
    """How many leading words two hypotheses share."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if normalise(left.text) != normalise(right.text):
            break
        count += 1
    return count


def loop_start(words: Sequence[str]) -> int | None:
    """Where a phrase begins that is then said `LOOP_REPEATS` times in a row, or None.

    Returns:
        Index of the first word of the first repetition (the phrase was said once before it).
    """
    for start in range(len(words)):
        for length in range(1, MAX_LOOP_WORDS + 1):
            if start + length * LOOP_REPEATS > len(words):
                break
            phrase = words[start : start + length]
            if all(
                words[start + k * length : start + (k + 1) * length] == phrase
                for k in range(1, LOOP_REPEATS)
            ):
                return start + length
    return None


class LocalAgreement:
    """The words of one segment: committed ones, which only grow, and tentative ones.

    Attributes:
        min_probability: least probability, 0..1, of a word that is committed early.
        committed: words that will not change, since the last `cut`.
        tentative: what the newest hypothesis says after them.
    """

    def __init__(self, min_probability: float = 0.0, committed: tuple[Word, ...] = ()) -> None:
        self.min_probability = min_probability
        self.committed = committed
        self.tentative: tuple[Word, ...] = ()

    @property
    def words(self) -> tuple[Word, ...]:
        """Committed and tentative words in order."""
        return self.committed + self.tentative

    def update(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Take in a hypothesis for what follows the committed words.

        Returns:
            The words that this hypothesis committed.
        """
        agreed = min(agreement(self.tentative, words), len(words) - 1, len(self.tentative) - 1)
        count = 0
        while count < agreed and words[count].probability >= self.min_probability:
            count += 1
        loop = loop_start([normalise(word.text) for word in (*self.committed, *words)])
        if loop is not None:
            count = min(count, max(0, loop - len(self.committed)))
        new = tuple(words[:count])
        self.committed += new
        self.tentative = tuple(words[count:])
        return new

    def finish(self, words: Sequence[Word]) -> None:
        """Take in the last hypothesis: nothing stays tentative."""
        self.committed += tuple(words)
        self.tentative = ()

    def cut(self, count: int) -> tuple[Word, ...]:
        """Remove the first `count` committed words and return them."""
        if not 0 <= count <= len(self.committed):
            raise ValueError(f"cannot cut {count} words: {len(self.committed)} are committed")
        gone, self.committed = self.committed[:count], self.committed[count:]
        return gone
