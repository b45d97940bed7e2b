from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.client.backoff import Backoff

chances = st.floats(0, 1, exclude_max=True)


def test_waits_double_up_to_the_ceiling() -> None:
    backoff = Backoff(first=0.5, ceiling=3.0, jitter=0.5)
    assert [backoff.delay(n, 0.0, 0.0) for n in range(1, 6)] == [0.5, 1.0, 2.0, 3.0, 3.0]


@given(attempt=st.integers(1, 10**6), chance=chances)
def test_jitter_stays_within_its_share(attempt: int, chance: float) -> None:
    backoff = Backoff(first=0.5, ceiling=3.0, jitter=0.25, attempts=10**6)
    full = backoff.delay(attempt, 0.0, 0.0)
    wait = backoff.delay(attempt, 0.0, chance)
    assert full is not None
    assert wait is not None
    assert 0.75 * full <= wait <= full <= 3.0


def test_gives_up_after_attempts_and_after_the_total() -> None:
    backoff = Backoff(attempts=3, total=10.0)
    assert backoff.delay(3, 9.9, 0.0) is not None
    assert backoff.delay(4, 0.0, 0.0) is None
    assert backoff.delay(1, 10.0, 0.0) is None
