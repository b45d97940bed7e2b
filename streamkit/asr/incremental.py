"""Words that grow: which words of the newest hypothesis will never change again.

`GrowingWords` holds the committed and the tentative words of one segment. Which of the
tentative ones are committed early is up to a policy (`streamkit.asr.policy`); what holds for all of
them stands here: a committed word never changes, and a text that goes round in circles waits
for the last pass, because a decoder that loops agrees with itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamkit.asr.policy import CommitPolicy
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


class GrowingWords:
    """The words of one segment: committed ones, which only grow, and tentative ones.

    Attributes:
        policy: says which words are committed early.
        committed: words that will not change, since the last `cut`.
        tentative: what the newest hypothesis says after them.
        gone: how many words were cut.
    """

    def __init__(self, policy: CommitPolicy, committed: tuple[Word, ...] = ()) -> None:
        self.policy = policy
        self.committed = committed
        self.tentative: tuple[Word, ...] = ()
        self.gone = 0

    @property
    def words(self) -> tuple[Word, ...]:
        """Committed and tentative words in order."""
        return self.committed + self.tentative

    @property
    def count(self) -> int:
        """Words committed so far, with those that were cut."""
        return self.gone + len(self.committed)

    def update(self, words: Sequence[Word], heard: int) -> tuple[Word, ...]:
        """Take in a hypothesis for what follows the committed words.

        Args:
            words: of the hypothesis.
            heard: position after the last sample that it heard.

        Returns:
            The words that this hypothesis committed.
        """
        count = self.policy.stable(self.tentative, words, heard)
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
        self.gone += count
        return gone
