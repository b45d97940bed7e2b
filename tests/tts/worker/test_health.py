from __future__ import annotations

from streamkit.tts.worker.health import End, Health
from streamkit.tts.worker.limits import HEARTBEAT_SECONDS, WorkerLimits

LIMITS = WorkerLimits(heartbeat_timeout=10.0, ready_timeout=100.0, memory_limit=5 << 20)


def test_one_that_tells_something_is_well() -> None:
    health = Health(LIMITS)
    health.ready = True
    assert [health.passed(9.0, told=n % 2 == 0) for n in range(100)] == [None] * 100


def test_one_that_tells_nothing_for_long_has_hung() -> None:
    for ready in (False, True):
        health = Health(LIMITS)
        health.ready = ready
        assert health.passed(6.0, told=False) is None
        assert health.passed(6.0, told=False) == End(
            "its process told nothing for 12.0 s", useful=ready
        )


def test_one_that_loads_for_ever_is_given_up_though_it_tells_that_it_does() -> None:
    health = Health(LIMITS)
    assert health.passed(99.0, told=True) is None
    end = health.passed(1.0, told=True)
    assert end is not None
    assert "not loaded within 100 s" in str(end.reason)
    assert not end.useful


def test_one_that_takes_too_much_is_given_up_and_blamed_if_it_did_nothing_for_it() -> None:
    for used in (False, True):
        health = Health(LIMITS)
        health.used = used
        assert health.takes(5 << 20) is None
        assert health.takes(7 << 20) == End(
            "its process took 7 MiB, and may take 5 (tts_memory_limit)", useful=used
        )


def test_without_a_limit_it_takes_what_it_wants() -> None:
    assert Health(WorkerLimits()).takes(1 << 60) is None


def test_a_heart_beats_several_times_before_it_is_missed() -> None:
    assert WorkerLimits().heartbeat == HEARTBEAT_SECONDS
    assert WorkerLimits(heartbeat_timeout=2.0).heartbeat == 0.5
