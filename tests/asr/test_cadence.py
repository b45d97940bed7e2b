"""How often partials are welcome, under simulated time."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.asr.cadence import (
    GROWTH,
    MAX_STRETCH,
    OVERLOADED_FROM,
    OVERLOADED_UNTIL,
    Cadence,
    Pace,
)

TICK = 0.1


class Workers:
    """Workers that are busy for a part of their time, in passes of `TICK` seconds."""

    def __init__(self, count: int = 1) -> None:
        self.cadence = Cadence(count)
        self.now = 0.0
        self._count = count
        self._owed = 0.0

    def work(self, load: float, seconds: float) -> list[Pace]:
        """Go on for so long; the paces, one after another."""
        paces = []
        for _ in range(round(seconds / TICK)):
            self.now += TICK
            self._owed += load * self._count
            while self._owed >= 1 - 1e-9:
                self._owed -= 1
                self.cadence.worked(self.now - TICK, self.now)
            paces.append(self.cadence.pace)
        return paces


def stretches(paces: list[Pace]) -> list[float]:
    return [pace.stretch for pace in paces]


def test_nothing_has_happened_yet() -> None:
    cadence = Cadence(2)
    assert cadence.pace == Pace(1.0, False)
    assert cadence.load(0.0) == 0.0
    assert cadence.load(1e9) == 0.0


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("load", [0.1, 0.5, 0.75])
def test_workers_that_have_time_change_nothing(count: int, load: float) -> None:
    assert set(stretches(Workers(count).work(load, 60))) == {1.0}


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("load", [0.9, 1.0])
def test_crowded_workers_stretch_the_interval_up_to_a_bound(count: int, load: float) -> None:
    workers = Workers(count)
    grown = stretches(workers.work(load, 60))
    assert grown == sorted(grown)
    assert grown[-1] == MAX_STRETCH
    for earlier, later in pairwise(grown):
        assert later <= earlier * GROWTH + 1e-9


def test_it_shrinks_again_when_there_is_room() -> None:
    workers = Workers()
    workers.work(1.0, 60)
    shrunk = stretches(workers.work(0.4, 60))
    assert shrunk[-1] == 1.0
    highest = shrunk.index(max(shrunk))
    assert shrunk[highest:] == sorted(shrunk[highest:], reverse=True)


def test_between_crowded_and_roomy_it_stays() -> None:
    workers = Workers()
    workers.work(1.0, 4)
    # The mean is over the last two seconds.
    settled = workers.work(0.7, 3)[-1]
    assert settled.stretch > 1.0
    assert set(stretches(workers.work(0.7, 30))) == {settled.stretch}


def test_a_short_rush_is_no_crowd() -> None:
    workers = Workers()
    workers.work(0.2, 10)
    assert set(stretches(workers.work(1.0, 1.0))) == {1.0}


def test_steps_are_as_far_apart_as_their_effect_needs() -> None:
    """Many short passes at once are one step, not many."""
    cadence = Cadence(1)
    cadence.worked(0.0, 2.0)
    for k in range(200):
        cadence.worked(2.0 + k / 1000, 2.001 + k / 1000)
    assert cadence.pace.stretch == pytest.approx(GROWTH)


def test_overload_is_told_from_one_stretch_on_and_until_a_smaller_one() -> None:
    workers = Workers()
    paces = workers.work(1.0, 60) + workers.work(0.3, 60)
    told = [pace.overloaded for pace in paces]
    first, last = told.index(True), len(told) - 1 - told[::-1].index(True)
    assert all(told[first : last + 1]), "once on and once off"
    assert paces[first - 1].stretch <= OVERLOADED_FROM < paces[first].stretch
    assert paces[last].stretch > OVERLOADED_UNTIL >= paces[last + 1].stretch
    assert OVERLOADED_UNTIL < OVERLOADED_FROM


def test_a_stretch_between_the_two_limits_keeps_what_was_told() -> None:
    rising, falling = Workers(), Workers()
    falling.work(1.0, 60)
    between: dict[bool, set[bool]] = {}
    for up, paces in ((True, rising.work(1.0, 30)), (False, falling.work(0.3, 60))):
        between[up] = {
            pace.overloaded for pace in paces if OVERLOADED_UNTIL < pace.stretch <= OVERLOADED_FROM
        }
    assert between == {True: {False}, False: {True}}


def test_load_is_the_mean_of_all_workers_lately() -> None:
    cadence = Cadence(4)
    cadence.worked(0.0, 1.0)
    cadence.worked(0.5, 1.0)
    assert cadence.load(1.0) == pytest.approx(1.5 / 2 / 4)
    # A second later half of the first pass is gone from sight... and then all of it.
    assert cadence.load(2.5) == pytest.approx(1.0 / 2 / 4)
    assert cadence.load(3.0) == 0.0


def test_one_pass_longer_than_what_is_looked_at_is_full_load() -> None:
    cadence = Cadence(1)
    cadence.worked(0.0, 30.0)
    assert cadence.load(30.0) == pytest.approx(1.0)


passes = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5)), max_size=200)


@given(st.integers(1, 4), passes)
def test_always_within_bounds(workers: int, all_passes: list[tuple[float, float]]) -> None:
    cadence = Cadence(workers)
    now = 0.0
    for idle, busy in all_passes:
        # One after the other: more than one worker's time is never in use.
        start, now = now + idle, now + idle + busy
        cadence.worked(start, now)
        assert 1.0 <= cadence.pace.stretch <= MAX_STRETCH
        assert -1e-9 <= cadence.load(now) <= 1 / workers + 1e-9
        if cadence.pace.overloaded:
            assert cadence.pace.stretch > OVERLOADED_UNTIL
        else:
            assert cadence.pace.stretch <= OVERLOADED_FROM
