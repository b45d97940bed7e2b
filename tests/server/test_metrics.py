"""The histograms of one server, without a socket."""

from __future__ import annotations

import bisect

import pytest
from prometheus_client import Histogram
from prometheus_client.parser import text_string_to_metric_families

from streamkit.asr.quality import Decision, Doubt
from streamkit.asr.recognizer import Hypothesis
from streamkit.latency.trace import Stage, Trace
from streamkit.server.metrics import Metrics

EPOCH = 1_700_000_000.0


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name by their labels' values."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_a_result_is_recorded_stage_by_stage() -> None:
    metrics = Metrics()
    passed = {Stage.VAD: 10.02, Stage.DECODE_START: 10.1, Stage.COMMIT: 10.6}
    metrics.observe_result(Trace(EPOCH + 9.5, 10.0, passed), emitted_at=10.7, epoch=EPOCH)
    counts = values(metrics, "streamkit_stage_seconds_count")
    assert counts == {("vad",): 1, ("decode_start",): 1, ("commit",): 1, ("emit",): 1}
    sums = values(metrics, "streamkit_stage_seconds_sum")
    assert {stage[0]: round(total, 6) for stage, total in sums.items()} == {
        "vad": 0.02,
        "decode_start": 0.1,
        "commit": 0.6,
        "emit": 0.7,
    }
    assert values(metrics, "streamkit_capture_to_receive_seconds_sum") == {(): 0.5}


def test_a_client_whose_clock_is_ahead_does_not_give_negative_times() -> None:
    metrics = Metrics()
    metrics.observe_result(Trace(EPOCH + 99, 10.0, {Stage.VAD: 9.0}), 10.0, EPOCH)
    assert values(metrics, "streamkit_capture_to_receive_seconds_sum") == {(): 0}
    assert values(metrics, "streamkit_stage_seconds_sum") == {("vad",): 0, ("emit",): 0}


def test_no_capture_time_no_capture_latency() -> None:
    metrics = Metrics()
    metrics.observe_result(Trace(None, 10.0, {}), 10.5, EPOCH)
    assert values(metrics, "streamkit_capture_to_receive_seconds_count") == {(): 0}


def test_how_each_answer_was_come_by_is_counted() -> None:
    metrics = Metrics()
    for decision, doubts in (
        (Decision.ACCEPTED, ()),
        (Decision.ACCEPTED, ()),
        (Decision.MENDED, (Doubt.LOOP, Doubt.SPEED)),
        (Decision.REJECTED, (Doubt.LOOP,)),
    ):
        hypothesis = Hypothesis((), 0, 0, decision=decision, doubts=frozenset(doubts))
        metrics.observe_hypothesis(hypothesis)
    assert values(metrics, "streamkit_gate_total") == {
        ("accepted",): 2,
        ("mended",): 1,
        ("rejected",): 1,
    }
    assert values(metrics, "streamkit_doubts_total") == {("loop",): 2, ("speed",): 1}


def test_two_servers_in_one_process_do_not_mix() -> None:
    one, other = Metrics(), Metrics()
    one.opened.inc()
    assert values(one, "streamkit_sessions_opened_total") == {(): 1}
    assert values(other, "streamkit_sessions_opened_total") == {(): 0}


TYPICAL = {
    # What is measured on two cores with the bundled model, and with larger ones on a GPU or a CPU.
    "streamkit_stage_seconds": ((0.0008, 0.003), (0.012, 0.06), (0.15, 0.45), (0.4, 1.8)),
    "streamkit_decode_seconds": ((0.005, 0.02), (0.05, 0.12), (0.4, 1.5)),
    "streamkit_decode_wait_seconds": ((0.0006, 0.01), (0.02, 0.3)),
    "streamkit_turn_seconds": ((0.02, 0.09), (0.26, 0.55), (0.7, 1.6), (2.2, 5.0)),
    "streamkit_capture_to_receive_seconds": ((0.0015, 0.006), (0.02, 0.045), (0.08, 0.4)),
    "streamkit_first_audio_seconds": ((0.012, 0.04), (0.2, 0.7)),
    "streamkit_file_realtime_factor": ((0.003, 0.015), (0.08, 0.4), (0.6, 1.5)),
}
"""Histogram -> p50 and p95 of what it measures."""

SHARPNESS = 2.5
"""The ends of a bucket in which a percentile may fall: so far it may be off."""


def bounds_of(metrics: Metrics) -> dict[str, list[float]]:
    """The upper ends of the buckets of all histograms."""
    return {
        metric._name: list(metric._upper_bounds)
        for metric in vars(metrics).values()
        if isinstance(metric, Histogram)
    }


def test_every_histogram_has_typical_values() -> None:
    assert set(bounds_of(Metrics())) == set(TYPICAL)


@pytest.mark.parametrize("name", TYPICAL)
def test_percentiles_of_typical_values_can_be_read_off_the_buckets(name: str) -> None:
    bounds = bounds_of(Metrics())[name]
    assert bounds == sorted(bounds)
    for value in (each for pair in TYPICAL[name] for each in pair):
        above = bisect.bisect_left(bounds, value)
        # Neither in the first one, which begins at 0, nor in the last one, which has no end.
        assert 0 < above < len(bounds) - 1, value
        assert bounds[above] / bounds[above - 1] <= SHARPNESS, value
