"""From what a viewer saw, and when, to figures. Pure: no clocks, no sockets, no files.

A run is a list of `Update`s: the text that the system calls final and the text after it that
may change, each time one of them changed. It is compared with the gold words twice: the last
final text as a whole gives the word error rate (plain edit distance); for the times, an
alignment in which a word cannot be one that had not begun yet when it came. Case and
punctuation never count.

What the figures mean:

* commit latency: from the gold end of a word to the update since which it has stood in the
  final text. First-partial latency: to the first update that shows it at its place, final or
  not. Both are of words that were understood; the others are errors, and counted as such.
* end of speech -> final: the commit latency of the last words before pauses that are longer
  than the endpointing silence by `CLEAR_PAUSE`, so that every system has to notice them.
* rewrites: a word that was shown as tentative is rewritten when a later update does not have it
  any more, after aligning the two; a final word likewise.
* tail loss: of the words that end in the last second before such a pause, those that offline
  decoding understood and the stream did not.
* words in silence: words inserted between two understood words that have a pause of
  `SILENCE_GAP` or more between them, per minute of all such pauses. Words that only repeat what
  is said beside the pause are counted apart: they come from cutting badly, not from silence.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from streamkit_benchmarks.talk import GoldWord

Ints = npt.NDArray[np.int64]

CLEAR_PAUSE = 0.5
"""Seconds beyond the endpointing silence: detectors need a moment, and gold ends are exact."""

SILENCE_GAP = 1.0
TAIL_SECONDS = 1.0
REPEAT_WORDS = 8
"""How far beside a pause a word may stand that is repeated in it."""

SLACK_WORDS = 8
"""How many more words than before an update's text is searched for the words before."""

BOOTSTRAP_ROUNDS = 2000
_UNIT = 1 << 32
"""Cost of one error, so that what only decides between equals never outweighs one."""

_REPLACED = _UNIT + 1000
"""Of two ways with as many errors, the one with more right words is taken."""

_LATENESS_STEPS_PER_SECOND = 10
_MAX_LATENESS = 400


def plain(text: str) -> str:
    """Lower case, letters and digits only."""
    return " ".join(re.sub(r"[^a-z0-9' ]", " ", text.lower()).split())


def percentiles(values: Sequence[float], *wanted: float) -> dict[str, float | None]:
    """`{"p50": …}` in the values' unit, None where there are none."""
    if not values:
        return {f"p{each:g}": None for each in wanted}
    found = np.percentile(np.asarray(values), wanted)
    return {f"p{each:g}": round(float(at), 3) for each, at in zip(wanted, found, strict=True)}


# What was seen


@dataclass(frozen=True, slots=True)
class Update:
    """What changed for the viewer.

    Only the difference is kept, since an hour's final text repeated with each update is
    hundreds of megabytes.

    Attributes:
        at: seconds since the first sample of the audio.
        kept: how many characters of the final text before are still there.
        added: what comes after them.
        tentative: text after the final one that may change.
    """

    at: float
    kept: int
    added: str
    tentative: str


@dataclass(slots=True)
class Recording:
    """The updates of one stream; `show` is cheap, since it runs while the clock does.

    Attributes:
        updates: so far.
        committed: the newest final text.
        tentative: the newest text that may change.
    """

    updates: list[Update] = field(default_factory=list)
    committed: str = ""
    tentative: str = ""

    def show(self, at: float, committed: str, tentative: str) -> None:
        """Note what is to be seen since `at` seconds."""
        if committed == self.committed and tentative == self.tentative:
            return
        kept = len(self.committed)
        if not committed.startswith(self.committed):
            pairs = zip(self.committed, committed, strict=False)
            kept = next((i for i, (a, b) in enumerate(pairs) if a != b), min(kept, len(committed)))
        self.updates.append(Update(at, kept, committed[kept:], tentative))
        self.committed, self.tentative = committed, tentative


@dataclass(frozen=True, slots=True)
class Gold:
    """One gold word in the form that is compared; a written word may be several of these."""

    token: str
    word: GoldWord


def gold_tokens(words: Iterable[GoldWord]) -> list[Gold]:
    """The words without case and punctuation, in order."""
    return [Gold(token, word) for word in words for token in plain(word.text).split()]


# Alignment


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a text is made of another with the fewest changes.

    Attributes:
        steps: (index in the reference or None, index in the hypothesis or None), in order; both
            of a word that is right or replaced, one of a word that is missing or inserted.
        hits: index in the hypothesis by that in the reference, of the words that are right.
    """

    steps: list[tuple[int | None, int | None]]
    hits: dict[int, int]

    @property
    def errors(self) -> int:
        """Words replaced, missing or inserted."""
        return len(self.steps) - len(self.hits)

    def errors_by(self, groups: Sequence[int], count: int) -> Ints:
        """Errors of each group of reference words; an insertion belongs to the word before it.

        Args:
            groups: group of each reference word, from 0.
            count: how many groups there are.
        """
        totals = np.zeros(count, np.int64)
        group = groups[0] if len(groups) else 0
        for i, j in self.steps:
            if i is not None:
                group = groups[i]
            if i is None or self.hits.get(i) != j or j is None:
                totals[group] += 1
        return totals


def align(
    reference: Sequence[str],
    hypothesis: Sequence[str],
    begins: Sequence[float] | None = None,
    came: Sequence[float] | None = None,
) -> Alignment:
    """Edit distance of words, with the way.

    Args:
        reference: words.
        hypothesis: words.
        begins: seconds at which each reference word begins.
        came: seconds at which each word of the hypothesis was there. A word that came before
            another one began cannot be that one, and among equal ways the earliest words are
            taken: of something that was said once and shown twice, the first counts.
    """
    numbers = {word: number for number, word in enumerate({*reference, *hypothesis})}
    heard = np.array([numbers[word] for word in hypothesis], np.int64)
    times = None if came is None else np.asarray(came, np.float64)
    rows, columns = len(reference), len(hypothesis)
    places = np.arange(columns + 1, dtype=np.int64) * _UNIT
    row = places.copy()
    # 0: the two words belong together, 1: the reference word is missing, 2: one is inserted.
    ways = np.zeros((rows + 1, columns + 1), np.uint8)
    ways[0] = 2
    ways[:, 0] = 1
    right = np.zeros((rows, columns), bool)
    for i, word in enumerate(reference):
        same = heard == numbers[word]
        costs = np.where(same, 0, _REPLACED).astype(np.int64)
        if times is not None and begins is not None:
            late = times - begins[i]
            same &= late >= 0
            steps = np.clip(late * _LATENESS_STEPS_PER_SECOND, 0, _MAX_LATENESS)
            costs = np.where(same, steps.astype(np.int64), _REPLACED)
        right[i] = same
        together = row[:-1] + costs
        missing = row[1:] + _UNIT
        best = np.concatenate([[row[0] + _UNIT], np.minimum(together, missing)])
        ways[i + 1, 1:] = np.where(together <= missing, 0, 1)
        # Insertions go along the row: the cheapest start plus one error for each place since.
        row = np.minimum.accumulate(best - places) + places
        ways[i + 1, 1:][row[1:] < best[1:]] = 2
    steps_back: list[tuple[int | None, int | None]] = []
    hits: dict[int, int] = {}
    i, j = rows, columns
    while i or j:
        way = ways[i, j]
        if way == 0:
            i, j = i - 1, j - 1
            steps_back.append((i, j))
            if right[i, j]:
                hits[i] = j
        elif way == 1:
            i -= 1
            steps_back.append((i, None))
        else:
            j -= 1
            steps_back.append((None, j))
    return Alignment(steps_back[::-1], hits)


def follow(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Which words of a text that may have changed are still there.

    Args:
        old: words as they were.
        new: words since the same place; what comes after the old ones costs nothing.

    Returns:
        Index in `old` and index in `new` of each word that stayed.
    """
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    pairs = [(i, i) for i in range(same)]
    left = old[same:]
    right = new[same : len(old) + SLACK_WORDS]
    if not left or not right:
        return pairs
    table = [list(range(len(right) + 1))]
    for i, word in enumerate(left):
        above, row = table[-1], [i + 1]
        for j, other in enumerate(right):
            row.append(min(above[j] + (word != other), above[j + 1] + 1, row[j] + 1))
        table.append(row)
    i = len(left)
    j = min(range(len(right) + 1), key=table[i].__getitem__)
    found = []
    while i and j:
        if table[i][j] == table[i - 1][j - 1] + (left[i - 1] != right[j - 1]):
            i, j = i - 1, j - 1
            if left[i] == right[j]:
                found.append((same + i, same + j))
        elif table[i][j] == table[i - 1][j] + 1:
            i -= 1
        else:
            j -= 1
    return pairs + found[::-1]


# The course of a stream


class _Course:
    """Plays updates and keeps the words of the final text, and since when each stands there."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.since: list[float] = []
        self.tentative: list[str] = []
        self.committed_rewritten = 0
        self._text = ""

    def play(self, update: Update) -> tuple[int, list[str]]:
        """Take in an update.

        Returns:
            How many final words there were before, and the tentative ones after them then.
        """
        before, tentative = len(self.tokens), self.tentative
        if update.added or update.kept < len(self._text):
            # Only the words from the last blank that stayed have to be looked at again.
            cut = self._text.rfind(" ", 0, update.kept) + 1
            stayed = len(plain(self._text[:cut]).split()) if update.kept < len(self._text) else None
            if stayed is None:
                stayed = before - len(plain(self._text[cut:]).split())
            self._text = self._text[: update.kept] + update.added
            new = plain(self._text[cut:]).split()
            old = self.tokens[stayed:]
            self.committed_rewritten += len(old) - len(follow(old, new))
            same = 0
            while same < min(len(old), len(new)) and old[same] == new[same]:
                same += 1
            del self.tokens[stayed + same :]
            del self.since[stayed + same :]
            self.tokens += new[same:]
            self.since += [update.at] * (len(new) - same)
        self.tentative = plain(update.tentative).split()
        return before, tentative


@dataclass(frozen=True, slots=True)
class Seen:
    """A stream after it has ended.

    Attributes:
        tokens: words of its final text.
        since: seconds since which each of them has stood there.
        shown: tentative words that were shown, each once for as long as it stayed.
        rewritten: how many of those did not stay.
        committed_rewritten: final words that did not stay.
        left_tentative: words at the end that never became final.
    """

    tokens: list[str]
    since: list[float]
    shown: int
    rewritten: int
    committed_rewritten: int
    left_tentative: int


def watch(updates: Iterable[Update]) -> Seen:
    """Play a stream and count what changed."""
    course = _Course()
    shown = rewritten = 0
    for update in updates:
        before, tentative = course.play(update)
        now = course.tokens[before:] + course.tentative
        pairs = follow(tentative, now)
        rewritten += len(tentative) - len(pairs)
        new_from = max(0, len(course.tokens) - before)
        shown += len(course.tentative) - sum(j >= new_from for _, j in pairs)
    return Seen(
        course.tokens,
        course.since,
        shown,
        rewritten,
        course.committed_rewritten,
        len(course.tentative),
    )


def first_seen(
    updates: Iterable[Update],
    tokens: Sequence[str],
    since: Sequence[float],
    begins: dict[int, float],
) -> list[float]:
    """When each word of the final text was first to be seen at its place.

    Args:
        updates: of the stream.
        tokens: of its final text.
        since: seconds since which each stands there.
        begins: seconds at which the word at an index begins to be said: what was shown before
            is a guess, and does not count.
    """
    first = list(since)
    course = _Course()
    for update in updates:
        course.play(update)
        at = len(course.tokens)
        for i, j in follow(course.tentative, tokens[at : at + len(course.tentative) + SLACK_WORDS]):
            del i
            index = at + j
            if begins.get(index, 0.0) <= update.at < first[index]:
                first[index] = update.at
    return first


# Figures


@dataclass(frozen=True, slots=True)
class Offline:
    """The same model over the same sound, each segment decoded once as a whole.

    Attributes:
        text: all it understood.
        understood: `GoldWord.number` of the words that are right.
        errors: of each sentence.
    """

    text: str
    understood: frozenset[int]
    errors: Ints
    wer: float


def offline_figures(words: Sequence[GoldWord], text: str) -> Offline:
    """Compare what the model said offline with the gold words."""
    gold = gold_tokens(words)
    way = align([each.token for each in gold], plain(text).split())
    groups, count = _groups(gold)
    missed = {gold[i].word.number for i in range(len(gold)) if i not in way.hits}
    return Offline(
        text=text,
        understood=frozenset(each.word.number for each in gold) - missed,
        errors=way.errors_by(groups, count),
        wer=_percent(way.errors, len(gold)),
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one stream; seconds and percent.

    Attributes:
        latencies: per understood word, `first_partial` and `commit`, seconds after its end.
        finals: seconds from the end of speech to the final, one for each clear pause.
        lost: words that offline decoding understood and the stream did not.
        report: everything, ready for JSON, without the lists above.
    """

    first_partial: list[float]
    commit: list[float]
    finals: list[float]
    lost: int
    report: dict[str, Any]


def evaluate(
    updates: Sequence[Update],
    words: Sequence[GoldWord],
    seconds: float,
    offline: Offline | None,
    endpointing: float,
) -> Figures:
    """Compare a stream with the gold words.

    Args:
        updates: of the stream, in order of time.
        words: gold words, in order.
        seconds: length of the audio.
        offline: of the same talk, or of the one that this is a part of.
        endpointing: seconds of silence after which the server was asked to end an utterance.
    """
    gold = gold_tokens(words)
    reference = [each.token for each in gold]
    seen = watch(updates)
    plainly = align(reference, seen.tokens)
    begins = [each.word.start for each in gold]
    timed = align(reference, seen.tokens, begins, seen.since)
    first = first_seen(
        updates, seen.tokens, seen.since, {j: begins[i] for i, j in timed.hits.items()}
    )
    commit = [seen.since[j] - gold[i].word.end for i, j in sorted(timed.hits.items())]
    partial = [first[j] - gold[i].word.end for i, j in sorted(timed.hits.items())]

    # A pause lies behind the gold word at its index.
    gaps = _gaps(gold)
    pauses = [i for i, gap in gaps if gap >= endpointing + CLEAR_PAUSE]
    finals = [seen.since[timed.hits[i]] - gold[i].word.end for i in pauses if i in timed.hits]
    understood = offline.understood if offline else frozenset(each.word.number for each in gold)
    tails = [
        i
        for last in pauses
        for i in range(last, -1, -1)
        if gold[i].word.end > gold[last].word.end - TAIL_SECONDS
        and gold[i].word.sentence == gold[last].word.sentence
        and gold[i].word.number in understood
    ]
    tail_lost = [i for i in tails if i not in timed.hits]
    known = [i for i in range(len(gold)) if gold[i].word.number in understood]
    lost = [i for i in known if i not in timed.hits]
    in_silence, repeated, quiet_seconds = _in_silence(gold, seen.tokens, timed, gaps, seconds)

    wer = _percent(plainly.errors, len(gold))
    report: dict[str, Any] = {
        "words": len(gold),
        "understood": len(timed.hits),
        "wer": wer,
        "wrong": sum(None not in step for step in plainly.steps) - len(plainly.hits),
        "missing": sum(j is None for _, j in plainly.steps),
        "inserted": sum(i is None for i, _ in plainly.steps),
        "first_partial": percentiles(partial, 50, 95, 99),
        "commit": percentiles(commit, 50, 95, 99),
        "commit_first_quarter": percentiles(commit[: len(commit) // 4], 50, 95),
        "commit_last_quarter": percentiles(commit[-(len(commit) // 4) :], 50, 95),
        "end_of_speech_to_final": {
            "pauses": len(pauses),
            "last_words_understood": len(finals),
            **percentiles(finals, 50, 95),
            "beyond_endpointing": percentiles([each - endpointing for each in finals], 50, 95),
        },
        "tentative_words_shown": seen.shown,
        "tentative_words_rewritten": seen.rewritten,
        "rewrite_percent": _percent(seen.rewritten, seen.shown),
        "committed_words_rewritten": seen.committed_rewritten,
        "words_left_tentative": seen.left_tentative,
        "tail_words": len(tails),
        "tail_words_lost": len(tail_lost),
        "words_lost": len(lost),
        "words_in_silence": in_silence,
        "words_repeated_at_pauses": repeated,
        "quiet_minutes": round(quiet_seconds / 60, 2),
        "words_per_quiet_minute": round(60 * in_silence / quiet_seconds, 2)
        if quiet_seconds
        else None,
    }
    if offline is not None:
        groups, count = _groups(gold)
        if count == len(offline.errors):
            lengths = np.bincount(np.asarray(groups), minlength=count)
            low, high = interval(plainly.errors_by(groups, count) - offline.errors, lengths)
            report["wer_offline"] = offline.wer
            report["wer_difference"] = round(wer - offline.wer, 2)
            report["wer_difference_95"] = [round(low, 2), round(high, 2)]
    return Figures(partial, commit, finals, len(lost), report)


def interval(differences: Ints, lengths: Ints) -> tuple[float, float]:
    """95 % bootstrap interval of a difference of word error rates, in points.

    Args:
        differences: errors more than the other has, shape (units,): sentences, or recordings.
        lengths: words of each unit, shape (units,).
    """
    rng = np.random.default_rng(0)
    count = len(differences)
    picks = rng.integers(0, count, (BOOTSTRAP_ROUNDS, count))
    points = 100 * differences[picks].sum(axis=1) / lengths[picks].sum(axis=1)
    low, high = np.percentile(points, [2.5, 97.5])
    return float(low), float(high)


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _groups(gold: Sequence[Gold]) -> tuple[list[int], int]:
    """Sentence of each word, counted from 0 without gaps, and how many there are."""
    numbers = {number: k for k, number in enumerate(dict.fromkeys(g.word.sentence for g in gold))}
    return [numbers[each.word.sentence] for each in gold], len(numbers)


def _gaps(gold: Sequence[Gold]) -> list[tuple[int, float]]:
    """For each word: its index, and the seconds until the next one; the last has no end."""
    result = [
        (i, after.word.start - before.word.end)
        for i, (before, after) in enumerate(itertools.pairwise(gold))
    ]
    return [*result, (len(gold) - 1, float("inf"))] if gold else []


def _in_silence(
    gold: Sequence[Gold],
    tokens: Sequence[str],
    way: Alignment,
    gaps: Sequence[tuple[int, float]],
    seconds: float,
) -> tuple[int, int, float]:
    """Words made up where nobody speaks, words repeated there, and seconds of such places."""
    quiet = {i: gap for i, gap in gaps if SILENCE_GAP <= gap < float("inf")}
    # Before the first word and after the last one nobody speaks either.
    quiet[-1] = gold[0].word.start if gold else seconds
    if gold:
        quiet[len(gold) - 1] = max(0.0, seconds - gold[-1].word.end)
    made_up = repeated = 0
    for last, run in _runs(way, len(gold)):
        if last not in quiet:
            continue
        beside = {each.token for each in gold[max(0, last + 1 - REPEAT_WORDS) : last + 1]}
        beside |= {each.token for each in gold[last + 1 : last + 1 + REPEAT_WORDS]}
        if {tokens[j] for j in run} <= beside:
            repeated += len(run)
        else:
            made_up += len(run)
    return made_up, repeated, sum(quiet.values())


def _runs(way: Alignment, count: int) -> Iterator[tuple[int, list[int]]]:
    """Runs of insertions between words that are right: the reference word before, and the run.

    Beside a word that is wrong it is more probably that word, misheard as two.
    """
    last, right = -1, True
    run: list[int] = []
    for i, j in [*way.steps, (count, None)]:
        if i is None:
            if j is not None:
                run.append(j)
            continue
        here = i == count or way.hits.get(i, -1) == j
        if run and right and here:
            yield last, run
        last, right, run = i, here, []
