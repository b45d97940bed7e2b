"""Which word is being spoken, told while the model speaks.

XTTS is a language model over text and sound, and some of its attention heads look at the text
token whose sound they make. Their attention, one row per audio token of 46.4 ms, is followed here
from the first text token to the last: a path that never goes back, found by Viterbi's algorithm,
and believed up to a fixed number of audio tokens before the newest one. Which heads are of use is
found once, on a sentence that is spoken whole (`choose_heads`). Where none is, words are placed by
their share of the text (`ProportionalAligner`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from streamkit.tts.worker.messages import SpokenWord
from streamkit.tts.xtts.limits import LIMITS, TOKEN_SECONDS

Attention = npt.NDArray[np.float32]

LAG: Final = 2
"""Audio tokens (0.09 s) after which the place in the text is settled."""
MIN_SCORE: Final = 0.08
"""Of heads; below it a model is taken to have no alignment. Random weights stay under 0.04."""
MAX_HEADS: Final = 6
_SHARE_OF_BEST: Final = 0.4
"""A head counts if its score is at least this part of the best one's."""

_MOVES: Final = np.log(np.array([0.74, 0.22, 0.03, 0.008, 0.002], np.float32))
"""To stay at a text token, to go to the next one, or to leave out one, two or three."""
_FLOOR: Final = 0.03
"""Attention that any text token may get by chance."""
_BLUR: Final = (0.15, 0.7, 0.15)
_NEVER: Final = np.float32(-1e9)

_PAUSES: Final = dict.fromkeys(",;:、，；：،؛", 0.2) | dict.fromkeys(".!?…。！？؟।", 0.4)  # noqa: RUF001
"""Seconds that a mark adds, by the way people read."""


class WordStart(NamedTuple):
    """A word begins."""

    word: int
    """Its number in the sentence."""
    token: int
    """The audio token in which it begins, from 0."""


@dataclass(frozen=True, slots=True)
class AlignmentHead:
    """An attention head that follows the text."""

    layer: int
    head: int
    score: float
    """How much better than chance, from 0 to 1."""
    lead: int
    """Text tokens that it looks ahead of the other heads; negative: behind."""


@dataclass(frozen=True, slots=True)
class HeadChoice:
    """What `choose_heads` found."""

    heads: tuple[AlignmentHead, ...]
    """The best first; none when the model has no alignment."""
    score: float
    """Of the best head, chosen or not."""


class WordAligner(Protocol):
    """Tells when the words of one sentence begin, in order, each once, never taken back."""

    def push(self, attention: Attention | None) -> list[WordStart]:
        """Take one audio token.

        Args:
            attention: (heads, text_tokens), what it looked at.

        Returns:
            Words that are known to begin in this token or an earlier one.
        """
        ...

    def finish(self) -> list[WordStart]:
        """The sentence is over: return all other words."""
        ...


class Aligner:
    """Follows the attention of one sentence; see `WordAligner`.

    Args:
        word_of_token: for each text token the number of its word, going up; None for start, stop,
            language, blanks and punctuation.
        words: of the sentence.
        heads: whose attention is pushed, in that order.
        lag: audio tokens by which words are told later than they begin.
    """

    def __init__(
        self,
        word_of_token: Sequence[int | None],
        words: int,
        heads: Sequence[AlignmentHead],
        *,
        lag: int = LAG,
    ) -> None:
        spoken = [place for place, word in enumerate(word_of_token) if word is not None]
        # What is before the first word and after the last one is a place for attention to rest.
        self._first, self._end = (spoken[0], spoken[-1] + 1) if spoken else (0, 0)
        starts: dict[int, int] = {}
        for place in spoken:
            word = word_of_token[place]
            assert word is not None
            starts.setdefault(word, place - self._first)
        self._words = words
        self._starts = _ascending(starts, words)
        self._heads = tuple(heads)
        self._weights = np.array([head.score for head in heads], np.float32)
        self._lag = lag
        self._back: deque[npt.NDArray[np.int8]] = deque(maxlen=max(1, lag))
        self._scores: npt.NDArray[np.float32] | None = None
        self._steps = 0
        self._told = 0
        self._last = 0

    def push(self, attention: Attention | None) -> list[WordStart]:
        """See `WordAligner`."""
        self._steps += 1
        if self._end == 0 or attention is None:
            return []
        seen = self._look(attention)
        if self._scores is None:
            # It begins at the first token; a head may be a little further.
            places = np.arange(len(seen), dtype=np.float32)
            self._scores = seen - np.float32(2.0) * places
        else:
            self._scores, moves = _advance(self._scores, seen)
            self._back.append(moves)
        if self._steps <= self._lag:
            return []
        return self._tell(self._path()[0], self._steps - 1 - len(self._back))

    def finish(self) -> list[WordStart]:
        """See `WordAligner`."""
        told: list[WordStart] = []
        if self._scores is not None:
            path = self._path()
            for index, place in enumerate(path):
                told += self._tell(place, self._steps - len(path) + index)
        # Words that were never reached share what is left.
        missing = self._words - self._told
        for index in range(missing):
            ahead = max(0, self._steps - self._last) * (index + 1) // (missing + 1)
            token = min(self._last + ahead, max(0, self._steps - 1))
            told.append(WordStart(self._told + index, token))
        self._told = self._words
        return told

    def _look(self, attention: Attention) -> npt.NDArray[np.float32]:
        """Log-likelihood of every place between the first word and the last."""
        size = self._end - self._first
        seen = np.zeros(size, np.float32)
        for row, head, weight in zip(attention, self._heads, self._weights, strict=True):
            begin, end = self._first + head.lead, self._end + head.lead
            low, high = max(begin, self._first), min(end, self._end)
            if low < high:
                # A head that looks ahead sees what comes; the place is behind it.
                part = np.zeros(size, np.float32)
                part[low - begin : high - begin] = row[low:high]
                seen += weight * part / max(float(part.sum()), 0.05)
        blurred = _BLUR[1] * seen
        blurred[1:] += _BLUR[0] * seen[:-1]
        blurred[:-1] += _BLUR[2] * seen[1:]
        total = float(blurred.sum())
        if total > 0:
            blurred /= total
        likely: npt.NDArray[np.float32] = np.log(blurred + np.float32(_FLOOR))
        return likely

    def _path(self) -> list[int]:
        """The best places of the newest steps, the oldest first."""
        assert self._scores is not None
        place = int(np.argmax(self._scores))
        path = [place]
        for moves in reversed(self._back):
            place -= int(moves[place])
            path.append(place)
        return path[::-1]

    def _tell(self, place: int, step: int) -> list[WordStart]:
        """The words that begin up to a place, unless they were told before."""
        reached = bisect_right(self._starts, place)
        told = [WordStart(word, step) for word in range(self._told, reached)]
        if told:
            self._told, self._last = reached, step
        return told


class ProportionalAligner:
    """Places words by their share of the text at the language's usual rate; see `WordAligner`.

    What a speaker does otherwise is not seen, so the error grows with the length of the sentence;
    when it ends sooner than expected, the words that are left begin at its end. An engine that
    remembers `pace` from one sentence of a voice to the next halves the error.

    Args:
        text: what is said.
        words: of it.
        language: two letters, one of XTTS v2.
        pace: how long this speaker takes, 1 is usual, 2 is twice as long.
    """

    def __init__(
        self, text: str, words: Sequence[SpokenWord], language: str, *, pace: float = 1.0
    ) -> None:
        rate = LIMITS[language].seconds_per_character * pace / TOKEN_SECONDS
        pauses = {mark: seconds * pace / TOKEN_SECONDS for mark, seconds in _PAUSES.items()}
        self._expected: list[float] = []
        at = 0
        tokens = 0.0
        for word in words:
            tokens += sum(rate + pauses.get(mark, 0.0) for mark in text[at : word.start])
            self._expected.append(tokens)
            tokens += rate * (word.end - word.start)
            at = word.end
        self._length = tokens + rate * (len(text) - at)
        self._given_pace = pace
        self._steps = 0
        self._told = 0

    @property
    def pace(self) -> float:
        """How long the speaker took, once the sentence is over: between a third and 3."""
        if not self._length or not self._steps:
            return self._given_pace
        return min(3.0, max(1 / 3, self._given_pace * self._steps / self._length))

    def push(self, attention: Attention | None = None) -> list[WordStart]:
        """See `WordAligner`; the attention is not looked at."""
        self._steps += 1
        reached = bisect_right(self._expected, self._steps - 0.5)
        told = [WordStart(word, self._steps - 1) for word in range(self._told, reached)]
        self._told = max(self._told, reached)
        return told

    def finish(self) -> list[WordStart]:
        """See `WordAligner`."""
        token = max(0, self._steps - 1)
        told = [WordStart(word, token) for word in range(self._told, len(self._expected))]
        self._told = len(self._expected)
        return told


def choose_heads(attentions: Attention, *, limit: int = MAX_HEADS) -> HeadChoice:
    """Find the heads that follow the text, from one sentence that was spoken whole.

    A head's score is the attention on the best path through the whole text that never goes back,
    less the same with its audio tokens in another order: what a head always looks at, and what it
    looks at by chance, gains nothing.

    Args:
        attentions: (layers, heads, steps, text_tokens), each row summing to at most 1. The text
            tokens are those between start and stop; at least 8 of them.
        limit: heads to choose, at most.
    """
    layers, heads, steps, places = attentions.shape
    if places < 8 or steps < places // 2:
        return HeadChoice((), 0.0)
    rows = attentions.reshape(layers * heads, steps, places)
    stride = next(s for s in range(steps * 5 // 8, 2 * steps) if np.gcd(s, steps) == 1)
    mixed = rows[:, np.arange(steps) * stride % steps]
    masses, paths = _follow(rows)
    by_chance, _ = _follow(mixed)
    scores = np.clip(masses - by_chance, 0.0, 1.0)
    order = np.argsort(-scores, kind="stable")[:limit]
    best = float(scores[order[0]])
    chosen = [int(i) for i in order if scores[i] >= max(MIN_SCORE, _SHARE_OF_BEST * best)]
    if not chosen:
        return HeadChoice((), best)
    middle = np.median(paths[chosen], axis=0)
    found = []
    for index in chosen:
        lead = round(float(np.median(paths[index] - middle)))
        found.append(AlignmentHead(index // heads, index % heads, float(scores[index]), lead))
    return HeadChoice(tuple(found), best)


def _follow(rows: Attention) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """For each head the mean attention on its best path through all places, and that path."""
    count, steps, places = rows.shape
    near = rows.copy()
    near[:, :, 1:] += rows[:, :, :-1]
    near[:, :, :-1] += rows[:, :, 1:]
    seen = np.log(near + np.float32(_FLOOR))
    scores = seen[:, 0].copy()
    scores[:, 1:] = _NEVER
    back = np.zeros((steps, count, places), np.int8)
    for step in range(1, steps):
        scores, back[step] = _advance(scores, seen[:, step])
    path = np.zeros((count, steps), np.int64)
    path[:, -1] = places - 1
    every = np.arange(count)
    for step in range(steps - 1, 0, -1):
        path[:, step - 1] = np.maximum(0, path[:, step] - back[step, every, path[:, step]])
    masses = np.take_along_axis(near, path[:, :, None], axis=2)[:, :, 0].mean(axis=1)
    return masses, path


def _advance(
    scores: npt.NDArray[np.float32], seen: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int8]]:
    """One step of Viterbi's algorithm along the last axis; also by how far each place was come."""
    best = scores + _MOVES[0]
    moves = np.zeros(scores.shape, np.int8)
    for move in range(1, min(len(_MOVES), scores.shape[-1])):
        come = scores[..., :-move] + _MOVES[move]
        better = come > best[..., move:]
        best[..., move:][better] = come[better]
        moves[..., move:][better] = move
    return best + seen, moves


def _ascending(starts: dict[int, int], words: int) -> list[int]:
    """Where each word begins; one without any token begins with the next that has one."""
    found: list[int] = []
    following = max(starts.values(), default=0)
    for word in range(words - 1, -1, -1):
        following = min(following, starts.get(word, following))
        found.append(following)
    return found[::-1]
