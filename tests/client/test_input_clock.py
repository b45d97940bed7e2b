from __future__ import annotations

import pytest

from streamkit.client.input_clock import KEPT, InputClock


def test_positions_are_mapped_through_the_time_of_capture() -> None:
    clock = InputClock()
    assert clock.time_of(0) is None
    clock.sent(480, 100.0)
    clock.sent(480, 100.02)
    # A pause of push-to-talk: the audio goes on without a gap, the time does not.
    clock.sent(480, 200.0)
    assert clock.time_of(0) == pytest.approx(100.0)
    assert clock.time_of(5) == pytest.approx(100.005)
    assert clock.time_of(25) == pytest.approx(100.025)
    assert clock.time_of(40) == pytest.approx(100.04)
    assert clock.time_of(41) == pytest.approx(200.001)
    assert clock.time_of(60) == pytest.approx(200.02)
    # What was not sent yet is not later than what was.
    assert clock.time_of(9999) == pytest.approx(200.02)


def test_what_is_kept_is_bounded() -> None:
    clock = InputClock()
    for index in range(KEPT + 100):
        clock.sent(24, float(index))
    assert clock.time_of(KEPT + 99) == pytest.approx(KEPT + 98 + 0.001)
    # Before what is kept, only the order is known.
    assert clock.time_of(1) <= 100
