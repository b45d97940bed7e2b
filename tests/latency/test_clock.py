"""What messages back and forth say of another clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.latency.clock import DRIFT, KEPT, ClockMap, ClockReport

DELAYS = st.floats(0, 0.5)
NOW = 1_800_000_000.0


@given(
    st.floats(-1e6, 1e6),
    st.floats(-DRIFT, DRIFT),
    st.lists(st.tuples(DELAYS, DELAYS, DELAYS, st.floats(0, 600)), min_size=1, max_size=40),
)
def test_the_truth_is_within_the_error_whatever_the_network_does(
    offset: float, drift: float, exchanges: list[tuple[float, float, float, float]]
) -> None:
    clock = ClockMap()

    def client(server: float) -> float:
        return server - offset - drift * (server - NOW)

    at = NOW
    for there, at_server, back, pause in exchanges:
        arrived, left = at + there, at + there + at_server
        clock.sent(client(at), arrived)
        clock.answered(left, client(left + back))
        assert clock.offset is not None
        assert clock.error is not None
        # Floats of this size are a quarter of a microsecond apart.
        slack = DRIFT * (there + at_server + back) + 1e-6
        assert 0 <= clock.error <= (there + back) / 2 + slack
        assert abs(clock.offset - (left - client(left))) <= clock.error + 2e-6
        at = left + back + pause


def test_the_quickest_exchange_says_most() -> None:
    clock = ClockMap()
    for there, back in ((0.2, 0.3), (0.01, 0.4), (0.5, 0.02)):
        clock.sent(NOW - 5, NOW + there)
        clock.answered(NOW + there, NOW + there + back - 5)
    assert clock.error == pytest.approx(0.015, abs=1e-4)
    assert clock.offset == pytest.approx(5, abs=0.015)


def test_nothing_is_known_before_messages_went_both_ways() -> None:
    there, back = ClockMap(), ClockMap()
    assert (there.offset, there.error, there.to_server(NOW)) == (None, None, None)
    there.sent(NOW, NOW + 1)
    assert (there.offset, there.error, there.to_server(NOW)) == (None, None, None)
    back.answered(NOW, NOW - 1)
    assert (back.offset, back.error, back.to_server(NOW)) == (None, None, None)
    there.answered(NOW + 1, NOW + 1)
    assert there.to_server(NOW) == NOW + 0.5


def test_what_is_old_says_less() -> None:
    clock = ClockMap()
    clock.sent(NOW, NOW)
    clock.answered(NOW, NOW)
    assert clock.error == 0
    clock.sent(NOW + 999, NOW + 1000)
    assert clock.error == pytest.approx(1000 * DRIFT, abs=1e-6)


@pytest.mark.parametrize("jump", [-3600.0, -1.0, 1.0, 3600.0])
def test_a_clock_that_was_set_is_found_again_with_the_next_exchange(jump: float) -> None:
    clock = ClockMap()
    for second in range(KEPT + 5):
        clock.sent(NOW + second, NOW + second + 0.01)
        clock.answered(NOW + second + 0.01, NOW + second + 0.02)
    later = NOW + 100
    clock.sent(later - jump, later + 0.01)
    clock.answered(later + 0.01, later - jump + 0.02)
    assert clock.offset == pytest.approx(jump, abs=0.011)
    assert clock.error == pytest.approx(0.01, abs=1e-4)


@pytest.mark.parametrize("jump", [-5.0, 5.0])
def test_a_server_that_hears_of_its_answers_later_finds_it_too(jump: float) -> None:
    clock, last = ClockMap(), None
    for second in range(40):
        ahead = jump if second >= 20 else 0.0
        report = ClockReport(NOW + second - ahead, *(last or (None, None)))
        clock.take(report, NOW + second + 0.01)
        last = (NOW + second + 0.01, NOW + second + 0.02 - ahead)
        if second in (19, 22, 39):
            assert clock.offset == pytest.approx(ahead, abs=0.011)


def test_an_answer_from_the_future_is_not_believed() -> None:
    clock = ClockMap()
    clock.take(ClockReport(NOW), NOW + 0.1)
    clock.take(ClockReport(NOW + 1, 9e10, NOW), NOW + 1.1)
    assert clock.offset is None
    clock.take(ClockReport(NOW + 2, NOW + 1.1, NOW + 1.2), NOW + 2.1)
    assert clock.offset == pytest.approx(0, abs=0.11)
    assert clock.error == pytest.approx(0.1, abs=1e-3)
