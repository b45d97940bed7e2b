"""The histograms of one server, without a socket."""

from __future__ import annotations

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
