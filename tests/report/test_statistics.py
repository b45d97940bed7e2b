"""Percentiles and comparisons: right, and silent where there are too few values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.latency.statistics import Percentiles
from streamkit.report.statistics import FEW, compare, percentile, summary

SECONDS = st.floats(0, 100, allow_nan=False)


@given(st.lists(SECONDS, min_size=1, max_size=60), st.sampled_from([1, 50, 95, 99, 100]))
def test_percentiles_are_those_of_the_server(values: list[float], percent: int) -> None:
    theirs = Percentiles()
    for value in values:
        theirs.add(value)
    assert percentile(np.sort(values), percent) == theirs.at(percent)


@pytest.mark.parametrize(
    ("count", "known"), [(1, [50]), (19, [50]), (20, [50, 95]), (99, [50, 95]), (100, [50, 95, 99])]
)
def test_few_values_have_no_high_percentiles(count: int, known: list[int]) -> None:
    found = summary(range(count))
    assert found is not None
    assert list(found.percentiles) == known
    assert (found.count, found.largest) == (count, count - 1)


def test_no_values_have_no_summary() -> None:
    assert summary([]) is None
    assert compare([], [1.0]) is None


def draw(median: float, count: int, seed: int) -> list[float]:
    random = np.random.default_rng(seed)
    return list(median * random.lognormal(0, 0.3, count))


def test_a_real_difference_is_found() -> None:
    found = compare(draw(0.2, 200, 1), draw(0.3, 200, 2))
    assert found is not None
    assert found.verdict == "slower"
    assert found.ratio == pytest.approx(1.5, rel=0.15)
    assert found.ratio_range is not None
    assert found.ratio_range[0] < 1.5 < found.ratio_range[1]
    assert found.difference_range is not None
    assert found.difference_range[0] < 0.1 < found.difference_range[1]
    back = compare(draw(0.3, 200, 2), draw(0.2, 200, 1))
    assert back is not None
    assert back.verdict == "faster"


def test_intervals_cover_what_they_claim_to() -> None:
    """Of 300 pairs from one distribution, some 5 % look different: never many more."""
    verdicts = [compare(draw(0.2, 40, seed), draw(0.2, 40, 1000 + seed)) for seed in range(300)]
    wrong = sum(each is not None and each.verdict != "no clear difference" for each in verdicts)
    assert 3 <= wrong <= 30


def test_drawn_medians_are_those_of_a_plain_bootstrap() -> None:
    first, second = np.array(draw(0.2, 30, 1)), np.array(draw(0.25, 25, 2))
    found = compare(first, second)
    random = np.random.default_rng(5)
    drawn = [
        percentile(np.sort(random.choice(second, len(second))), 50)
        - percentile(np.sort(random.choice(first, len(first))), 50)
        for _ in range(4000)
    ]
    assert found is not None
    assert found.difference_range == pytest.approx(np.percentile(drawn, (2.5, 97.5)), abs=0.006)


def test_few_values_have_no_verdict() -> None:
    found = compare(draw(0.2, FEW - 1, 1), draw(0.9, 100, 2))
    assert found is not None
    assert (found.difference_range, found.ratio_range) == (None, None)
    assert found.verdict == "too few values"


def test_values_that_depend_on_each_other_count_once() -> None:
    first, second = draw(0.2, 400, 1), draw(0.22, 400, 2)
    alone, together = compare(first, second), compare(first, second, (10, 10))
    assert alone is not None
    assert together is not None
    assert alone.difference_range is not None
    assert together.difference_range is not None
    assert np.ptp(together.difference_range) > 3 * np.ptp(alone.difference_range)
    few = compare(first, second, (FEW - 1, 10))
    assert few is not None
    assert few.verdict == "too few values"


def test_nothing_has_no_ratio() -> None:
    found = compare([0.0] * 20, [0.0004] * 20)
    assert found is not None
    assert (found.ratio, found.ratio_range) == (None, None)
    assert found.verdict == "the same within 1 ms"
    mixed = compare([0.0] * 9 + [0.2] * 11, [0.2] * 20)
    assert mixed is not None
    assert mixed.ratio is None
