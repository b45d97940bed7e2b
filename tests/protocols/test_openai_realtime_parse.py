"""What a client of `/v1/realtime` says, read event by event."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable
from typing import Any, get_args

import pytest
from openai.types.realtime import RealtimeClientEvent
from pydantic import TypeAdapter

from streamkit.errors import ProtocolError
from streamkit.latency.clock import ClockReport
from streamkit.llm.chat_model import NamedTool, Tool
from streamkit.protocols.openai_realtime import (
    EVENTS,
    AppendAudio,
    ClientEvent,
    EventError,
    NewItem,
    SessionConfig,
    SessionUpdate,
    check_whole_samples,
    parse,
)
from streamkit.protocols.openai_realtime.audio_formats import MAX_AUDIO_BYTES
from streamkit.protocols.openai_realtime.client_events import MAX_DEPTH, MAX_PLAYED
from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    PlaybackReported,
    ResponseOverrides,
    RetrieveItem,
    TruncateItem,
)
from streamkit.session.items import Content, FunctionCall, FunctionOutput, Message

SOUND = b"\x01\x02\x03\x04"
SOUND64 = base64.b64encode(SOUND).decode()

TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "What the weather is like.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def counted() -> Callable[[str], str]:
    """Ids like item_1, call_2."""
    numbers = itertools.count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


def read(event: dict[str, Any], config: SessionConfig | None = None) -> ClientEvent:
    return parse(json.dumps(event), counted(), config)


def refused(event: dict[str, Any] | str, config: SessionConfig | None = None) -> EventError:
    """The error for an event; it is a ProtocolError that says more."""
    text = event if isinstance(event, str) else json.dumps(event)
    with pytest.raises(EventError) as caught:
        parse(text, counted(), config)
    error = caught.value
    assert isinstance(error, ProtocolError)
    assert error.type == "invalid_request_error"
    assert str(error)
    assert len(str(error)) < 600
    return error


def user(*content: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": list(content), **members}


def create(item: Any, **members: Any) -> dict[str, Any]:
    return {"type": "conversation.item.create", "item": item, **members}


def respond(**response: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": response}


HELLO = {"type": "input_text", "text": "Hello"}
HELLO_ITEM = Message("item_1", "user", (Content("input_text", "Hello"),))

ALL = ResponseOverrides(
    modalities=("text",),
    instructions="Be brief.",
    tools=(Tool("get_weather", TOOL["description"], TOOL["parameters"]),),  # type: ignore[arg-type]
    tool_choice=NamedTool("get_weather"),
    parallel_tool_calls=False,
    max_output_tokens=17,
    voice="alloy",
    in_conversation=False,
    input=(HELLO_ITEM,),
    metadata={"topic": "weather"},
)

GOOD: list[tuple[dict[str, Any], ClientEvent]] = [
    (
        {"type": "session.update", "session": {"type": "realtime", "instructions": "Sing."}},
        SessionUpdate(None, {"type": "realtime", "instructions": "Sing."}),
    ),
    ({"type": "input_audio_buffer.append", "audio": SOUND64}, AppendAudio(None, SOUND)),
    (
        {
            "type": "input_audio_buffer.append",
            "event_id": "e-1",
            "audio": "",
            "streamkit": {
                "captured_at": 1_700_000_000.25,
                "played": {"item_id": "item_7", "audio_end_ms": 1234.5},
            },
        },
        AppendAudio("e-1", b"", 1_700_000_000.25, (PlaybackReported("item_7", 0, 1234.5, False),)),
    ),
    (
        {
            "type": "input_audio_buffer.append",
            "audio": SOUND64,
            "streamkit": {
                "played": [
                    {"item_id": "a", "content_index": 1, "audio_end_ms": 0, "ended": True},
                    {"item_id": "b", "content_index": 0, "audio_end_ms": 20, "ended": False},
                ]
            },
        },
        AppendAudio(
            None,
            SOUND,
            None,
            (PlaybackReported("a", 1, 0.0, True), PlaybackReported("b", 0, 20.0)),
        ),
    ),
    ({"type": "input_audio_buffer.append", "audio": "", "streamkit": {}}, AppendAudio(None, b"")),
    (
        {
            "type": "input_audio_buffer.append",
            "audio": "",
            "streamkit": {"clock": {"sent_at": 1_700_000_000.25}},
        },
        AppendAudio(None, b"", clock=ClockReport(1_700_000_000.25)),
    ),
    (
        {
            "type": "input_audio_buffer.append",
            "audio": SOUND64,
            "streamkit": {
                "clock": {"sent_at": 7, "last": {"server_sent_at": 6.5, "received_at": 6.75}}
            },
        },
        AppendAudio(None, SOUND, clock=ClockReport(7.0, 6.5, 6.75)),
    ),
    ({"type": "input_audio_buffer.commit", "event_id": "e-2"}, CommitAudio("e-2")),
    ({"type": "input_audio_buffer.clear"}, ClearAudio(None)),
    (create(user(HELLO)), NewItem(CreateItem(None, HELLO_ITEM, None, (False,)), {})),
    (
        create(user(HELLO, id="mine", status="incomplete"), previous_item_id="root"),
        NewItem(
            CreateItem(
                None, Message("mine", "user", (Content("input_text", "Hello"),)), "root", (False,)
            ),
            {},
        ),
    ),
    (
        create(
            user(
                HELLO,
                {"type": "input_audio", "audio": SOUND64},
                {"type": "input_audio", "audio": SOUND64, "transcript": "Known."},
                {"type": "input_audio", "transcript": "Only known."},
                {"type": "input_audio", "audio": SOUND64, "transcript": None},
            ),
            previous_item_id="item_0",
            event_id="e-3",
        ),
        NewItem(
            CreateItem(
                "e-3",
                Message(
                    "item_1",
                    "user",
                    (
                        Content("input_text", "Hello"),
                        Content("input_audio", None),
                        Content("input_audio", "Known."),
                        Content("input_audio", "Only known."),
                        Content("input_audio", None),
                    ),
                ),
                "item_0",
                (False, True, False, False, True),
            ),
            {1: SOUND, 4: SOUND},
        ),
    ),
    (
        create({"type": "message", "role": "system", "content": [HELLO]}),
        NewItem(
            CreateItem(
                None, Message("item_1", "system", (Content("input_text", "Hello"),)), None, (False,)
            ),
            {},
        ),
    ),
    (
        create(
            {
                "type": "message",
                "role": "assistant",
                "object": "realtime.item",
                "content": [
                    {"type": "output_text", "text": "Hi"},
                    {"type": "output_audio", "transcript": "there", "audio": SOUND64},
                    {"type": "output_audio"},
                ],
            }
        ),
        NewItem(
            CreateItem(
                None,
                Message(
                    "item_1",
                    "assistant",
                    (
                        Content("output_text", "Hi"),
                        Content("output_audio", "there"),
                        Content("output_audio", ""),
                    ),
                ),
                None,
                (False, False, False),
            ),
            {},
        ),
    ),
    (
        create({"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"}),
        NewItem(CreateItem(None, FunctionCall("item_1", "c", "f", "{}")), {}),
    ),
    (
        create({"type": "function_call", "name": "f", "arguments": "not json"}),
        NewItem(CreateItem(None, FunctionCall("item_2", "call_1", "f", "not json")), {}),
    ),
    (
        create({"type": "function_call_output", "call_id": "c", "output": ""}),
        NewItem(CreateItem(None, FunctionOutput("item_1", "c", "")), {}),
    ),
    ({"type": "conversation.item.retrieve", "item_id": "x"}, RetrieveItem(None, "x")),
    ({"type": "conversation.item.delete", "item_id": "x", "event_id": "e"}, DeleteItem("e", "x")),
    (
        {
            "type": "conversation.item.truncate",
            "item_id": "x",
            "content_index": 0,
            "audio_end_ms": 1500,
        },
        TruncateItem(None, "x", 0, 1500),
    ),
    ({"type": "response.create"}, CreateResponse(None)),
    (respond(), CreateResponse(None)),
    (
        respond(
            output_modalities=["text"],
            instructions="Be brief.",
            tools=[TOOL],
            tool_choice={"type": "function", "name": "get_weather"},
            parallel_tool_calls=False,
            max_output_tokens=17,
            audio={"output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}}},
            conversation="none",
            input=[user(HELLO)],
            metadata={"topic": "weather"},
            prompt={
                "id": "pmpt_1",
                "version": "2",
                "variables": {"name": "Ada", "place": {"type": "input_text", "text": "Rome"}},
            },
            reasoning={"effort": "low"},
        ),
        CreateResponse(None, ALL),
    ),
    (
        respond(max_output_tokens="inf", conversation="auto", input=[], tools=[], metadata={}),
        CreateResponse(
            None, ResponseOverrides(unlimited_tokens=True, input=(), tools=(), metadata={})
        ),
    ),
    (
        respond(audio={"output": {"voice": {"id": "voice_1"}}}, tool_choice="required"),
        CreateResponse(None, ResponseOverrides(voice="voice_1", tool_choice="required")),
    ),
    ({"type": "response.cancel"}, CancelResponse(None)),
    ({"type": "response.cancel", "response_id": "r", "event_id": "e"}, CancelResponse("e", "r")),
]


@pytest.mark.parametrize(
    ("event", "meant"), GOOD, ids=[f"{i}-{event['type']}" for i, (event, _) in enumerate(GOOD)]
)
def test_events_are_read(event: dict[str, Any], meant: ClientEvent) -> None:
    TypeAdapter(RealtimeClientEvent).validate_python(event, strict=True)
    assert read(event) == meant
    assert parse(json.dumps(event, indent=2, ensure_ascii=False), counted()) == meant


def test_every_event_and_every_command_is_covered_here() -> None:
    assert {event["type"] for event, _ in GOOD} == set(EVENTS)
    meant = {type(event.command if isinstance(event, NewItem) else event) for _, event in GOOD}
    # Options come by a patch, reports of playback ride on the sound.
    assert set(get_args(Command)) - meant == {Configure, PlaybackReported}


def test_every_event_of_theirs_is_known_but_for_that_of_webrtc() -> None:
    classes = get_args(get_args(RealtimeClientEvent)[0])
    theirs = {get_args(one.model_fields["type"].annotation)[0] for one in classes}
    assert theirs - {"output_audio_buffer.clear"} == set(EVENTS)


def test_null_is_as_good_as_absent() -> None:
    nothing = dict.fromkeys(
        ("instructions", "tools", "tool_choice", "input", "metadata", "conversation", "audio")
    )
    assert read(respond(**nothing)) == CreateResponse(None)
    assert read({"type": "response.create", "response": None}) == CreateResponse(None)
    assert read({"type": "response.cancel", "response_id": None, "event_id": None}) == (
        CancelResponse(None)
    )
    appended = read(create(user(HELLO, id=None, status=None), previous_item_id=None))
    assert isinstance(appended, NewItem)
    assert appended.command.after is None
    assert appended.command.item.id == "item_1"


def test_items_of_a_response_and_references() -> None:
    event = read(
        respond(
            input=[
                {"type": "item_reference", "id": "item_9"},
                user({"type": "input_audio", "transcript": "Well?", "audio": SOUND64}, id="own"),
                {"type": "function_call_output", "call_id": "c", "output": "ok"},
            ]
        )
    )
    assert isinstance(event, CreateResponse)
    assert event.overrides.input == (
        "item_9",
        Message("own", "user", (Content("input_audio", "Well?"),)),
        FunctionOutput("item_1", "c", "ok"),
    )


def test_whole_numbers_may_have_a_fraction_of_0() -> None:
    event = read(
        {
            "type": "conversation.item.truncate",
            "item_id": "x",
            "content_index": 0.0,
            "audio_end_ms": 20.0,
        }
    )
    assert event == TruncateItem(None, "x", 0, 20)
    assert isinstance(event, TruncateItem)
    assert type(event.audio_end_ms) is int


def deep(levels: int) -> dict[str, Any]:
    """An event with so many objects inside each other."""
    nested: dict[str, Any] = {}
    for _ in range(levels - 3):
        nested = {"properties": nested}
    return {"type": "session.update", "session": {"x": nested}}


APPEND = {"type": "input_audio_buffer.append", "audio": SOUND64}
TRUNCATE = {
    "type": "conversation.item.truncate",
    "item_id": "x",
    "content_index": 0,
    "audio_end_ms": 1,
}
CALL = {"type": "function_call", "name": "f", "arguments": "{}"}
TYPE, VALUE, MISSING = "invalid_type", "invalid_value", "missing_required_parameter"
UNKNOWN, JSON = "unknown_parameter", "invalid_json"
LONG, MANY = "string_above_max_length", "array_above_max_length"
BELOW, ABOVE = "integer_below_min_value", "integer_above_max_value"

BAD: list[tuple[dict[str, Any] | str, str, str | None]] = [
    ("", JSON, None),
    ("hello", JSON, None),
    ("[]", JSON, None),
    ('"response.create"', JSON, None),
    ("null", JSON, None),
    ("42", JSON, None),
    ('{"type":"response.create"', JSON, None),
    ('{"type":"session.update","session":{"audio":NaN}}', JSON, None),
    ('{"type":"session.update","session":{"audio":-Infinity}}', JSON, None),
    ('{"type":"session.update","session":{"audio":1e999}}', JSON, None),
    ('{"type":"session.update","session":{"instructions":"\\ud83d"}}', JSON, None),
    ('{"type":"session.update","session":{"\\udc00":1}}', JSON, None),
    ("[" * 100_000, JSON, None),
    ("1" * 10_000, JSON, None),
    (deep(MAX_DEPTH + 1), VALUE, None),
    ({}, MISSING, "type"),
    ({"type": None}, MISSING, "type"),
    ({"type": 7}, TYPE, "type"),
    ({"type": "nope"}, VALUE, "type"),
    ({"type": "Response.create"}, VALUE, "type"),
    ({"type": "transcription_session.update"}, VALUE, "type"),
    ({"type": "output_audio_buffer.clear"}, VALUE, "type"),
    ({"type": "response.cancel", "event_id": 7}, TYPE, "event_id"),
    ({"type": "response.cancel", "event_id": "e" * 513}, LONG, "event_id"),
    ({"type": "response.cancel", "response_id": 7}, TYPE, "response_id"),
    ({"type": "response.cancel", "response_id": ""}, VALUE, "response_id"),
    ({"type": "response.cancel", "response": "r"}, UNKNOWN, "response"),
    ({"type": "input_audio_buffer.commit", "item_id": "x"}, UNKNOWN, "item_id"),
    ({"type": "input_audio_buffer.clear", "streamkit": {}}, UNKNOWN, "streamkit"),
    ({"type": "session.update"}, MISSING, "session"),
    ({"type": "session.update", "session": []}, TYPE, "session"),
    ({"type": "input_audio_buffer.append"}, MISSING, "audio"),
    ({**APPEND, "audio": None}, MISSING, "audio"),
    ({**APPEND, "audio": [1]}, TYPE, "audio"),
    ({**APPEND, "audio": ""}, VALUE, "audio"),
    ({**APPEND, "audio": "", "streamkit": None}, VALUE, "audio"),
    ({**APPEND, "audio": "AAA"}, VALUE, "audio"),
    ({**APPEND, "audio": "AA=="[:3]}, VALUE, "audio"),
    ({**APPEND, "audio": "A-_A"}, VALUE, "audio"),
    ({**APPEND, "audio": "AAAA\n"}, VALUE, "audio"),
    ({**APPEND, "audio": "ÄÄÄÄ"}, VALUE, "audio"),
    ({**APPEND, "streamkit": 7}, TYPE, "streamkit"),
    ({**APPEND, "streamkit": {"captured": 7}}, UNKNOWN, "streamkit.captured"),
    ({**APPEND, "streamkit": {"captured_at": "now"}}, TYPE, "streamkit.captured_at"),
    ({**APPEND, "streamkit": {"captured_at": True}}, TYPE, "streamkit.captured_at"),
    (
        {**APPEND, "streamkit": {"captured_at": -1}},
        "decimal_below_min_value",
        "streamkit.captured_at",
    ),
    (
        {**APPEND, "streamkit": {"captured_at": 1e12}},
        "decimal_above_max_value",
        "streamkit.captured_at",
    ),
    ({**APPEND, "streamkit": {"clock": 5}}, TYPE, "streamkit.clock"),
    ({**APPEND, "streamkit": {"clock": {}}}, MISSING, "streamkit.clock.sent_at"),
    ({**APPEND, "streamkit": {"clock": {"sent_at": "5"}}}, TYPE, "streamkit.clock.sent_at"),
    ({**APPEND, "streamkit": {"clock": {"sent_at": True}}}, TYPE, "streamkit.clock.sent_at"),
    (
        {**APPEND, "streamkit": {"clock": {"sent_at": -1}}},
        "decimal_below_min_value",
        "streamkit.clock.sent_at",
    ),
    ({**APPEND, "streamkit": {"clock": {"sent_at": 5, "at": 6}}}, UNKNOWN, "streamkit.clock.at"),
    ({**APPEND, "streamkit": {"clock": {"sent_at": 5, "last": 6}}}, TYPE, "streamkit.clock.last"),
    (
        {**APPEND, "streamkit": {"clock": {"sent_at": 5, "last": {"server_sent_at": 4}}}},
        MISSING,
        "streamkit.clock.last.received_at",
    ),
    ({**APPEND, "streamkit": {"played": "x"}}, TYPE, "streamkit.played"),
    ({**APPEND, "streamkit": {"played": {}}}, MISSING, "streamkit.played.item_id"),
    (
        {**APPEND, "streamkit": {"played": [{"item_id": "x"}]}},
        MISSING,
        "streamkit.played[0].audio_end_ms",
    ),
    (
        {**APPEND, "streamkit": {"played": [{"item_id": "x", "audio_end_ms": 1, "ended": 1}]}},
        TYPE,
        "streamkit.played[0].ended",
    ),
    (
        {
            **APPEND,
            "streamkit": {"played": [{"item_id": "x", "audio_end_ms": 1}] * (MAX_PLAYED + 1)},
        },
        MANY,
        "streamkit.played",
    ),
    ({"type": "conversation.item.create"}, MISSING, "item"),
    (create([]), TYPE, "item"),
    (create({}), MISSING, "item.type"),
    (create({"type": 7}), TYPE, "item.type"),
    (create({"type": "item_reference", "id": "x"}), VALUE, "item.type"),
    (create({"type": "mcp_approval_response"}), VALUE, "item.type"),
    (create(user(HELLO), after="x"), UNKNOWN, "after"),
    (create(user(HELLO), previous_item_id=""), VALUE, "previous_item_id"),
    (create(user(HELLO), previous_item_id=7), TYPE, "previous_item_id"),
    (create(user(HELLO, id="root")), VALUE, "item.id"),
    (create(user(HELLO, id="")), VALUE, "item.id"),
    (create(user(HELLO, id="x" * 65)), LONG, "item.id"),
    (create(user(HELLO, id=7)), TYPE, "item.id"),
    (create(user(HELLO, status="done")), VALUE, "item.status"),
    (create(user(HELLO, object="item")), VALUE, "item.object"),
    (create(user(HELLO, name="f")), UNKNOWN, "item.name"),
    (create({"type": "message", "content": [HELLO]}), MISSING, "item.role"),
    (create({"type": "message", "role": "tool", "content": [HELLO]}), VALUE, "item.role"),
    (create({"type": "message", "role": "user"}), MISSING, "item.content"),
    (create({"type": "message", "role": "user", "content": "Hello"}), TYPE, "item.content"),
    (create(user()), VALUE, "item.content"),
    (create(user(*[HELLO] * 257)), MANY, "item.content"),
    (create({"type": "message", "role": "user", "content": [7]}), TYPE, "item.content[0]"),
    (create(user({"text": "Hello"})), MISSING, "item.content[0].type"),
    (create(user({"type": "text", "text": "Hello"})), VALUE, "item.content[0].type"),
    (create(user({"type": "output_text", "text": "Hello"})), VALUE, "item.content[0].type"),
    (
        create(user({"type": "input_image", "image_url": "data:image/png;base64,AA=="})),
        VALUE,
        "item.content[0].type",
    ),
    (
        create({"type": "message", "role": "assistant", "content": [HELLO]}),
        VALUE,
        "item.content[0].type",
    ),
    (
        create(
            {
                "type": "message",
                "role": "system",
                "content": [{"type": "input_audio", "transcript": "x"}],
            }
        ),
        VALUE,
        "item.content[0].type",
    ),
    (create(user(HELLO, {"type": "input_text"})), MISSING, "item.content[1].text"),
    (create(user({"type": "input_text", "text": 7})), TYPE, "item.content[0].text"),
    (create(user({**HELLO, "transcript": "x"})), UNKNOWN, "item.content[0].transcript"),
    (create(user({"type": "input_audio"})), MISSING, "item.content[0].audio"),
    (create(user({"type": "input_audio", "audio": ""})), VALUE, "item.content[0].audio"),
    (create(user({"type": "input_audio", "audio": "?"})), VALUE, "item.content[0].audio"),
    (
        create(user({"type": "input_audio", "audio": SOUND64, "transcript": 7})),
        TYPE,
        "item.content[0].transcript",
    ),
    (
        create(
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_audio", "audio": "?"}],
            }
        ),
        VALUE,
        "item.content[0].audio",
    ),
    (create({**CALL, "name": None}), MISSING, "item.name"),
    (create({**CALL, "name": "get weather"}), VALUE, "item.name"),
    (create({**CALL, "name": "f" * 65}), VALUE, "item.name"),
    (create({**CALL, "arguments": {}}), TYPE, "item.arguments"),
    (create({**CALL, "call_id": ""}), VALUE, "item.call_id"),
    (create({**CALL, "output": "x"}), UNKNOWN, "item.output"),
    (create({"type": "function_call_output", "output": "x"}), MISSING, "item.call_id"),
    (create({"type": "function_call_output", "call_id": "c"}), MISSING, "item.output"),
    (create({"type": "function_call_output", "call_id": "c", "output": {}}), TYPE, "item.output"),
    ({"type": "conversation.item.retrieve"}, MISSING, "item_id"),
    ({"type": "conversation.item.delete", "item_id": ["x"]}, TYPE, "item_id"),
    ({**TRUNCATE, "item_id": None}, MISSING, "item_id"),
    ({**TRUNCATE, "content_index": -1}, BELOW, "content_index"),
    ({**TRUNCATE, "content_index": "0"}, TYPE, "content_index"),
    ({**TRUNCATE, "audio_end_ms": 0.5}, TYPE, "audio_end_ms"),
    ({**TRUNCATE, "audio_end_ms": -1}, BELOW, "audio_end_ms"),
    ({**TRUNCATE, "audio_end_ms": 10**300}, ABOVE, "audio_end_ms"),
    ({**TRUNCATE, "audio_end_ms": True}, TYPE, "audio_end_ms"),
    ({"type": "response.create", "response": []}, TYPE, "response"),
    (respond(modalities=["text"]), UNKNOWN, "response.modalities"),
    (respond(temperature=0.5), UNKNOWN, "response.temperature"),
    (respond(output_modalities=["audio", "text"]), VALUE, "response.output_modalities"),
    (respond(output_modalities=[]), VALUE, "response.output_modalities"),
    (respond(output_modalities=["video"]), VALUE, "response.output_modalities[0]"),
    (respond(output_modalities="audio"), TYPE, "response.output_modalities"),
    (respond(instructions=7), TYPE, "response.instructions"),
    (respond(parallel_tool_calls="yes"), TYPE, "response.parallel_tool_calls"),
    (respond(max_output_tokens=0), BELOW, "response.max_output_tokens"),
    (respond(max_output_tokens=4097), ABOVE, "response.max_output_tokens"),
    (respond(max_output_tokens="many"), VALUE, "response.max_output_tokens"),
    (respond(max_output_tokens=[]), TYPE, "response.max_output_tokens"),
    (respond(conversation="conv_1"), VALUE, "response.conversation"),
    (respond(audio={"input": {}}), UNKNOWN, "response.audio.input"),
    (respond(audio=[]), TYPE, "response.audio"),
    (respond(audio={"output": {"speed": 1}}), UNKNOWN, "response.audio.output.speed"),
    (respond(audio={"output": {"voice": ""}}), VALUE, "response.audio.output.voice"),
    (respond(audio={"output": {"voice": {}}}), MISSING, "response.audio.output.voice.id"),
    (
        respond(audio={"output": {"format": {"type": "audio/mp3"}}}),
        VALUE,
        "response.audio.output.format.type",
    ),
    (respond(tools={}), TYPE, "response.tools"),
    (respond(tools=[TOOL] * 2), VALUE, "response.tools[1].name"),
    (respond(tools=[TOOL] * 129), MANY, "response.tools"),
    (respond(tools=[{"type": "function"}]), MISSING, "response.tools[0].name"),
    (respond(tools=[{**TOOL, "strict": True}]), UNKNOWN, "response.tools[0].strict"),
    (respond(tools=[{**TOOL, "parameters": "{}"}]), TYPE, "response.tools[0].parameters"),
    (respond(tools=[{**TOOL, "type": "web_search"}]), VALUE, "response.tools[0].type"),
    (
        respond(tools=[{"type": "mcp", "server_label": "x", "server_url": "http://x"}]),
        VALUE,
        "response.tools[0].type",
    ),
    (respond(tool_choice="maybe"), VALUE, "response.tool_choice"),
    (respond(tool_choice=7), TYPE, "response.tool_choice"),
    (respond(tool_choice={"name": "f"}), MISSING, "response.tool_choice.type"),
    (respond(tool_choice={"type": "function"}), MISSING, "response.tool_choice.name"),
    (
        respond(tool_choice={"type": "mcp", "server_label": "x"}),
        VALUE,
        "response.tool_choice.type",
    ),
    (respond(input="Hello"), TYPE, "response.input"),
    (respond(input=["Hello"]), TYPE, "response.input[0]"),
    (respond(input=[user(HELLO), {"type": "item_reference"}]), MISSING, "response.input[1].id"),
    (respond(input=[user({"type": "input_text"})]), MISSING, "response.input[0].content[0].text"),
    (
        respond(input=[user(HELLO, {"type": "input_audio", "audio": SOUND64})]),
        VALUE,
        "response.input[0].content[1].audio",
    ),
    (respond(metadata=[]), TYPE, "response.metadata"),
    (respond(metadata={"a": 1}), TYPE, "response.metadata.a"),
    (respond(metadata={"a": "x" * 513}), LONG, "response.metadata.a"),
    (respond(metadata={"a" * 65: "x"}), LONG, "response.metadata"),
    (
        respond(metadata={str(i): "x" for i in range(17)}),
        "object_above_max_properties",
        "response.metadata",
    ),
    (respond(prompt={"version": "1"}), MISSING, "response.prompt.id"),
    (
        respond(prompt={"id": "p", "variables": {"a": 1}}),
        TYPE,
        "response.prompt.variables.a",
    ),
    (respond(prompt={"id": "p", "variables": {"a" * 65: "x"}}), LONG, "response.prompt.variables"),
    (
        respond(prompt={"id": "p", "variables": {"a": {"type": "input_image"}}}),
        VALUE,
        "response.prompt.variables.a.type",
    ),
    (respond(reasoning={"effort": "extreme"}), VALUE, "response.reasoning.effort"),
]


@pytest.mark.parametrize(
    ("event", "code", "param"), BAD, ids=[f"{i}-{param}" for i, (_, _, param) in enumerate(BAD)]
)
def test_what_is_wrong_is_said(event: dict[str, Any] | str, code: str, param: str | None) -> None:
    error = refused(event)
    assert (error.code, error.param) == (code, param)


def test_an_error_names_the_event() -> None:
    assert refused({"type": "nope", "event_id": "e-1"}).event_id == "e-1"
    assert refused(create({}, event_id="e-2")).event_id == "e-2"
    assert refused({"type": "nope"}).event_id is None
    assert refused({"type": "nope", "event_id": ["e"]}).event_id is None


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"type": "nope"}, ["'nope'", "response.create"]),
        ({"type": "output_audio_buffer.clear"}, ["WebRTC"]),
        (respond(output_modalities=["audio", "text"]), ['["audio"]', "transcript"]),
        (respond(modalities=["text"]), ["output_modalities"]),
        (respond(voice="alloy"), ["audio.output.voice"]),
        (create(user({"type": "input_image"})), ["image", "input_text"]),
        (respond(tools=[{"type": "mcp"}]), ["mcp", "function"]),
        (respond(input=[user({"type": "input_audio", "audio": SOUND64})]), ["item_reference"]),
        ({**APPEND, "audio": "?"}, ["base64"]),
    ],
)
def test_an_error_says_what_to_do(event: dict[str, Any], words: list[str]) -> None:
    message = str(refused(event))
    assert [word for word in words if word not in message] == []


def test_an_error_gives_back_little_of_what_was_sent() -> None:
    error = refused({"type": "x" * 100_000})
    assert "x" * 100 not in str(error)
    assert refused({"type": "response.cancel", "y" * 100_000: 1}).code == UNKNOWN
    assert "\n" not in str(refused({"type": "\n\x00"}))


def test_sound_in_one_event_is_bounded() -> None:
    most = base64.b64encode(bytes(MAX_AUDIO_BYTES)).decode()
    event = read({**APPEND, "audio": most})
    assert isinstance(event, AppendAudio)
    assert len(event.audio) == MAX_AUDIO_BYTES
    for more in (1, 3, 1000):
        over = base64.b64encode(bytes(MAX_AUDIO_BYTES + more)).decode()
        error = refused({**APPEND, "audio": over})
        assert (error.code, error.param) == (LONG, "audio")


def test_an_event_may_be_as_deep_as_that() -> None:
    event = deep(MAX_DEPTH)
    assert read(event) == SessionUpdate(None, event["session"])


def test_samples_are_not_cut_in_two() -> None:
    check_whole_samples(b"", "audio/pcm")
    check_whole_samples(b"1234", "audio/pcm")
    check_whole_samples(b"123", "audio/pcmu")
    check_whole_samples(b"123", "audio/pcma")
    with pytest.raises(EventError) as caught:
        check_whole_samples(b"123", "audio/pcm", "item.content[2].audio")
    assert (caught.value.code, caught.value.param) == (VALUE, "item.content[2].audio")


def voices(name: str) -> None:
    if name != "alloy":
        raise ValueError(f"there is no voice {name}; accepted: alloy")


def session(**patch: Any) -> SessionConfig:
    config = SessionConfig.start(
        kind="realtime",
        session_id="sess_1",
        model="m",
        default_voice="alloy",
        check_voice=voices,
    )
    return config.update(patch)


def test_a_response_is_compared_with_its_session() -> None:
    config = session(tools=[TOOL], audio={"output": {"format": {"type": "audio/pcmu"}}})
    event = respond(
        tool_choice={"type": "function", "name": "get_weather"},
        audio={"output": {"voice": "alloy", "format": {"type": "audio/pcmu"}}},
    )
    assert read(event, config) == CreateResponse(
        None, ResponseOverrides(tool_choice=NamedTool("get_weather"), voice="alloy")
    )
    for wrong, param in (
        ({"audio": {"output": {"voice": "nobody"}}}, "response.audio.output.voice"),
        (
            {"audio": {"output": {"format": {"type": "audio/pcm"}}}},
            "response.audio.output.format",
        ),
        ({"tool_choice": {"type": "function", "name": "x"}}, "response.tool_choice"),
        (
            {"tools": [], "tool_choice": {"type": "function", "name": "get_weather"}},
            "response.tool_choice",
        ),
    ):
        error = refused(respond(**wrong), config)
        assert (error.code, error.param) == (VALUE, param)
    assert "accepted: alloy" in str(refused(respond(audio={"output": {"voice": "x"}}), config))
