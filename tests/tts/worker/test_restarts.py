from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.tts.worker.limits import WorkerLimits
from streamkit.tts.worker.restarts import Pause, RestartPolicy

LIMITS = WorkerLimits(
    max_restarts=4,
    restart_window=60.0,
    max_load_failures=2,
    restart_pause=1.0,
    refusal_pause=5.0,
    longest_pause=30.0,
)
AT_ONCE = Pause(0.0, refuse=False)


def test_one_that_ends_now_and_then_is_replaced_at_once() -> None:
    policy = RestartPolicy(LIMITS)
    assert [policy.ended(61.0 * n, loaded=True) for n in range(20)] == [AT_ONCE] * 20


def test_one_that_ends_again_and_again_waits_longer_and_then_refuses() -> None:
    policy = RestartPolicy(LIMITS)
    assert [policy.ended(float(n), loaded=True) for n in range(5)] == [
        AT_ONCE,
        Pause(1.0, refuse=False),
        Pause(2.0, refuse=False),
        Pause(4.0, refuse=False),
        Pause(5.0, refuse=True),
    ]


def test_a_model_that_cannot_be_loaded_is_tried_once_more_and_then_rarely() -> None:
    policy = RestartPolicy(LIMITS)
    assert policy.ended(0.0, loaded=False) == AT_ONCE
    # However long each try takes.
    pauses = [policy.ended(100.0 * n, loaded=False) for n in range(1, 6)]
    assert pauses == [Pause(seconds, refuse=True) for seconds in (5.0, 10.0, 20.0, 30.0, 30.0)]


def test_a_model_that_was_loaded_begins_anew() -> None:
    policy = RestartPolicy(LIMITS)
    for n in range(5):
        policy.ended(100.0 * n, loaded=False)
    assert policy.ended(1000.0, loaded=True) == AT_ONCE
    assert policy.ended(1100.0, loaded=False) == AT_ONCE
    assert policy.ended(1200.0, loaded=False) == Pause(5.0, refuse=True)


@given(ends=st.lists(st.tuples(st.floats(0.0, 100.0), st.booleans()), max_size=200))
def test_restarts_and_pauses_are_bounded(ends: list[tuple[float, bool]]) -> None:
    policy = RestartPolicy(LIMITS)
    now = 0.0
    restarts: list[float] = []
    for lived, loaded in ends:
        now += lived
        pause = policy.ended(now, loaded=loaded)
        assert 0.0 <= pause.seconds <= LIMITS.longest_pause
        assert pause.seconds > 0 or not pause.refuse
        if not pause.refuse:
            restarts.append(now)
        within = [at for at in restarts if now - at <= LIMITS.restart_window]
        # A refusal in the window may lie between them.
        assert len(within) <= 3 * LIMITS.max_restarts
        now += pause.seconds
