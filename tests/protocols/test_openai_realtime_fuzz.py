"""Whatever a client sends, it is understood or refused; whatever is told, is valid."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.realtime import RealtimeClientEventParam

from streamkit.asr.recognizer import Word
from streamkit.llm.chat_model import Usage
from streamkit.protocols.openai_realtime import (
    ClientEvent,
    Encoder,
    EventError,
    NewItem,
    SessionConfig,
    SessionUpdate,
    parse,
)
from streamkit.session import conversation_effects as effects
from streamkit.session.commands import Command
from streamkit.session.items import Content, FunctionCall, FunctionOutput, Item, Message

ANY_TEXT = st.text(st.characters(), max_size=20)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANY_TEXT
    | st.sampled_from(
        ["", "root", "AAAA", "audio/pcm", "server_vad", "inf", "function", 0, -1, 1e99]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)

TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
SESSION: dict[str, Any] = {
    "type": "realtime",
    "id": "sess_1",
    "model": "m",
    "instructions": "Sing.",
    "output_modalities": ["text"],
    "tools": [TOOL, {"name": "g"}],
    "tool_choice": {"type": "function", "name": "f"},
    "parallel_tool_calls": False,
    "max_output_tokens": 100,
    "tracing": {"workflow_name": "w", "metadata": {"a": 1}},
    "truncation": {
        "type": "retention_ratio",
        "retention_ratio": 0.5,
        "token_limits": {"post_instructions": 1},
    },
    "prompt": {"id": "p", "variables": {"name": "Ada"}},
    "reasoning": {"effort": "low"},
    "include": ["item.input_audio_transcription.logprobs"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "x", "language": "de", "keywords": ["k"], "delay": "low"},
            "noise_reduction": {"type": "near_field", "strength": 1},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.4,
                "prefix_padding_ms": 1,
                "silence_duration_ms": 700,
                "idle_timeout_ms": 6000,
                "create_response": True,
                "interrupt_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcmu"}, "voice": {"id": "v"}, "speed": 1.5},
    },
    "streamkit": {"lead_ms": 200, "min_interruption_words": 3, "preemptive": False, "holds": True},
}
MESSAGE = {
    "type": "message",
    "id": "i",
    "role": "user",
    "status": "completed",
    "content": [
        {"type": "input_text", "text": "Hello"},
        {"type": "input_audio", "audio": "AAAA", "transcript": None},
    ],
}
EVENTS: list[dict[str, Any]] = [
    {"type": "session.update", "event_id": "e", "session": SESSION},
    {
        "type": "input_audio_buffer.append",
        "audio": "AAAA",
        "streamkit": {
            "captured_at": 1.5,
            "played": [{"item_id": "i", "content_index": 0, "audio_end_ms": 2, "ended": True}],
        },
    },
    {"type": "input_audio_buffer.commit"},
    {"type": "conversation.item.create", "previous_item_id": "root", "item": MESSAGE},
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
    },
    {
        "type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": "c", "output": "o"},
    },
    {
        "type": "conversation.item.truncate",
        "item_id": "i",
        "content_index": 0,
        "audio_end_ms": 10,
    },
    {
        "type": "response.create",
        "response": {
            "input": [MESSAGE, {"type": "item_reference", "id": "i"}],
            "metadata": {"a": "b"},
            "conversation": "none",
            "max_output_tokens": "inf",
            "tools": [TOOL],
            "tool_choice": "required",
            "audio": {"output": {"voice": "v"}},
        },
    },
    {"type": "response.cancel", "response_id": "r"},
]


def config(kind: Any = "realtime") -> SessionConfig:
    return SessionConfig.start(kind=kind, session_id="s", model="m", default_voice="v")


def counted() -> Callable[[str], str]:
    numbers = itertools.count(1)
    return lambda kind: f"{kind}_{next(numbers)}"


KNOWN = (SessionUpdate, NewItem, *get_args(ClientEvent), *get_args(Command))


def take(text: str) -> ClientEvent | EventError:
    """Read a text frame, and do what a server does with it."""
    try:
        event = parse(text, counted(), config())
    except EventError as error:
        assert error.code
        assert error.param is None or isinstance(error.param, str)
        # An error has to be told, and not to be longer than what it is about.
        message = Encoder(counted()).error(
            str(error), code=error.code, event_id=error.event_id, param=error.param
        )
        assert len(json.dumps(message, allow_nan=False).encode()) < 20_000
        return error
    assert isinstance(event, KNOWN)
    return event


@settings(deadline=None)
@given(ANY_TEXT)
def test_any_text(text: str) -> None:
    take(text)


@settings(deadline=None)
@given(JSON)
def test_any_json(value: Any) -> None:
    take(json.dumps(value))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in an event."""
    if path:
        yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places(member, (*path, name))
    elif isinstance(value, list):
        for index, element in enumerate(value):
            yield from places(element, (*path, index))


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """A good event with one or two things wrong, or changed, or missing."""
    event = copy.deepcopy(draw(st.sampled_from(EVENTS)))
    for _ in range(draw(st.integers(1, 2))):
        if not event:
            break
        *way, last = draw(st.sampled_from(list(places(event))))
        holder = event
        for step in way:
            holder = holder[step]
        match draw(st.sampled_from(["replace", "delete", "add", "swap"])):
            case "replace":
                holder[last] = draw(JSON)
            case "delete":
                del holder[last]
            case "add" if isinstance(holder, dict):
                holder[draw(ANY_TEXT)] = draw(JSON)
            case _:
                other = draw(st.sampled_from(EVENTS))
                holder[last] = copy.deepcopy(draw(st.sampled_from(list(other.values()))))
    return event


@settings(max_examples=400, deadline=None)
@given(damaged())
def test_damaged_events(event: dict[str, Any]) -> None:
    take(json.dumps(event))


def test_what_is_damaged_there_was_good() -> None:
    for event in EVENTS:
        # Sound without a transcript is only good in an item of the conversation.
        text = json.dumps(event).replace('"transcript": null', '"transcript": "x"')
        taken = take(text)
        assert not isinstance(taken, EventError), taken
        if isinstance(taken, SessionUpdate):
            assert config().update(taken.patch) != config()


def some(value: Any) -> list[Any]:
    """What stands for a list there may be any iterable; some are endless."""
    return list(itertools.islice(value, 3))


@settings(max_examples=300, deadline=None)
@given(st.from_type(RealtimeClientEventParam))
def test_whatever_their_types_allow(event: Any) -> None:
    """What their types let through may be refused here, but nothing else happens."""
    try:
        text = json.dumps(event, default=some)
    except (TypeError, ValueError, RecursionError):
        return
    taken = take(text)
    if isinstance(taken, SessionUpdate):
        patched(taken.patch)


def patched(patch: Any, kind: str = "realtime") -> SessionConfig | None:
    try:
        return config(kind).update(patch)
    except EventError as error:
        assert error.param is not None
        assert error.param.startswith("session")
        return None


@st.composite
def patches(draw: st.DrawFn) -> dict[str, Any]:
    """Parts of a good update, some of them null, at times one of them damaged."""
    patch = copy.deepcopy(SESSION)
    for path in draw(st.lists(st.sampled_from(list(places(patch))), max_size=12)):
        *way, last = path
        holder: Any = patch
        try:
            for step in way:
                holder = holder[step]
            if isinstance(holder, dict) and draw(st.booleans()):
                del holder[last]
            else:
                holder[last] = draw(st.none() | JSON) if draw(st.integers(0, 3)) == 0 else None
        except (LookupError, TypeError):
            continue
    return patch


@settings(max_examples=400, deadline=None)
@given(patches(), st.sampled_from(["realtime", "transcription"]))
def test_an_update_is_taken_whole_or_not_at_all(
    valid: Any, patch: dict[str, Any], kind: str
) -> None:
    if kind == "transcription":
        patch = {name: patch[name] for name in ("audio", "include", "streamkit") if name in patch}
        if isinstance(patch.get("audio"), dict):
            patch["audio"].pop("output", None)
    try:
        patch = json.loads(json.dumps(patch, allow_nan=False))
    except ValueError:
        return
    changed = patched(patch, kind)
    if changed is None:
        return
    assert changed.update(patch) == changed
    assert changed.update(changed.wire()) == changed
    assert changed.options.output_rate == changed.output_rate
    if "\\ud" not in json.dumps(changed.wire()):
        valid(Encoder(counted()).session_updated(changed))


TEXT = st.text(max_size=20)
IDENTIFIER = st.text("abc_-1", min_size=1, max_size=20)
NAME = st.from_regex("[a-zA-Z0-9_-]{1,64}", fullmatch=True)
CONTENT = {
    "system": ["input_text"],
    "user": ["input_text", "input_audio"],
    "assistant": ["output_text", "output_audio"],
}


@st.composite
def items(draw: st.DrawFn, known: bool = True) -> Item:
    identifier = draw(IDENTIFIER)
    status: Any = "completed" if known else draw(st.sampled_from(["in_progress", "incomplete"]))
    match draw(st.sampled_from(["message", "call", "output"])):
        case "call":
            return FunctionCall(identifier, draw(IDENTIFIER), draw(NAME), draw(TEXT), status)
        case "output":
            return FunctionOutput(identifier, draw(IDENTIFIER), draw(TEXT), status)
    role: Any = draw(st.sampled_from(sorted(CONTENT)))
    text = TEXT if known else TEXT | st.none()
    content = st.builds(Content, st.sampled_from(CONTENT[role]), text)
    parts = draw(st.lists(content, min_size=int(known), max_size=3))
    return Message(identifier, role, tuple(parts), status)


@settings(deadline=None)
@given(items(), IDENTIFIER)
def test_an_item_that_was_told_can_be_created_again(valid: Any, item: Item, after: str) -> None:
    """Agents do that when they change the history."""
    (told,) = Encoder(counted()).encode(effects.ItemRetrieved(item), config())
    valid(told)
    event = parse(
        json.dumps(
            {
                "type": "conversation.item.create",
                "item": told["item"],
                "previous_item_id": after,
            }
        ),
        counted(),
    )
    assert isinstance(event, NewItem)
    assert (event.command.item, event.command.after, event.sounds) == (item, after, {})


WORDS = st.lists(
    st.builds(
        Word,
        st.text(min_size=1, max_size=10),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.floats(0, 1),
        spaced=st.booleans(),
    ),
    max_size=4,
).map(tuple)
PLACES = st.builds(effects.Place, IDENTIFIER, IDENTIFIER, st.integers(0, 99), st.integers(0, 99))
RESPONSES = st.builds(
    effects.ResponseState,
    IDENTIFIER,
    st.sampled_from(get_args(effects.ResponseStatus)),
    st.sampled_from([("audio",), ("text",)]),
    st.lists(items(False), max_size=2).map(tuple),
    st.booleans(),
    st.none() | st.sampled_from(get_args(effects.StatusReason)),
    st.none() | TEXT,
    st.none() | TEXT,
    st.none() | NAME,
    st.none() | st.integers(1, 4096),
    st.none() | st.dictionaries(TEXT, TEXT, max_size=2),
    st.none() | st.builds(Usage, *[st.integers(0, 10**9)] * 3),
    st.floats(0, 1e6),
    st.dictionaries(NAME, st.floats(0, 1e6), max_size=2),
)
SAID = st.one_of(
    st.builds(effects.SpeechStarted, IDENTIFIER, st.integers(0, 10**12)),
    st.builds(effects.ItemAdded, items(False), st.none() | IDENTIFIER),
    st.builds(effects.OutputItemAdded, IDENTIFIER, st.integers(0, 99), items(False)),
    st.builds(effects.TranscriptionDelta, IDENTIFIER, st.just(0), TEXT, WORDS),
    st.builds(
        effects.TranscriptionCompleted,
        IDENTIFIER,
        st.just(0),
        TEXT,
        st.floats(0, 1e6),
        WORDS,
        st.none() | NAME,
    ),
    st.builds(effects.ResponseDone, RESPONSES),
    st.builds(effects.TextAdded, PLACES, TEXT),
    st.builds(effects.ArgumentsDone, PLACES, IDENTIFIER, NAME, TEXT),
    st.builds(
        effects.SendSound,
        PLACES,
        st.integers(0, 99),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.lists(st.tuples(st.integers(0, 10**9), TEXT), max_size=3).map(tuple),
    ),
    st.builds(effects.Rejected, st.none() | TEXT, NAME, TEXT, st.none() | TEXT),
)


@settings(max_examples=300, deadline=None)
@given(SAID, st.binary(min_size=1, max_size=50), st.booleans())
def test_whatever_is_told_is_valid(
    valid: Any, effect: effects.Said, sound: bytes, logprobs: bool
) -> None:
    include = ["item.input_audio_transcription.logprobs"] if logprobs else None
    for message in Encoder(counted()).encode(effect, config().update({"include": include}), sound):
        valid(message)


def test_the_judge_is_there(valid: Any) -> None:
    with pytest.raises(ValueError, match="event_id"):
        valid({"type": "input_audio_buffer.cleared"})
