"""What the measurements of the page mean. Pure: times are milliseconds on the page's clock.

* *Shown*: a caption that comes with words that are not on the screen is there with the first
  paint after it that has them. One whose words were replaced before they were painted has no
  delay, and is counted.
* A *silence* is what one measures from the samples alone: from the last loud sample of a
  sentence at the microphone to the first loud one that is heard after it, before the next
  sentence begins. The page's own waterfall is compared with the silence whose sentence ends
  nearest to where the page saw it end, within `SAME`, each with one.
* *Time to silence* is from the first loud sample of a sentence that is said while a reply is
  heard to the last loud one that is heard before it is quiet for `QUIET`.
* A *gap* is a stretch of zeros in the rendered sound that is not in the sound that was sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Span = tuple[float, float]
Samples = npt.NDArray[np.int16]

SAME: Final = 500.0
"""Milliseconds by which page and samples may differ and still be about the same sentence."""

QUIET: Final = 500.0
CLEAR: Final = 2.0
"""A sentence ends clearly if it ends there, but for so much, for levels 5 % higher and lower."""

PROBE: Final = 48
"""Samples (2 ms) that have to be the same behind a gap."""

FADE: Final = 128
"""Samples at most of a reply that was cut that are not as they were sent."""


def summary(values: Sequence[float], digits: int = 1) -> dict[str, Any]:
    """`{"count", "p50", "p95", "max"}` in the values' unit, None where there are none."""
    if not values:
        return {"count": 0, "p50": None, "p95": None, "max": None}
    p50, p95 = np.percentile(np.asarray(values), (50, 95))
    figures = {"p50": p50, "p95": p95, "max": max(values)}
    return {"count": len(values)} | {key: round(float(v), digits) for key, v in figures.items()}


# Captions


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message with words: when it came, its words, when its server sent it (Unix ms or None)."""

    at: float
    text: str
    sent: float | None


@dataclass(frozen=True, slots=True)
class Paint:
    """What stood on the page since `at`; it was painted by `painted`, surely by `frame`."""

    at: float
    text: str
    painted: float | None
    frame: float | None


@dataclass(frozen=True, slots=True)
class Shown:
    """Which arrivals were painted with which paint, and how many were not.

    Attributes:
        pairs: those that changed what is to be seen.
        same: arrivals whose words were there already.
        replaced: those that newer ones overtook.
    """

    pairs: tuple[tuple[Arrival, Paint], ...]
    same: int
    replaced: int


def match_captions(arrivals: Sequence[Arrival], paints: Sequence[Paint]) -> Shown:
    """Find the paint that shows each arrival's words; both in order of time."""
    pairs, same, replaced = [], 0, 0
    for number, arrival in enumerate(arrivals):
        before = [paint for paint in paints if paint.at <= arrival.at]
        if before and arrival.text in before[-1].text:
            same += 1
            continue
        for paint in paints[len(before) :]:
            if arrival.text in paint.text:
                pairs.append((arrival, paint))
                break
            if any(later.at <= paint.at for later in arrivals[number + 1 :]):
                replaced += 1
                break
    return Shown(tuple(pairs), same, replaced)


# Sound


def merge(runs: Sequence[Sequence[float]], gap: float) -> list[Span]:
    """Runs with less than `gap` between them as one; in order, in any unit."""
    found: list[Span] = []
    for start, end in runs:
        if found and start - found[-1][1] < gap:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


@dataclass(frozen=True, slots=True)
class Silence:
    """A sentence that ended, and the answer that was heard; both measured from samples."""

    said_until: float
    heard_from: float

    @property
    def length(self) -> float:
        """Milliseconds."""
        return self.heard_from - self.said_until


def silences(said: Sequence[Span], heard: Sequence[Span]) -> list[Silence]:
    """The silence after each sentence that was answered before the next one began."""
    found = []
    for number, (_, end) in enumerate(said):
        until = said[number + 1][0] if number + 1 < len(said) else math.inf
        start = next((first for first, _ in heard if end < first < until), None)
        if start is not None:
            found.append(Silence(end, start))
    return found


@dataclass(frozen=True, slots=True)
class Turn:
    """What the page says of a silence: when it began, and what its parts add up to."""

    at: float
    total: float


def match_turns(
    turns: Sequence[Turn], found: Sequence[Silence]
) -> tuple[list[tuple[Turn, Silence]], int, int]:
    """Pair what the page says with what the samples say.

    Returns:
        The pairs; turns without a silence; silences without a turn.
    """
    free = list(found)
    pairs = []
    for turn in turns:
        near = min(free, key=lambda each: abs(each.said_until - turn.at), default=None)
        if near is not None and abs(near.said_until - turn.at) <= SAME:
            free.remove(near)
            pairs.append((turn, near))
    return pairs, len(turns) - len(pairs), len(free)


def clear_end(ends: Sequence[float]) -> bool:
    """Whether the ends of one sentence for several levels are the same."""
    return max(ends) - min(ends) <= CLEAR


def time_to_silence(onset: float, until: float, runs: Sequence[Span]) -> float | None:
    """How long a reply is still heard after somebody has begun to speak into it.

    Args:
        onset: of their speech.
        until: its end: a reply that is heard until then was not stopped.
        runs: loud stretches of what is heard, in order.

    Returns:
        Milliseconds; infinite if it was not stopped; None if nothing was being heard.
    """
    sounding = [run for run in runs if run[0] < onset and run[1] > onset - QUIET]
    if not sounding:
        return None
    last = sounding[-1][1]
    for start, end in runs:
        if start > onset:
            if start - max(last, onset) >= QUIET:
                break
            last = end
    return math.inf if last >= until else max(0.0, last - onset)


@dataclass(frozen=True, slots=True)
class Rendered:
    """How a reply was rendered.

    Attributes:
        gaps: samples of each stretch of zeros that was not sent.
        samples: of it that were rendered as they were sent.
        whole: to its end; otherwise it was cut, or is not what was sent.
        altered: what was rendered is not what was sent.
    """

    gaps: tuple[int, ...]
    samples: int
    whole: bool
    altered: bool = False


def compare_sound(rendered: Samples, sent: Samples) -> Rendered:
    """Find what was put between the samples of one reply.

    Args:
        rendered: from the first sample that is not zero, with what follows until the next reply.
        sent: all of the reply; zeros at its beginning are left out.
    """
    loud = np.flatnonzero(sent)
    sent = sent[loud[0] : loud[-1] + 1] if len(loud) else sent[:0]
    gaps: list[int] = []
    at = done = 0
    while done < len(sent):
        count = min(len(sent) - done, len(rendered) - at)
        differing = np.flatnonzero(rendered[at : at + count] != sent[done : done + count])
        same = int(differing[0]) if len(differing) else count
        at, done = at + same, done + same
        if done == len(sent):
            break
        rest = np.flatnonzero(rendered[at:])
        zeros = int(rest[0]) if len(rest) else len(rendered) - at
        probe = sent[done : done + PROBE]
        if not len(rest):
            return Rendered(tuple(gaps), done, whole=False)
        if zeros and np.array_equal(rendered[at + zeros : at + zeros + len(probe)], probe):
            gaps.append(zeros)
            at += zeros
            continue
        return Rendered(tuple(gaps), done, whole=False, altered=int(rest[-1]) >= FADE)
    return Rendered(tuple(gaps), done, whole=True)


# Memory


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through values: what it rises by in an hour, and its 95 % interval."""

    per_hour: float
    low: float
    high: float


def slope(minutes: Sequence[float], values: Sequence[float]) -> Slope | None:
    """The least squares line; None: fewer than three values, from which nothing follows."""
    count = len(values)
    if count < 3:
        return None
    middle, level = mean(minutes), mean(values)
    spread = sum((each - middle) ** 2 for each in minutes)
    rise = sum((x - middle) * (y - level) for x, y in zip(minutes, values, strict=True)) / spread
    errors = [y - level - rise * (x - middle) for x, y in zip(minutes, values, strict=True)]
    error = math.sqrt(sum(each**2 for each in errors) / (count - 2) / spread)
    half = student(count - 2) * error
    return Slope(60 * rise, 60 * (rise - half), 60 * (rise + half))


def student(freedom: int) -> float:
    """The 97.5 % point of Student's distribution, to 1 % from 3 degrees of freedom on.

    For 1 and 2 it is exact; else the expansion of Abramowitz and Stegun, 26.7.5.
    """
    if freedom < 3:
        return {1: 12.706, 2: 4.303}[freedom]
    z = NormalDist().inv_cdf(0.975)
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return math.fsum(term / freedom**power for power, term in enumerate(terms))
