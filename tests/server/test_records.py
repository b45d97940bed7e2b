"""What is written down of turns and responses."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from streamkit.asr.recognizer import Word
from streamkit.latency.trace import Stage, Trace
from streamkit.llm.chat_model import Usage
from streamkit.server.metrics import Metrics
from streamkit.server.records import response_record, turn_record
from streamkit.session.conversation_effects import (
    ResponseState,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.items import Content, FunctionCall, Message

SAID = TranscriptionCompleted(
    "item_1",
    0,
    "Canary bird.",
    1.23456,
    (Word("Canary", 0, 8000, 0.9), Word("bird.", 8000, 16_000, 0.8)),
    "en",
    Trace(None, 10.0, {Stage.VAD: 10.01234, Stage.COMMIT: 10.5}),
)
REPLIED = ResponseState(
    "resp_1",
    "cancelled",
    ("audio",),
    output=(
        Message("item_2", "assistant", (Content("output_audio", "Canary song."),)),
        FunctionCall("item_3", "call_1", "canary", "{}"),
    ),
    reason="turn_detected",
    usage=Usage(7, 5),
    audio_seconds=2.34567,
    latency={"endpoint": 0.25, "first_audible": 0.12345, "voice_to_voice": 0.37345},
)


def test_a_turn_without_its_words() -> None:
    assert turn_record(SAID, "sess_1", 1000.00049, words=False) == {
        "kind": "turn",
        "at": 1000.0,
        "session": "sess_1",
        "item": "item_1",
        "status": "completed",
        "seconds": 1.235,
        "words": 2,
        "language": "en",
        "latency": {"vad": 0.0123, "commit": 0.5},
    }


def test_a_turn_with_its_words() -> None:
    assert turn_record(SAID, "sess_1", 1000, words=True)["transcript"] == "Canary bird."


def test_a_turn_on_which_the_recognizer_failed() -> None:
    failed = TranscriptionFailed("item_1", 0, "canary")
    for words in (False, True):
        record = turn_record(failed, "sess_1", 1000, words=words)
        assert record["status"] == "failed"
        assert "canary" not in str(record)


def test_a_response_without_its_words() -> None:
    record = response_record(REPLIED, "sess_1", 1000.0, words=False)
    assert record == {
        "kind": "response",
        "at": 1000.0,
        "session": "sess_1",
        "response": "resp_1",
        "status": "cancelled",
        "reason": "turn_detected",
        "error": None,
        "items": ["item_2", "item_3"],
        "modalities": ["audio"],
        "audio_seconds": 2.346,
        "input_tokens": 7,
        "output_tokens": 5,
        "latency": {"endpoint": 0.25, "first_audible": 0.1235, "voice_to_voice": 0.3735},
    }


def test_a_response_with_its_words() -> None:
    assert response_record(REPLIED, "sess_1", 1000, words=True)["text"] == "Canary song."


def test_a_response_that_failed_tells_the_code_and_not_the_reason() -> None:
    failed = ResponseState("resp_1", "failed", ("text",), error="canary", error_code="no_model")
    record = response_record(failed, "sess_1", 1000, words=False)
    assert (record["status"], record["error"]) == ("failed", "no_model")
    assert record["input_tokens"] is None
    assert "canary" not in str(record)


def values(metrics: Metrics, name: str) -> dict[tuple[str, ...], float]:
    """The samples of one name by their labels' values."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {
        tuple(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.name == name
    }


def test_responses_are_counted() -> None:
    metrics = Metrics()
    metrics.observe_response(REPLIED)
    metrics.observe_response(ResponseState("resp_2", "completed", ("text",)))
    metrics.observe_response(
        ResponseState("resp_3", "failed", ("text",), error_code="model_failed")
    )
    assert values(metrics, "streamkit_responses_total") == {
        ("turn_detected", "cancelled"): 1,
        ("", "completed"): 1,
        ("model_failed", "failed"): 1,
    }
    assert values(metrics, "streamkit_interruptions_total") == {("turn_detected",): 1}
    assert values(metrics, "streamkit_turn_seconds_count") == {
        ("endpoint",): 1,
        ("first_audible",): 1,
        ("voice_to_voice",): 1,
    }
