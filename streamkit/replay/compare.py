"""What is different between two runs of the same session. No clock, no socket."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from streamkit.replay.run import Line, Run, Who

Words = Sequence[tuple[str, int]]
"""Words and the numbers of their lines."""

Change = Literal["same", "changed", "missing", "new"]

MAX_CELLS = 1_000_000
"""Of a table of words against words, which takes half a second; more are aligned in parts."""

SLACK_MS = 25.0
"""A latency that grows by less has not grown, whatever its ratio: clocks and machines do that."""


@dataclass(frozen=True, slots=True)
class WordPair:
    """A word of the old run and the one of the new run that stands in its place.

    Attributes:
        change: `changed`: another word; `missing` in the new run; `new` in it.
        old: None if it is new.
        new: None if it is missing.
        line: number of the line, in the new run's where the word is in it.
    """

    change: Change
    old: str | None
    new: str | None
    line: int


@dataclass(frozen=True, slots=True)
class WordChanges:
    """The words of one side of one channel.

    Attributes:
        who: said them.
        channel: of the sound.
        pairs: all words in order.
    """

    who: Who
    channel: int
    pairs: tuple[WordPair, ...]

    @property
    def errors(self) -> int:
        """Words that are changed, missing or new."""
        return sum(pair.change != "same" for pair in self.pairs)

    @property
    def old_words(self) -> int:
        """Words of the old run."""
        return sum(pair.old is not None for pair in self.pairs)

    @property
    def rate(self) -> float:
        """Word error rate of the new run, if the old one is taken for the truth."""
        return self.errors / max(1, self.old_words)


@dataclass(frozen=True, slots=True)
class StageChange:
    """How late one stage was: median and 95th percentile in milliseconds, and how many."""

    stage: str
    old: tuple[float, float, int] | None
    new: tuple[float, float, int] | None

    @property
    def growth(self) -> float | None:
        """New 95th percentile over the old one; 1 if the difference is no more than the slack."""
        if self.old is None or self.new is None:
            return None
        if abs(self.new[1] - self.old[1]) <= SLACK_MS:
            return 1.0
        return self.new[1] / self.old[1] if self.old[1] > 0 else math.inf


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that is different.

    Attributes:
        words: by side and channel, where there are any.
        latency: by stage; the one that a person feels is the first.
        events: name -> how often in the old and in the new run, where that is different.
        committed: words that were certain before they were final, old and new.
    """

    words: tuple[WordChanges, ...]
    latency: tuple[StageChange, ...]
    events: dict[str, tuple[int, int]]
    committed: tuple[int, int]

    def problems(self, max_growth: float, *, replies: bool = True) -> list[str]:
        """What makes the new run a failure.

        Args:
            max_growth: of the 95th percentile of what a person feels; a ratio.
            replies: the words of replies have to be the same too.
        """
        found = [
            f"{changes.errors} of {changes.old_words} words that were {changes.who} differ"
            for changes in self.words
            if changes.errors and (replies or changes.who == "heard")
        ]
        felt = self.latency[0] if self.latency else None
        if felt is not None and felt.growth is not None and felt.growth > max_growth:
            found.append(f"p95 of {felt.stage} grew {felt.growth:.2f} times")
        return found


def compare(old: Run, new: Run) -> Comparison:
    """Compare two runs of the same session."""
    sides = sorted({(line.who, line.channel) for line in (*old.lines, *new.lines)})
    stages = [old.headline, *(each for each in old.latency if each != old.headline)]
    stages += [each for each in new.latency if each not in stages]
    names = sorted({*old.events, *new.events})
    counts = {name: (old.events.get(name, 0), new.events.get(name, 0)) for name in names}
    return Comparison(
        words=tuple(
            WordChanges(who, channel, align(_side(old, who, channel), _side(new, who, channel)))
            for who, channel in sides
        ),
        latency=tuple(
            StageChange(stage, summary(old.latency.get(stage)), summary(new.latency.get(stage)))
            for stage in stages
            if stage in old.latency or stage in new.latency
        ),
        events={name: pair for name, pair in counts.items() if pair[0] != pair[1]},
        committed=(old.committed, new.committed),
    )


def _side(run: Run, who: Who, channel: int) -> list[Line]:
    return [line for line in run.lines if (line.who, line.channel) == (who, channel)]


def summary(values: Sequence[float] | None) -> tuple[float, float, int] | None:
    """Median, 95th percentile and number of some values; None if there are none."""
    if not values:
        return None
    ranked = sorted(values)
    return _rank(ranked, 0.5), _rank(ranked, 0.95), len(ranked)


def _rank(ranked: Sequence[float], part: float) -> float:
    return ranked[min(len(ranked) - 1, math.ceil(part * len(ranked)) - 1)]


def align(old: Sequence[Line], new: Sequence[Line]) -> tuple[WordPair, ...]:
    """Pair the words so that as few as possible differ (Levenshtein's distance).

    Case and punctuation make no difference, unless nothing else is left of a word.
    """
    before = [(word, number) for number, line in enumerate(old) for word in line.text.split()]
    after = [(word, number) for number, line in enumerate(new) for word in line.text.split()]
    # What is the same at both ends needs no table, which for a long session would be large.
    limit = min(len(before), len(after))
    head = 0
    while head < limit and _same(before[head][0], after[head][0]):
        head += 1
    tail = 0
    while tail < limit - head and _same(before[-1 - tail][0], after[-1 - tail][0]):
        tail += 1
    middle = _pair(before[head : len(before) - tail], after[head : len(after) - tail])
    ends = [
        WordPair("same", left[0], right[0], right[1])
        for left, right in zip(
            [*before[:head], *before[len(before) - tail :]],
            [*after[:head], *after[len(after) - tail :]],
            strict=True,
        )
    ]
    return (*ends[:head], *middle, *ends[head:])


def _pair(before: Words, after: Words) -> list[WordPair]:
    rows, columns = len(before) + 1, len(after) + 1
    if rows * columns > MAX_CELLS:
        return _pair_around(before, after)
    cost = [list(range(columns))]
    for row in range(1, rows):
        line = [row]
        for column in range(1, columns):
            same = _same(before[row - 1][0], after[column - 1][0])
            line.append(
                min(
                    cost[row - 1][column - 1] + (not same),
                    cost[row - 1][column] + 1,
                    line[column - 1] + 1,
                )
            )
        cost.append(line)
    pairs: list[WordPair] = []
    row, column = rows - 1, columns - 1
    while row or column:
        here = cost[row][column]
        if row and column:
            (left, _), (right, number) = before[row - 1], after[column - 1]
            same = _same(left, right)
            if here == cost[row - 1][column - 1] + (not same):
                pairs.append(WordPair("same" if same else "changed", left, right, number))
                row, column = row - 1, column - 1
                continue
        if row and here == cost[row - 1][column] + 1:
            number = after[min(column, len(after) - 1)][1] if after else before[row - 1][1]
            pairs.append(WordPair("missing", before[row - 1][0], None, number))
            row -= 1
        else:
            right, number = after[column - 1]
            pairs.append(WordPair("new", None, right, number))
            column -= 1
    return pairs[::-1]


def _pair_around(before: Words, after: Words) -> list[WordPair]:
    """Pair the longest stretches that are the same, then what is between them."""
    left, right = [plain(word) for word, _ in before], [plain(word) for word, _ in after]
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    pairs: list[WordPair] = []
    row = column = 0
    for start, place, length in matcher.get_matching_blocks():
        # Where hardly anything is the same, a gap is cut into halves that are not too large.
        for first, second in _halves(before[row:start], after[column:place]):
            pairs += _pair(first, second)
        row, column = start + length, place + length
        pairs += [
            WordPair("same", old[0], new[0], new[1])
            for old, new in zip(before[start:row], after[place:column], strict=True)
        ]
    return pairs


def _halves(before: Words, after: Words) -> Iterator[tuple[Words, Words]]:
    if (len(before) + 1) * (len(after) + 1) <= MAX_CELLS:
        yield before, after
        return
    row, column = len(before) // 2, len(after) // 2
    yield from _halves(before[:row], after[:column])
    yield from _halves(before[row:], after[column:])


def _same(left: str, right: str) -> bool:
    return left == right or plain(left) == plain(right)


def plain(word: str) -> str:
    """A word without case and punctuation."""
    kept = "".join(
        each
        for each in unicodedata.normalize("NFKC", word).casefold()
        if unicodedata.category(each)[0] in "LNM"
    )
    return kept or word
