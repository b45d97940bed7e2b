from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from streamkit.client.playback import Part, Position
from streamkit.client.realtime_events import (
    AudioCommitted,
    RealtimeError,
    ReplySound,
    ReplySoundDone,
    ReplyWords,
    ResponseCreated,
    ResponseDone,
    SessionConfigured,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
    UserTranscriptFailed,
    UserWords,
    parse_event,
)
from streamkit.client.realtime_messages import (
    CANCEL_RESPONSE,
    CLEAR,
    COMMIT,
    CREATE_RESPONSE,
    Manual,
    Message,
    SemanticVad,
    ServerVad,
    TalkOptions,
    append,
    said,
    truncate,
)
from streamkit.errors import ProtocolError

PLACE = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 1}
PART = Part("i", 1)
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize(
    ("wire", "event"),
    [
        ({"type": "input_audio_buffer.speech_started", "item_id": "u", "audio_start_ms": 300},
         SpeechStarted("u", 300)),
        ({"type": "input_audio_buffer.speech_stopped", "item_id": "u", "audio_end_ms": 900},
         SpeechStopped("u", 900)),
        ({"type": "input_audio_buffer.committed", "item_id": "u"}, AudioCommitted("u")),
        ({"type": f"{TRANSCRIPTION}.delta", "item_id": "u", "delta": "a"}, UserWords("u", "a")),
        ({"type": f"{TRANSCRIPTION}.delta", "item_id": "u"}, UserWords("u", "")),
        ({"type": f"{TRANSCRIPTION}.completed", "item_id": "u", "transcript": "a b"},
         UserTranscript("u", "a b")),
        ({"type": f"{TRANSCRIPTION}.failed", "item_id": "u", "error": {"message": "m"}},
         UserTranscriptFailed("u", "m")),
        ({"type": "response.created", "response": {"id": "r"}}, ResponseCreated("r")),
        ({"type": "response.output_audio_transcript.delta", **PLACE, "delta": "a"},
         ReplyWords("r", PART, "a")),
        ({"type": "response.output_text.delta", **PLACE, "delta": "a"},
         ReplyWords("r", PART, "a", spoken=False)),
        ({"type": "response.output_audio.done", **PLACE}, ReplySoundDone("r", PART)),
        ({"type": "response.done", "response": {"id": "r", "status": "completed"}},
         ResponseDone("r", "completed")),
        ({"type": "response.done", "response": {"id": "r", "status": "cancelled",
          "status_details": {"type": "cancelled", "reason": "turn_detected"}}},
         ResponseDone("r", "cancelled", "turn_detected")),
        ({"type": "response.done", "response": {"id": "r", "status": "failed",
          "status_details": {"type": "failed", "error": {"code": "c"}}}},
         ResponseDone("r", "failed", "", "c")),
        ({"type": "response.done", "response": {"id": "r", "status": "completed",
          "status_details": None,
          "streamkit": {"latency": {"endpoint": 1, "first_byte": 2.5, "odd": None, "flag": True},
                        "audio_ms": 9}}},
         ResponseDone("r", "completed", latency={"endpoint": 1.0, "first_byte": 2.5})),
        ({"type": "error", "error": {"type": "t", "message": "m"}}, RealtimeError("t", "m")),
        ({"type": "error", "error": {"type": "t", "code": "c", "message": "m"}},
         RealtimeError("c", "m")),
        ({"type": "rate_limits.updated", "rate_limits": []}, None),
        ({"type": "conversation.item.added", "item": {}}, None),
        ({"type": "something.new"}, None),
    ],
)  # fmt: skip
def test_events(wire: dict[str, Any], event: object) -> None:
    assert parse_event(json.dumps(wire)) == event


def test_sessions() -> None:
    def parsed(wire: dict[str, Any]) -> SessionConfigured:
        event = parse_event(json.dumps({"type": "session.updated", **wire}))
        assert isinstance(event, SessionConfigured)
        return event

    assert parsed({"session": {}}).interrupts
    assert not parsed({"session": {}}).ours
    assert parsed({"session": {}, "streamkit": {}}).ours
    assert parsed({"session": {"streamkit": {"lead_ms": 500}}}).ours
    manual = {"audio": {"input": {"turn_detection": None}}}
    assert parsed({"session": manual}).interrupts
    polite = {"audio": {"input": {"turn_detection": {"interrupt_response": False}}}}
    assert not parsed({"session": polite}).interrupts


def test_sound() -> None:
    samples = np.array([0, 1, -1, 32767, -32768], "<i2")
    wire = {
        "type": "response.output_audio.delta",
        **PLACE,
        "delta": base64.b64encode(samples.tobytes()).decode(),
        "streamkit": {"start_ms": 0, "words": [[0, "Well"], [12.5, "then"]]},
    }
    event = parse_event(json.dumps(wire))
    assert isinstance(event, ReplySound)
    assert (event.response_id, event.part) == ("r", PART)
    assert event.samples.dtype == np.int16
    assert event.samples.tolist() == samples.tolist()
    assert event.words == ((0, "Well"), (300, "then"))
    del wire["streamkit"]
    plain = parse_event(json.dumps(wire))
    assert isinstance(plain, ReplySound)
    assert plain.words == ()


@pytest.mark.parametrize(
    "message",
    [
        "no JSON",
        "[]",
        "{}",
        b"\x00\xff",
        '{"type": "input_audio_buffer.speech_started"}',
        '{"type": "response.done", "response": {"id": "r"}}',
        '{"type": "error"}',
        json.dumps({"type": "response.output_audio.delta", **PLACE, "delta": "###"}),
        json.dumps({"type": "response.output_audio.delta", **PLACE, "delta": "AAAA"}),
    ],
)
def test_what_is_no_event_is_refused(message: str | bytes) -> None:
    with pytest.raises(ProtocolError, match="/v1/realtime"):
        parse_event(message)


MESSAGES: list[Message] = [
    TalkOptions().update(),
    TalkOptions("v", 1.25, "en", "Be brief.", ServerVad(400)).update(),
    TalkOptions(turn_detection=SemanticVad("high")).update(),
    TalkOptions(turn_detection=Manual()).update(),
    append(np.arange(480, dtype=np.int16), 1.5, Position(PART, 2400), ended=False),
    append(np.zeros(0, np.int16), None, Position(PART, 2400), ended=True),
    append(np.zeros(480, np.int16), None, None, ended=False),
    truncate(Position(PART, 2401)),
    said("user", "Hi"),
    said("assistant", "Hello"),
    COMMIT,
    CLEAR,
    CREATE_RESPONSE,
    CANCEL_RESPONSE,
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message["type"])
def test_messages_are_those_of_the_published_types(message: Message) -> None:
    openai = pytest.importorskip("openai.types.realtime")
    pydantic = pytest.importorskip("pydantic")
    pydantic.TypeAdapter(openai.RealtimeClientEvent).validate_python(message)


def test_options() -> None:
    def session(options: TalkOptions) -> Any:
        return options.update()["session"]

    plain = session(TalkOptions())
    assert "instructions" not in plain
    assert "turn_detection" not in plain["audio"]["input"]
    assert "voice" not in plain["audio"]["output"]
    full = session(TalkOptions("v", 1.25, "en", "Be brief.", ServerVad(400)))
    assert full["instructions"] == "Be brief."
    assert full["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "v",
        "speed": 1.25,
    }
    assert full["audio"]["input"]["transcription"]["language"] == "en"
    assert full["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "silence_duration_ms": 400,
    }
    semantic = session(TalkOptions(turn_detection=SemanticVad("low")))
    assert semantic["audio"]["input"]["turn_detection"]["eagerness"] == "low"
    manual = session(TalkOptions(turn_detection=Manual()))
    assert manual["audio"]["input"]["turn_detection"] is None


def test_sound_goes_out_as_little_endian_base64() -> None:
    message = append(np.array([1, -2], np.int16), 10.5, Position(PART, 2400), ended=True)
    assert message == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(b"\x01\x00\xfe\xff").decode(),
        "streamkit": {
            "captured_at": 10.5,
            "played": {"item_id": "i", "content_index": 1, "audio_end_ms": 100, "ended": True},
        },
    }
    assert append(np.zeros(0, np.int16), None, None, ended=False) == {
        "type": "input_audio_buffer.append",
        "audio": "",
    }
