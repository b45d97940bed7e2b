from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamkit.latency.statistics import Percentiles
from streamkit.latency.trace import MAX_ENTRIES, Chunk, Frontier, Stage, TraceLog


def test_a_frontier_tells_when_a_position_was_passed() -> None:
    frontier = Frontier()
    frontier.advance(100, 1.0)
    frontier.advance(300, 2.0)
    frontier.advance(200, 3.0)
    assert frontier.passed_at(1) == 1.0
    assert frontier.passed_at(100) == 1.0
    assert frontier.passed_at(101) == 2.0
    assert frontier.passed_at(300) == 2.0
    assert frontier.passed_at(301) is None


def test_a_trace_joins_the_chunk_and_the_stages() -> None:
    log = TraceLog()
    log.add(Chunk(0, 1600, received_at=10.0, captured_at=1000.0))
    log.add(Chunk(1600, 3200, received_at=10.1))
    log.mark(Stage.VAD, 1536, 10.01)
    log.mark(Stage.VAD, 3072, 10.11)
    log.mark(Stage.DECODE_END, 3072, 10.3)
    trace = log.trace(1600, 16_000)
    assert trace is not None
    assert trace.received_at == 10.0
    assert trace.captured_at == 1000.1
    assert trace.passed == {Stage.VAD: 10.11, Stage.DECODE_END: 10.3}
    assert trace.after_received(Stage.COMMIT) is None
    second = log.trace(1601, 16_000)
    assert second is not None
    assert second.captured_at is None
    assert second.received_at == 10.1


def test_positions_outside_are_unknown() -> None:
    log = TraceLog()
    assert log.trace(1, 16_000) is None
    log.add(Chunk(0, 10, 0.0))
    assert log.trace(0, 16_000) is None
    assert log.trace(11, 16_000) is None


def test_the_log_is_bounded_and_forgets_the_oldest() -> None:
    log = TraceLog()
    for index in range(MAX_ENTRIES + 10):
        log.add(Chunk(index * 10, index * 10 + 10, float(index)))
        log.mark(Stage.VAD, index * 10 + 10, float(index))
    assert log.trace(5, 16_000) is None
    newest = log.trace((MAX_ENTRIES + 10) * 10, 16_000)
    assert newest is not None
    assert newest.received_at == MAX_ENTRIES + 9


def test_what_is_not_asked_for_again_is_forgotten_and_nothing_else() -> None:
    log = TraceLog()
    for index in range(20):
        log.add(Chunk(index * 10, index * 10 + 10, float(index)))
        log.mark(Stage.VAD, index * 10 + 7, float(index))
    before = [log.trace(position, 16_000) for position in range(100, 200)]
    log.forget(100)
    assert log.trace(89, 16_000) is None
    assert [log.trace(position, 16_000) for position in range(100, 200)] == before


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.integers(1, 20))
def test_percentiles_over_the_newest_values(values: list[float], size: int) -> None:
    percentiles = Percentiles(size)
    for value in values:
        percentiles.add(value)
    kept = sorted(values[-size:])
    assert len(percentiles) == len(kept)
    assert percentiles.at(100) == kept[-1]
    assert percentiles.at(50) == kept[(len(kept) + 1) // 2 - 1]
    assert percentiles.at(0.001) == kept[0]


def test_no_percentile_of_nothing() -> None:
    assert Percentiles().at(50) is None
