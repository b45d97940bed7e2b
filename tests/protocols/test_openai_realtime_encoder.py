"""What the server of `/v1/realtime` says, message by message, checked against their types."""

from __future__ import annotations

import base64
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest

from streamkit import __version__
from streamkit.asr.recognizer import Word
from streamkit.latency.clock import ClockMap, ClockReport
from streamkit.latency.trace import Stage, Trace
from streamkit.llm.chat_model import Usage
from streamkit.protocols.openai_realtime import Encoder, EventError, SessionConfig
from streamkit.session import conversation_effects as effects
from streamkit.session.conversation_effects import Place, ResponseState, Said
from streamkit.session.items import Content, FunctionCall, FunctionOutput, Item, Message

SECOND = 16_000
EPOCH = 1_700_000_000.0
LOGPROBS = "item.input_audio_transcription.logprobs"
SOUND = b"\x01\x02\x03\x04"

HEARING = Message("item_1", "user", (Content("input_audio", None),))
HEARD = Message("item_1", "user", (Content("input_audio", "Hello?"),))
WRITTEN = Message("item_2", "user", (Content("input_text", "Hello"),))
SYSTEM = Message("item_3", "system", (Content("input_text", "Be brief."),))
EMPTY = Message("item_4", "assistant", (), "in_progress")
SPOKEN = Message("item_4", "assistant", (Content("output_audio", "Hi."),), "incomplete")
ANSWERED = Message("item_4", "assistant", (Content("output_text", "Hi."),))
SILENT = Message("item_4", "assistant", (Content("output_audio", None),), "in_progress")
CALLING = FunctionCall("item_5", "call_1", "get_weather", "", "in_progress")
CALLED = FunctionCall("item_5", "call_1", "get_weather", '{"city":"Berlin"}')
OUTPUT = FunctionOutput("item_6", "call_1", "rain")
ITEMS: tuple[Item, ...] = (
    HEARING, HEARD, WRITTEN, SYSTEM, EMPTY, SPOKEN, ANSWERED, SILENT, CALLING, CALLED, OUTPUT,
)  # fmt: skip

PLACE = Place("resp_1", "item_4", 1, 2)
WORDS = (
    Word("Hello,", SECOND, SECOND + 8_000, 0.9),
    Word("wörld!", SECOND + 8_000, 2 * SECOND, 0.0),
)
TRACE = Trace(
    captured_at=EPOCH + 4.5,
    received_at=5.0,
    passed={Stage.VAD: 5.001, Stage.DECODE_START: 5.01, Stage.DECODE_END: 5.25},
)

BEGUN = ResponseState("resp_1", "in_progress", ("audio",))
COMPLETE = ResponseState(
    "resp_1",
    "completed",
    ("audio",),
    (ANSWERED, CALLED),
    voice="verse",
    max_output_tokens=100,
    metadata={"topic": "weather"},
    usage=Usage(120, 7, 64),
    audio_seconds=1.25,
    latency={"endpoint": 0.2512345, "first_token": 0.1},
    speech_end=SECOND + 8,
    speech_received_at=5.0,
    speech_captured_at=EPOCH + 4.5,
    stages={"endpoint": 5.25, "first_audible": 5.5},
)
TIMING = {
    "latency": {"endpoint": 251.23, "first_token": 100.0},
    "speech": {"end_ms": 1000.5, "captured_at": EPOCH + 4.5, "received_at": EPOCH + 5.0},
    "audible_sent_at": EPOCH + 5.5,
}
ASIDE = ResponseState("resp_2", "completed", ("text",), (ANSWERED,), in_conversation=False)
BARGED_IN = ResponseState(
    "resp_1", "cancelled", ("audio",), (SPOKEN,), reason="turn_detected", usage=Usage(9, 3)
)
STOPPED = ResponseState("resp_1", "cancelled", ("text",), reason="client_cancelled")
GONE = ResponseState("resp_1", "cancelled", ("text",))
CUT = ResponseState("resp_1", "incomplete", ("text",), (ANSWERED,), reason="max_output_tokens")
FILTERED = ResponseState("resp_1", "incomplete", ("text",), reason="content_filter")
FAILED = ResponseState(
    "resp_1", "failed", ("audio",), error="The model is gone.", error_code="model_failed"
)
LOST = ResponseState("resp_1", "failed", ("audio",))

SAID: list[Said] = [
    effects.SpeechStarted("item_1", SECOND + 8),
    effects.SpeechStopped("item_1", 3 * SECOND),
    effects.IdleTimeout("item_1", SECOND, 7 * SECOND),
    effects.AudioCommitted("item_1", None),
    effects.AudioCommitted("item_1", "item_0"),
    effects.AudioCleared(),
    *(effects.ItemAdded(item, "item_0") for item in ITEMS),
    effects.ItemAdded(WRITTEN, None),
    *(effects.ItemDone(item, None) for item in ITEMS),
    *(effects.ItemRetrieved(item) for item in ITEMS),
    effects.ItemDeleted("item_1"),
    effects.ItemTruncated("item_4", 0, 1500),
    effects.TranscriptionDelta("item_1", 0, "Hello, wörld!", WORDS, TRACE),
    effects.TranscriptionDelta("item_1", 0, " again"),
    effects.TranscriptionCompleted("item_1", 0, "Hello, wörld!", 1.25, WORDS, "en", TRACE),
    effects.TranscriptionCompleted("item_1", 1, "", 0.0),
    effects.TranscriptionFailed("item_1", 0, "the recognizer failed twice"),
    effects.ResponseCreated(BEGUN),
    *map(
        effects.ResponseDone,
        (COMPLETE, ASIDE, BARGED_IN, STOPPED, GONE, CUT, FILTERED, FAILED, LOST),
    ),
    effects.OutputItemAdded("resp_1", 0, EMPTY),
    effects.OutputItemAdded("resp_1", 1, CALLING),
    effects.OutputItemDone("resp_1", 0, SPOKEN),
    effects.OutputItemDone("resp_1", 1, CALLED),
    effects.ContentPartAdded(PLACE, Content("output_audio", None)),
    effects.ContentPartAdded(PLACE, Content("output_text", "")),
    effects.ContentPartDone(PLACE, Content("output_audio", "Hi.")),
    effects.ContentPartDone(PLACE, Content("output_text", "Hi.")),
    effects.TextAdded(PLACE, "Hi"),
    effects.TextDone(PLACE, "Hi."),
    effects.TranscriptAdded(PLACE, "Hi"),
    effects.TranscriptDone(PLACE, "Hi."),
    effects.SendSound(PLACE, 7, 0, 480, ((0, "Hi"), (240, "there"))),
    effects.SendSound(PLACE, 7, 480, 481),
    effects.SoundDone(PLACE),
    effects.ArgumentsAdded(PLACE, "call_1", '{"ci'),
    effects.ArgumentsDone(PLACE, "call_1", "get_weather", '{"city":"Berlin"}'),
    effects.Rejected("e-1", "item_not_found", "There is no such item.", "item_id"),
    effects.Rejected(None, "response_cancel_not_active", "Nothing to cancel."),
    effects.Trouble("recognizer_failed", "The recognizer failed."),
    effects.ConversationClosed(),
]

OURS: list[Said] = [effects.ReplyHeld("resp_1"), effects.ReplyResumed("resp_1")]
"""Those that only clients get that ask for them; OpenAI has none like them."""


def counted() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


def session(kind: Any = "realtime", **patch: Any) -> SessionConfig:
    config = SessionConfig.start(
        kind=kind,
        session_id="sess_1",
        model="parrot",
        default_voice="alloy",
        conversation_id="conv_1",
    )
    return config.update({"audio": {"input": {"transcription": {}}}}).update(patch)


CONFIGS = (
    session(),
    session(include=[LOGPROBS], audio={"output": {"format": {"type": "audio/pcmu"}}}),
)


def encode(effect: Said, config: SessionConfig | None = None, **more: Any) -> list[dict[str, Any]]:
    sound = SOUND if isinstance(effect, effects.SendSound) else b""
    return Encoder(counted(), EPOCH).encode(effect, config or session(), sound, **more)


def one(effect: Said, config: SessionConfig | None = None, **more: Any) -> dict[str, Any]:
    message, *rest = encode(effect, config, **more)
    assert rest == []
    assert message.pop("event_id") == "event_1"
    return message


def test_everything_that_can_be_said_is_covered_here() -> None:
    """A class that is new there needs a message here."""
    assert {type(effect) for effect in [*SAID, *OURS]} == set(get_args(Said))


def test_holds_are_ours() -> None:
    held, resumed = map(one, OURS)
    assert held == {"type": "streamkit.hold", "response_id": "resp_1"}
    assert resumed == {"type": "streamkit.resume", "response_id": "resp_1"}


@pytest.mark.parametrize("config", CONFIGS, ids=["plain", "logprobs"])
@pytest.mark.parametrize("streamkit", [None, {"extra": {"a": [1, None]}}], ids=["", "extra"])
@pytest.mark.parametrize(
    "effect", SAID, ids=[f"{i}-{type(e).__name__}" for i, e in enumerate(SAID)]
)
def test_every_message_is_valid(
    effect: Said, config: SessionConfig, streamkit: Any, valid: Any
) -> None:
    messages = encode(effect, config, streamkit=streamkit, emit=6.0)
    assert bool(messages) is not isinstance(effect, effects.ConversationClosed)
    for index, message in enumerate(messages, 1):
        assert message["event_id"] == f"event_{index}"
        valid(message)


def test_ids_of_events_are_never_used_twice() -> None:
    encoder = Encoder(counted())
    messages = [encoder.session_created(session())]
    for effect in SAID:
        messages += encoder.encode(effect, session(), SOUND)
    messages.append(encoder.error("No.", code=None))
    identifiers = [message["event_id"] for message in messages]
    assert identifiers == [f"event_{i}" for i in range(1, len(messages) + 1)]


def nulls(value: object, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            if name != "streamkit":
                yield from nulls(member, f"{path}.{name}")
    elif isinstance(value, list):
        for element in value:
            yield from nulls(element, f"{path}[]")
    elif value is None:
        yield path


MAY_BE_NULL = {
    # As OpenAI itself writes them, and as agents-js takes them.
    ".previous_item_id",
    ".item.content[].transcript",
    ".response.status_details",
    ".response.conversation_id",
    ".response.usage",
    ".response.metadata",
    ".error.param",
    ".error.event_id",
}


def test_nothing_is_null_where_agents_js_does_not_take_it() -> None:
    found = {path for effect in SAID for message in encode(effect) for path in nulls(message)}
    assert found == MAY_BE_NULL


def test_only_the_transcript_of_what_the_person_says_is_null() -> None:
    for item in ITEMS:
        content = one(effects.ItemRetrieved(item))["item"].get("content", [])
        for part in content:
            assert part["type"] == "input_audio" or None not in part.values()
    assert one(effects.ItemRetrieved(HEARING))["item"]["content"] == [
        {"type": "input_audio", "transcript": None}
    ]


def test_the_speech_buffer() -> None:
    assert one(effects.SpeechStarted("item_1", 3 * SECOND + 100)) == {
        "type": "input_audio_buffer.speech_started",
        "audio_start_ms": 3006,
        "item_id": "item_1",
    }
    assert one(effects.SpeechStopped("item_1", 4 * SECOND)) == {
        "type": "input_audio_buffer.speech_stopped",
        "audio_end_ms": 4000,
        "item_id": "item_1",
    }
    assert one(effects.IdleTimeout("item_1", SECOND, 7 * SECOND)) == {
        "type": "input_audio_buffer.timeout_triggered",
        "audio_start_ms": 1000,
        "audio_end_ms": 7000,
        "item_id": "item_1",
    }
    assert one(effects.AudioCommitted("item_1", "item_0")) == {
        "type": "input_audio_buffer.committed",
        "item_id": "item_1",
        "previous_item_id": "item_0",
    }
    assert one(effects.AudioCleared()) == {"type": "input_audio_buffer.cleared"}


def test_items() -> None:
    assert one(effects.ItemAdded(HEARING, None)) == {
        "type": "conversation.item.added",
        "item": {
            "id": "item_1",
            "object": "realtime.item",
            "type": "message",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_audio", "transcript": None}],
        },
        "previous_item_id": None,
    }
    assert one(effects.ItemDone(SPOKEN, "item_1")) == {
        "type": "conversation.item.done",
        "item": {
            "id": "item_4",
            "object": "realtime.item",
            "type": "message",
            "status": "incomplete",
            "role": "assistant",
            "content": [{"type": "output_audio", "transcript": "Hi."}],
        },
        "previous_item_id": "item_1",
    }
    assert one(effects.ItemRetrieved(ANSWERED))["item"]["content"] == [
        {"type": "output_text", "text": "Hi."}
    ]
    assert one(effects.ItemRetrieved(SYSTEM))["item"]["content"] == [
        {"type": "input_text", "text": "Be brief."}
    ]
    assert one(effects.ItemRetrieved(CALLED)) == {
        "type": "conversation.item.retrieved",
        "item": {
            "id": "item_5",
            "object": "realtime.item",
            "type": "function_call",
            "status": "completed",
            "call_id": "call_1",
            "name": "get_weather",
            "arguments": '{"city":"Berlin"}',
        },
    }
    assert one(effects.ItemRetrieved(OUTPUT))["item"] == {
        "id": "item_6",
        "object": "realtime.item",
        "type": "function_call_output",
        "status": "completed",
        "call_id": "call_1",
        "output": "rain",
    }
    assert one(effects.ItemDeleted("item_1")) == {
        "type": "conversation.item.deleted",
        "item_id": "item_1",
    }
    assert one(effects.ItemTruncated("item_4", 0, 1500)) == {
        "type": "conversation.item.truncated",
        "item_id": "item_4",
        "content_index": 0,
        "audio_end_ms": 1500,
    }


TIMED = [
    {"word": "Hello,", "start_ms": 1000.0, "end_ms": 1500.0, "probability": 0.9},
    {"word": "wörld!", "start_ms": 1500.0, "end_ms": 2000.0, "probability": 0.0},
]
LATE = {
    "captured_at": EPOCH + 4.5,
    "received_at": EPOCH + 5,
    "vad_ms": 1.0,
    "decode_start_ms": 10.0,
    "decode_end_ms": 250.0,
    "first_partial_ms": None,
    "commit_ms": None,
    "emit_ms": 500.0,
}


def test_more_words() -> None:
    delta = effects.TranscriptionDelta("item_1", 0, "Hello, wörld!", WORDS, TRACE)
    assert one(delta, emit=5.5) == {
        "type": "conversation.item.input_audio_transcription.delta",
        "item_id": "item_1",
        "content_index": 0,
        "delta": "Hello, wörld!",
        "streamkit": {"words": TIMED, "latency": LATE},
    }
    assert one(delta)["streamkit"]["latency"] == {**LATE, "emit_ms": None}
    assert one(effects.TranscriptionDelta("item_1", 0, "x"))["streamkit"] == {
        "words": [],
        "latency": None,
    }


def test_all_words() -> None:
    completed = effects.TranscriptionCompleted(
        "item_1", 0, "Hello, wörld!", 1.23456, WORDS, "en", TRACE
    )
    assert one(completed, emit=5.5) == {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": "item_1",
        "content_index": 0,
        "transcript": "Hello, wörld!",
        "usage": {"type": "duration", "seconds": 1.235},
        "languages": [{"code": "en"}],
        "streamkit": {"words": TIMED, "latency": LATE, "language": "en"},
    }
    unknown = one(effects.TranscriptionCompleted("item_1", 0, "", 0.0))
    assert "languages" not in unknown
    assert unknown["streamkit"] == {"words": [], "latency": None, "language": None}


def test_no_words() -> None:
    assert one(effects.TranscriptionFailed("item_1", 0, "it failed")) == {
        "type": "conversation.item.input_audio_transcription.failed",
        "item_id": "item_1",
        "content_index": 0,
        "error": {
            "type": "transcription_error",
            "code": "transcription_failed",
            "message": "it failed",
        },
    }


def test_logprobs_are_told_when_they_are_asked_for() -> None:
    config = session(include=[LOGPROBS])
    chinese = Word("你", 0, 1, 0.5, spaced=False)
    for text, words, tokens in (
        ("Hello, wörld!", WORDS, ["Hello,", " wörld!"]),
        (" Hello, wörld!", WORDS, [" Hello,", " wörld!"]),
        ("你你", (chinese, chinese), ["你", "你"]),
        ("", (), []),
    ):
        for told in (
            one(effects.TranscriptionDelta("item_1", 0, text, words), config),
            one(effects.TranscriptionCompleted("item_1", 0, text, 1.0, words), config),
        ):
            assert [each["token"] for each in told["logprobs"]] == tokens
            assert "".join(tokens) == text
            for each, word in zip(told["logprobs"], words, strict=True):
                assert bytes(each["bytes"]).decode() == each["token"]
                assert math.isclose(
                    each["logprob"], math.log(max(word.probability, 1e-9)), abs_tol=1e-4
                )
    assert "logprobs" not in one(effects.TranscriptionDelta("item_1", 0, "x", WORDS))


def test_a_response_begins() -> None:
    assert one(effects.ResponseCreated(BEGUN)) == {
        "type": "response.created",
        "response": {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "in_progress",
            "status_details": None,
            "output": [],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": "inf",
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
            "usage": None,
            "metadata": None,
        },
    }


def test_a_response_ends() -> None:
    done, limits = encode(effects.ResponseDone(COMPLETE))
    assert done == {
        "type": "response.done",
        "event_id": "event_1",
        "response": {
            "object": "realtime.response",
            "id": "resp_1",
            "status": "completed",
            "status_details": None,
            "output": [
                one(effects.ItemRetrieved(ANSWERED))["item"],
                one(effects.ItemRetrieved(CALLED))["item"],
            ],
            "conversation_id": "conv_1",
            "output_modalities": ["audio"],
            "max_output_tokens": 100,
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "verse"}},
            "usage": {
                "total_tokens": 127,
                "input_tokens": 120,
                "output_tokens": 7,
                "input_token_details": {
                    "text_tokens": 120,
                    "audio_tokens": 0,
                    "image_tokens": 0,
                    "cached_tokens": 64,
                    "cached_tokens_details": {
                        "text_tokens": 64,
                        "audio_tokens": 0,
                        "image_tokens": 0,
                    },
                },
                "output_token_details": {"text_tokens": 7, "audio_tokens": 0},
            },
            "metadata": {"topic": "weather"},
            "streamkit": {**TIMING, "audio_ms": 1250},
        },
    }
    assert limits == {"type": "rate_limits.updated", "event_id": "event_2", "rate_limits": []}


@pytest.mark.parametrize(
    ("state", "details"),
    [
        (COMPLETE, None),
        (BARGED_IN, {"type": "cancelled", "reason": "turn_detected"}),
        (STOPPED, {"type": "cancelled", "reason": "client_cancelled"}),
        (GONE, {"type": "cancelled"}),
        (CUT, {"type": "incomplete", "reason": "max_output_tokens"}),
        (FILTERED, {"type": "incomplete", "reason": "content_filter"}),
        (
            FAILED,
            {
                "type": "failed",
                "error": {
                    "type": "server_error",
                    "code": "model_failed",
                    "message": "The model is gone.",
                },
            },
        ),
        (LOST, {"type": "failed", "error": {"type": "server_error", "code": "server_error"}}),
    ],
)
def test_why_a_response_ended(state: ResponseState, details: Any) -> None:
    response = encode(effects.ResponseDone(state))[0]["response"]
    assert (response["status"], response["status_details"]) == (state.status, details)


def test_a_response_outside_the_conversation_has_none() -> None:
    assert encode(effects.ResponseDone(ASIDE))[0]["response"]["conversation_id"] is None


def test_parts_of_a_response() -> None:
    place = {
        "response_id": "resp_1",
        "item_id": "item_4",
        "output_index": 1,
        "content_index": 2,
    }
    assert one(effects.OutputItemAdded("resp_1", 0, EMPTY)) == {
        "type": "response.output_item.added",
        "response_id": "resp_1",
        "output_index": 0,
        "item": {
            "id": "item_4",
            "object": "realtime.item",
            "type": "message",
            "status": "in_progress",
            "role": "assistant",
            "content": [],
        },
    }
    assert one(effects.OutputItemDone("resp_1", 1, CALLED)) == {
        "type": "response.output_item.done",
        "response_id": "resp_1",
        "output_index": 1,
        "item": one(effects.ItemRetrieved(CALLED))["item"],
    }
    for kind, members, effect in (
        (
            "content_part.added",
            {"part": {"type": "audio", "transcript": ""}},
            effects.ContentPartAdded(PLACE, Content("output_audio", None)),
        ),
        (
            "content_part.added",
            {"part": {"type": "text", "text": ""}},
            effects.ContentPartAdded(PLACE, Content("output_text", None)),
        ),
        (
            "content_part.done",
            {"part": {"type": "audio", "transcript": "Hi."}},
            effects.ContentPartDone(PLACE, Content("output_audio", "Hi.")),
        ),
        (
            "content_part.done",
            {"part": {"type": "text", "text": "Hi."}},
            effects.ContentPartDone(PLACE, Content("output_text", "Hi.")),
        ),
        ("output_text.delta", {"delta": "H"}, effects.TextAdded(PLACE, "H")),
        ("output_text.done", {"text": "Hi."}, effects.TextDone(PLACE, "Hi.")),
        ("output_audio_transcript.delta", {"delta": "H"}, effects.TranscriptAdded(PLACE, "H")),
        (
            "output_audio_transcript.done",
            {"transcript": "Hi."},
            effects.TranscriptDone(PLACE, "Hi."),
        ),
        ("output_audio.done", {}, effects.SoundDone(PLACE)),
    ):
        assert one(effect) == {"type": f"response.{kind}", **place, **members}


def test_a_function_call() -> None:
    place = {"response_id": "resp_1", "item_id": "item_4", "output_index": 1, "call_id": "call_1"}
    assert one(effects.ArgumentsAdded(PLACE, "call_1", "{")) == {
        "type": "response.function_call_arguments.delta",
        **place,
        "delta": "{",
    }
    assert one(effects.ArgumentsDone(PLACE, "call_1", "get_weather", "{}")) == {
        "type": "response.function_call_arguments.done",
        **place,
        "name": "get_weather",
        "arguments": "{}",
    }


@pytest.mark.parametrize(("encoding", "scale"), [("audio/pcm", 1), ("audio/pcma", 3)])
def test_sound(encoding: str, scale: int) -> None:
    config = session(audio={"output": {"format": {"type": encoding}}})
    message = one(effects.SendSound(PLACE, 7, 2400, 4801, ((2400, "Hi"), (3601, "there"))), config)
    assert base64.b64decode(message.pop("delta"), validate=True) == SOUND
    assert message == {
        "type": "response.output_audio.delta",
        "response_id": "resp_1",
        "item_id": "item_4",
        "output_index": 1,
        "content_index": 2,
        "streamkit": {
            "start_ms": 100.0 * scale,
            "end_ms": round(4801 / 24 * scale, 3),
            "words": [[100.0 * scale, "Hi"], [round(3601 / 24 * scale, 3), "there"]],
        },
    }


def test_the_first_sound_that_can_be_heard_tells_what_was_waited_for() -> None:
    sound = one(effects.SendSound(PLACE, 7, 0, 480, (), COMPLETE))
    assert sound["streamkit"] == {"start_ms": 0.0, "end_ms": 20.0, "words": [], **TIMING}


def test_a_response_to_no_speech_has_none() -> None:
    done, _ = encode(effects.ResponseDone(BARGED_IN))
    own = done["response"]["streamkit"]
    assert own == {"latency": {}, "speech": None, "audible_sent_at": None, "audio_ms": 0.0}


def test_the_clocks() -> None:
    clock, report = ClockMap(), ClockReport(EPOCH + 2.0)
    encoder = Encoder(counted(), EPOCH)
    clock.take(report, EPOCH + 5.0)
    answer = {
        "type": "streamkit.clock",
        "event_id": "event_1",
        "client_sent_at": EPOCH + 2.0,
        "received_at": EPOCH + 5.0,
        "sent_at": EPOCH + 5.125,
    }
    first = encoder.clock(report, 5.0, 5.125, clock)
    assert first == {**answer, "offset_ms": None, "error_ms": None}
    clock.take(ClockReport(EPOCH + 2.5, EPOCH + 5.125, EPOCH + 2.375), EPOCH + 5.5)
    later = encoder.clock(report, 5.0, 5.125, clock)
    assert later["offset_ms"] == pytest.approx(2875, abs=0.1)
    assert later["error_ms"] == pytest.approx(125, abs=0.1)


def test_sound_has_to_be_given() -> None:
    with pytest.raises(ValueError, match="no sound was given"):
        Encoder(counted()).encode(effects.SendSound(PLACE, 7, 0, 480), session())


def test_more_of_ours_can_be_told() -> None:
    sound = one(effects.SendSound(PLACE, 7, 0, 480), streamkit={"sent_at": 1.5, "end_ms": 0})
    assert sound["streamkit"] == {"start_ms": 0.0, "end_ms": 0, "words": [], "sent_at": 1.5}
    assert one(effects.AudioCleared(), streamkit={"a": 1})["streamkit"] == {"a": 1}
    done, limits = encode(effects.ResponseDone(COMPLETE), streamkit={"a": 1})
    assert done["response"]["streamkit"] == {**TIMING, "audio_ms": 1250.0, "a": 1}
    assert "streamkit" not in done
    assert "streamkit" not in limits
    assert encode(effects.ConversationClosed(), streamkit={"a": 1}) == []


def test_errors() -> None:
    assert one(effects.Rejected("e-1", "item_not_found", "No such item.", "item_id")) == {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": "item_not_found",
            "message": "No such item.",
            "param": "item_id",
            "event_id": "e-1",
        },
    }
    assert one(effects.Trouble("recognizer_failed", "It failed."))["error"] == {
        "type": "server_error",
        "code": "recognizer_failed",
        "message": "It failed.",
        "param": None,
        "event_id": None,
    }


def test_an_error_of_the_parser(valid: Any) -> None:
    error = EventError("No.", code="invalid_value", param="item.id").caused_by("e-1")
    message = Encoder(counted()).error(
        str(error), code=error.code, event_id=error.event_id, param=error.param, type=error.type
    )
    valid(message)
    assert message == {
        "type": "error",
        "event_id": "event_1",
        "error": {
            "type": "invalid_request_error",
            "code": "invalid_value",
            "message": "No.",
            "param": "item.id",
            "event_id": "e-1",
        },
    }


def test_the_first_message_says_who_speaks(valid: Any) -> None:
    created = Encoder(counted()).session_created(session("transcription"))
    valid(created)
    assert created["streamkit"] == {"version": __version__}


def test_the_judge_is_strict(valid: Any) -> None:
    """A misspelt, missing, or wrong member, or another type, does not pass."""
    good = one(effects.SpeechStarted("item_1", 0)) | {"event_id": "e"}
    valid(good)
    for bad in (
        {**good, "audio_start_ms": 0.5},
        {**good, "audio_start": 0},
        {**good, "type": "input_audio_buffer.speech_begun"},
        {name: value for name, value in good.items() if name != "item_id"},
    ):
        with pytest.raises((ValueError, AssertionError)):
            valid(bad)
