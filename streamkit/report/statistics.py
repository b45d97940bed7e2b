"""Percentiles that few values do not pretend to have, and how two sets of values compare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

PERCENTS: Final = (50, 95, 99)
FEW: Final = 6
"""Values below which the interval of a median covers everything or says too little."""
DRAWS: Final = 4000
"""Of the bootstrap."""
RESOLUTION: Final = 0.001
"""Seconds; ratios of shorter medians say more about rounding than about speed."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What there is to say of a set of durations.

    Attributes:
        count: of the values.
        percentiles: percent -> seconds, nearest rank; those that so few values have. The 95th
            needs 20 of them and the 99th 100: with fewer it would be the maximum.
        largest: seconds.
        mean: seconds.
    """

    count: int
    percentiles: dict[int, float]
    largest: float
    mean: float


def summary(values: Iterable[float]) -> Summary | None:
    """Summarize durations in seconds; None: there are none."""
    found = np.sort(np.fromiter(values, np.float64))
    if not len(found):
        return None
    return Summary(
        len(found),
        {
            percent: percentile(found, percent)
            for percent in PERCENTS
            if percent == 50 or len(found) * (100 - percent) >= 100
        },
        float(found[-1]),
        float(found.mean()),
    )


def percentile(ordered: Values, percent: float) -> float:
    """The nearest-rank percentile of ordered values, as `streamkit.latency.statistics` has it."""
    rank = max(1, math.ceil(len(ordered) * percent / 100))
    return float(ordered[rank - 1])


@dataclass(frozen=True, slots=True)
class Comparison:
    """The median of one set of durations against that of another one.

    Attributes:
        before: median of the first, seconds.
        after: median of the second.
        counts: values on both sides.
        difference: after - before, seconds.
        difference_range: 95 % interval of it; None: too few values.
        ratio: after / before; None: the medians are, or may be, too short for one.
        ratio_range: 95 % interval of it.
    """

    before: float
    after: float
    counts: tuple[int, int]
    difference: float
    difference_range: tuple[float, float] | None
    ratio: float | None
    ratio_range: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """In a word or some."""
        if self.difference_range is None:
            return "too few values"
        low, high = self.difference_range
        if max(abs(low), abs(high)) < RESOLUTION:
            return "the same within 1 ms"
        if low > 0:
            return "slower"
        return "faster" if high < 0 else "no clear difference"


def compare(
    before: Iterable[float],
    after: Iterable[float],
    independent: tuple[int, int] | None = None,
) -> Comparison | None:
    """Compare medians; the interval is that of a bootstrap with percentiles.

    Args:
        before: durations in seconds.
        after: the others.
        independent: how many of them, on both sides, do not depend on each other, where that is
            fewer than all: the words of one sentence are late together.

    Returns:
        None where one side has no values.
    """
    first, second = (np.sort(np.fromiter(each, np.float64)) for each in (before, after))
    if not len(first) or not len(second):
        return None
    counts = (len(first), len(second))
    alone = counts if independent is None else tuple(map(min, counts, independent))
    medians = (percentile(first, 50), percentile(second, 50))
    has_ratio = min(medians) >= RESOLUTION
    difference_range = ratio_range = None
    if min(alone) >= FEW:
        random = np.random.default_rng(1)
        drawn = [
            _drawn_medians(each, number, random)
            for each, number in zip((first, second), alone, strict=True)
        ]
        difference_range = _middle(drawn[1] - drawn[0])
        # A median that may as well be nothing says nothing as a divisor.
        has_ratio = has_ratio and _middle(drawn[0])[0] >= RESOLUTION
        if has_ratio:
            ratio_range = _middle(drawn[1] / np.maximum(drawn[0], RESOLUTION))
    return Comparison(
        *medians,
        counts,
        medians[1] - medians[0],
        difference_range,
        medians[1] / medians[0] if has_ratio else None,
        ratio_range,
    )


def _drawn_medians(ordered: Values, independent: int, random: np.random.Generator) -> Values:
    """Medians of samples that are drawn with replacement, without drawing the samples.

    The k-th smallest of n draws out of the values lies at rank floor(N u), where u is the k-th
    smallest of n uniform numbers: Beta(k, n + 1 - k) (David and Nagaraja, Order Statistics, 2003).
    """
    middle = math.ceil(independent / 2)
    at = random.beta(middle, independent + 1 - middle, DRAWS)
    return np.asarray(ordered[np.minimum((at * len(ordered)).astype(int), len(ordered) - 1)])


def _middle(drawn: Values) -> tuple[float, float]:
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
