"""The token bucket under simulated time, and the permits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.server.limits import Permits, TokenBucket

RATE, BURST = 50.0, 60.0


def test_the_burst_is_free_and_what_is_beyond_it_waits() -> None:
    bucket = TokenBucket(RATE, BURST)
    assert bucket.take(BURST, now=100.0) == 0
    assert bucket.take(5.0, now=100.0) == pytest.approx(0.1)


def test_it_fills_again_at_the_rate_but_not_beyond_the_burst() -> None:
    bucket = TokenBucket(RATE, BURST)
    bucket.take(BURST, now=0.0)
    assert bucket.take(RATE, now=1.0) == 0
    assert bucket.take(BURST, now=1000.0) == 0
    assert bucket.take(RATE, now=1000.0) == pytest.approx(1.0)


def test_real_time_never_waits() -> None:
    bucket = TokenBucket(rate=1.0, burst=0.2)
    assert all(bucket.take(0.1, now=step * 0.1) < 1e-9 for step in range(10_000))


@given(
    st.floats(1, 100),
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 1)), min_size=1, max_size=100),
)
def test_whoever_waits_as_told_gets_no_more_than_rate_and_burst(
    rate: float, burst: float, steps: list[tuple[float, float]]
) -> None:
    bucket = TokenBucket(rate, burst)
    now = taken = 0.0
    for amount, pause in steps:
        now += bucket.take(amount, now)
        taken += amount
        assert taken <= burst + rate * now + 1e-6
        now += pause


def test_permits_are_taken_up_to_the_last_one() -> None:
    permits = Permits(2)
    assert [permits.take() for _ in range(4)] == [True, True, False, False]
    permits.give_back()
    assert [permits.take(), permits.take()] == [True, False]
    assert permits.taken == permits.places == 2


def test_a_permit_that_nobody_has_cannot_be_given_back() -> None:
    permits = Permits(1)
    with pytest.raises(ValueError, match="nobody had taken"):
        permits.give_back()
