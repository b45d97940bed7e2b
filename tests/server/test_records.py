"""What is written down of turns and responses."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamkit import __version__
from streamkit.asr.quality import Decision, Doubt
from streamkit.asr.recognizer import Hypothesis, Word
from streamkit.latency.trace import Stage, Trace
from streamkit.llm.chat_model import Usage
from streamkit.server.metrics import Metrics
from streamkit.server.records import (
    QUIET,
    Note,
    Pass,
    Samples,
    begin_record,
    caption_record,
    clock_record,
    end_record,
    hypothesis_record,
    level_dbfs,
    record_of,
    response_record,
    turn_record,
)
from streamkit.server.trace_file import line_of
from streamkit.session.conversation_effects import (
    ResponseState,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.effects import Transcript
from streamkit.session.items import Content, FunctionCall, Message

EPOCH = 900.0
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
    speech_end=7000,
    speech_received_at=8.0,
    speech_captured_at=907.5,
    began_at=8.0,
    stages={"endpoint": 8.25, "first_audible": 8.37345},
)


def test_a_turn_without_its_words() -> None:
    assert turn_record(SAID, "sess_1", 1000.00049, EPOCH, words=False) == {
        "kind": "turn",
        "at": 1000.0005,
        "session": "sess_1",
        "item": "item_1",
        "status": "completed",
        "seconds": 1.235,
        "words": 2,
        "language": "en",
        "start": 0,
        "end": 16_000,
        "received_at": 910.0,
        "latency": {"vad": 0.0123, "commit": 0.5},
    }


def test_a_turn_with_its_words() -> None:
    assert turn_record(SAID, "sess_1", 1000, EPOCH, words=True)["transcript"] == "Canary bird."


def test_a_turn_on_which_the_recognizer_failed() -> None:
    failed = TranscriptionFailed("item_1", 0, "canary")
    for words in (False, True):
        record = turn_record(failed, "sess_1", 1000, EPOCH, words=words)
        assert record["status"] == "failed"
        assert "canary" not in str(record)


def test_a_response_without_its_words() -> None:
    record = response_record(REPLIED, "sess_1", 1000.0, EPOCH, words=False)
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
        "speech": {"end": 7000, "captured_at": 907.5, "received_at": 908.0, "mapped": False},
        "began_at": 908.0,
        "stages": {"endpoint": 908.25, "first_audible": 908.3735},
        "audible_sent_at": 908.3735,
    }


def test_when_the_client_captured_the_end_of_speech_is_told_by_the_servers_clock() -> None:
    record = response_record(REPLIED, "sess_1", 1000, EPOCH, words=False, offset=0.25)
    assert record["speech"] == {"end": 7000, "captured_at": 907.75, "received_at": 908.0}


def test_a_response_that_nobody_spoke_for_has_no_speech() -> None:
    asked = dataclasses.replace(REPLIED, speech_received_at=None)
    assert response_record(asked, "sess_1", 1000, EPOCH, words=False)["speech"] is None


def test_a_response_with_its_words() -> None:
    assert response_record(REPLIED, "sess_1", 1000, EPOCH, words=True)["text"] == "Canary song."


def test_a_response_that_failed_tells_the_code_and_not_the_reason() -> None:
    failed = ResponseState("resp_1", "failed", ("text",), error="canary", error_code="no_model")
    record = response_record(failed, "sess_1", 1000, EPOCH, words=False)
    assert (record["status"], record["error"]) == ("failed", "no_model")
    assert record["input_tokens"] is None
    assert "canary" not in str(record)


def test_how_a_session_begins_and_ends() -> None:
    assert begin_record("s", 1000.00004, "realtime", {"recognizer": "r"}) == {
        "kind": "begin",
        "format": 2,
        "session": "s",
        "at": 1000.0,
        "endpoint": "realtime",
        "side": "server",
        "version": __version__,
        "recognizer": "r",
    }
    assert end_record("s", 1000.1, 1012, 1 / 3) == {
        "kind": "end",
        "session": "s",
        "at": 1000.1,
        "code": 1012,
        "audio_seconds": 0.333,
    }


def test_what_is_known_of_the_clients_clock() -> None:
    record = clock_record("s", 1000.0, 12.34567891, 0.00049)
    assert (record["offset"], record["error"]) == (12.345679, 0.00049)
    assert clock_record("s", 1000.0, 0.5, None)["error"] is None


def chunk_note(
    captured_at: float | None,
    sound: Samples | float,
    speech: tuple[float, ...],
    offset: float | None,
) -> Note:
    return (
        "chunk",
        "s",
        1,
        320,
        640,
        captured_at,
        100.12344,
        100.12356,
        sound,
        speech,
        EPOCH,
        offset,
    )


def test_a_chunk() -> None:
    wave = np.sin(np.arange(320) * np.pi / 8).astype(np.float32)
    assert record_of(chunk_note(999.65004, wave, (0.1, 0.98765), 0.25)) == {
        "kind": "chunk",
        "session": "s",
        "channel": 1,
        "start": 320,
        "end": 640,
        "captured_at": 999.9,
        "received_at": 1000.1234,
        "scored_at": 1000.1236,
        "level": -3.0,
        "speech": 0.988,
    }


def test_a_chunk_of_a_client_whose_clock_is_not_known() -> None:
    record = record_of(chunk_note(5.0, -31.44, (), None))
    assert (record["captured_at"], record["mapped"]) == (5.0, False)
    assert (record["level"], record["speech"]) == (-31.4, None)


def test_a_chunk_of_a_client_that_does_not_tell_the_time() -> None:
    for offset in (None, 1.0):
        record = record_of(chunk_note(None, -31.4, (), offset))
        assert record["captured_at"] is None
        assert "mapped" not in record


@pytest.mark.parametrize("captured_at", [None, 1_790_000_000.12341])
@pytest.mark.parametrize("speech", [(), (0.98765,), (0.0, 1.0)])
@pytest.mark.parametrize("offset", [None, -4000.1])
def test_the_line_of_a_chunk_is_its_record(
    captured_at: float | None, speech: tuple[float, ...], offset: float | None
) -> None:
    note = chunk_note(captured_at, -120.0, speech, offset)
    line = line_of(note)
    assert line.endswith("}\n")
    assert list(json.loads(line).items()) == list(record_of(note).items())


def test_levels() -> None:
    wave = np.sin(np.arange(16_000) * 0.1).astype(np.float32)
    assert level_dbfs(wave) == pytest.approx(-3.0, abs=0.05)
    assert level_dbfs(wave * np.float32(0.01)) == pytest.approx(-43.0, abs=0.05)
    assert level_dbfs(np.zeros(320, np.float32)) == QUIET
    assert level_dbfs(np.zeros(0, np.float32)) == QUIET
    assert level_dbfs(np.full(320, 1e-9, np.float32)) == QUIET


HEARD = Pass(
    channel=0,
    segment=3,
    start=0,
    end=20_000,
    final=False,
    asked_at=99.0,
    started_at=99.25,
    ended_at=99.5,
    outcome="done",
    hypothesis=Hypothesis(
        (Word("Canary", 0, 8000, 0.9), Word("bird", 8000, 16_000, 0.8)),
        0,
        20_000,
        decision=Decision.MENDED,
        doubts=frozenset({Doubt.SPEED, Doubt.LOOP}),
    ),
    committed_until=8000,
)


def test_a_hypothesis() -> None:
    assert hypothesis_record("s", HEARD, EPOCH, words=False) == {
        "kind": "hypothesis",
        "session": "s",
        "channel": 0,
        "segment": 3,
        "start": 0,
        "end": 20_000,
        "asked_at": 999.0,
        "started_at": 999.25,
        "ended_at": 999.5,
        "final": False,
        "outcome": "done",
        "decision": "mended",
        "doubts": ["loop", "speed"],
        "word_count": 2,
        "committed_count": 1,
        "committed_until": 8000,
    }


def test_a_hypothesis_with_its_words() -> None:
    record = hypothesis_record("s", HEARD, EPOCH, words=True)
    assert record["words"] == [["Canary", 0, 8000, True], ["bird", 8000, 16_000, False]]


def test_a_pass_that_came_to_nothing() -> None:
    skipped = Pass(0, 3, 0, 20_000, False, 99.0, None, 99.5, "superseded")
    record = hypothesis_record("s", skipped, EPOCH, words=True)
    assert (record["outcome"], record["started_at"]) == ("superseded", None)
    assert (record["decision"], record["doubts"], record["words"]) == (None, [], [])
    assert (record["word_count"], record["committed_count"]) == (0, 0)
    assert record["committed_until"] is None


TOLD = Transcript(
    start=0,
    end=20_000,
    words=SAID.words,
    committed=1,
    is_final=False,
    speech_final=False,
    from_finalize=False,
    utterance=0,
    language="en",
    trace=Trace(None, 99.0, {Stage.VAD: 99.001, Stage.DECODE_END: 99.2}),
)


def test_a_caption() -> None:
    assert caption_record("s", 0, TOLD, 999.25, EPOCH, words=False) == {
        "kind": "caption",
        "session": "s",
        "channel": 0,
        "at": 999.25,
        "start": 0,
        "end": 20_000,
        "is_final": False,
        "speech_final": False,
        "word_count": 2,
        "committed_count": 1,
        "latency": {"received_at": 999.0, "vad": 0.001, "decode_end": 0.2, "emit": 0.25},
    }
    assert caption_record("s", 0, TOLD, 999.25, EPOCH, words=True)["text"] == "Canary bird."


def test_a_caption_without_words_is_not_late() -> None:
    empty = dataclasses.replace(TOLD, words=(), committed=0, is_final=True)
    assert caption_record("s", 0, empty, 999.25, EPOCH, words=False)["latency"] is None


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
