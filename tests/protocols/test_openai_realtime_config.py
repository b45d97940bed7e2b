"""The configuration of a session: partial updates, defaults, and what is told of it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from openai.types.realtime import RealtimeSessionCreateRequest

from streamkit.errors import SynthesisError
from streamkit.llm.chat_model import NamedTool, Tool
from streamkit.protocols.openai_realtime import Encoder, EventError, SessionConfig
from streamkit.session.conversation_options import (
    ConversationOptions,
    Interruption,
    SemanticVad,
    ServerVad,
)

MODEL = "parrot"
TOOL = {
    "type": "function",
    "name": "get_weather",
    "description": "What the weather is like.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
LOGPROBS = "item.input_audio_transcription.logprobs"


def check_voice(name: str) -> None:
    if name not in ("alloy", "en-gb"):
        raise SynthesisError(f"there is no voice {name}; accepted: alloy, en-gb")


def check_language(code: str) -> None:
    if code not in ("en", "de"):
        raise ValueError(f"{code} is not among the languages of the model: de, en")


def start(kind: Any = "realtime", **more: Any) -> SessionConfig:
    return SessionConfig.start(
        kind=kind,
        session_id="sess_1",
        model=MODEL,
        default_voice="alloy",
        check_voice=check_voice,
        check_language=check_language,
        **more,
    )


def heard(**members: Any) -> dict[str, Any]:
    return {"audio": {"input": members}}


def spoken(**members: Any) -> dict[str, Any]:
    return {"audio": {"output": members}}


START = {
    "type": "realtime",
    "object": "realtime.session",
    "id": "sess_1",
    "model": MODEL,
    "instructions": "",
    "output_modalities": ["audio"],
    "tools": [],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "max_output_tokens": "inf",
    "tracing": None,
    "truncation": "auto",
    "prompt": None,
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": None,
            "noise_reduction": None,
            "turn_detection": {
                "type": "semantic_vad",
                "eagerness": "auto",
                "create_response": True,
                "interrupt_response": True,
            },
        },
        "output": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "voice": "alloy",
            "speed": 1.0,
        },
    },
    "include": None,
    "streamkit": {
        "lead_ms": round(ConversationOptions().lead * 1000),
        "min_interruption_ms": round(Interruption().min_seconds * 1000),
        "min_interruption_words": Interruption().min_words,
        "preemptive": ConversationOptions().preemptive,
        "holds": False,
        "without_effect": [],
    },
}

EVERYTHING: dict[str, Any] = {
    "type": "realtime",
    "model": "gpt-realtime",
    "instructions": "Be brief.",
    "output_modalities": ["text"],
    "tools": [TOOL],
    "tool_choice": {"type": "function", "name": "get_weather"},
    "parallel_tool_calls": False,
    "max_output_tokens": 100,
    "tracing": {"workflow_name": "w", "group_id": "g", "metadata": {"a": 1}},
    "truncation": {
        "type": "retention_ratio",
        "retention_ratio": 0.8,
        "token_limits": {"post_instructions": 5000},
    },
    "prompt": {"id": "pmpt_1", "version": "3", "variables": {"name": "Ada"}},
    "reasoning": {"effort": "low"},
    "audio": {
        "input": {
            "format": {"type": "audio/pcmu"},
            "transcription": {
                "model": "gpt-4o-transcribe",
                "language": "en-GB",
                "prompt": "Trains.",
                "keywords": ["Grunewald"],
                "languages": ["en", "de"],
                "delay": "low",
            },
            "noise_reduction": {"type": "near_field", "strength": 0.5},
            "turn_detection": {
                "type": "server_vad",
                "threshold": 0.7,
                "prefix_padding_ms": 200,
                "silence_duration_ms": 400,
                "idle_timeout_ms": 6000,
                "create_response": False,
                "interrupt_response": False,
            },
        },
        "output": {"format": {"type": "audio/pcma"}, "voice": "en-gb", "speed": 1.25},
    },
    "include": [LOGPROBS],
    "streamkit": {
        "lead_ms": 1000,
        "min_interruption_ms": 250,
        "min_interruption_words": 1,
        "preemptive": False,
        "holds": True,
    },
}


def test_a_conversation_begins_like_this() -> None:
    assert start().wire() == START
    assert start().options == ConversationOptions(transcription=False, voice="alloy")
    assert start(instructions="Sing.").wire() == {**START, "instructions": "Sing."}
    assert start(expires_at=1_700_003_600).wire() == {**START, "expires_at": 1_700_003_600}


def test_a_transcription_begins_like_this() -> None:
    config = start("transcription", transcription_model="micro")
    assert config.wire() == {
        "type": "transcription",
        "object": "realtime.transcription_session",
        "id": "sess_1",
        "audio": {
            "input": {
                **START["audio"]["input"],  # type: ignore[index]
                "transcription": {"model": "micro", "language": None, "prompt": None},
            }
        },
        "include": None,
        "streamkit": START["streamkit"],
    }
    assert config.options == ConversationOptions(kind="transcription", voice="alloy")


def test_everything_can_be_asked_for() -> None:
    RealtimeSessionCreateRequest.model_validate(EVERYTHING, strict=True)
    config = start().update(EVERYTHING)
    assert config.wire() == {
        **EVERYTHING,
        "object": "realtime.session",
        "id": "sess_1",
        # OpenAI keeps the model of the connection, too.
        "model": MODEL,
        "streamkit": {
            **EVERYTHING["streamkit"],
            "without_effect": [
                "audio.input.noise_reduction",
                "audio.input.transcription.delay",
                "audio.input.transcription.languages",
                "tracing",
                "truncation",
                "prompt",
                "reasoning",
            ],
        },
    }
    assert config.options == ConversationOptions(
        kind="realtime",
        turn_detection=ServerVad(0.7, 0.2, 0.4, 6.0, False, False),
        transcription=True,
        modalities=("text",),
        instructions="Be brief.",
        tools=(Tool("get_weather", TOOL["description"], TOOL["parameters"]),),  # type: ignore[arg-type]
        tool_choice=NamedTool("get_weather"),
        parallel_tool_calls=False,
        max_output_tokens=100,
        voice="en-gb",
        speed=1.25,
        language="en",
        output_rate=8000,
        lead=1.0,
        interruption=Interruption(0.25, 1, Interruption().resume_after),
        preemptive=False,
        holds=True,
    )
    assert (config.input_encoding, config.input_rate) == ("audio/pcmu", 8000)
    assert (config.output_encoding, config.output_rate) == ("audio/pcma", 8000)
    assert config.transcription_prompt == "Trains."
    assert config.transcription_keywords == ("Grunewald",)
    assert config.logprobs


def test_nothing_above_is_left_at_its_default() -> None:
    """So no field can be forgotten there without a test that fails."""
    changed, fresh = start().update(EVERYTHING).options, start().options
    same = {
        field.name
        for field in dataclasses.fields(ConversationOptions)
        if getattr(changed, field.name) == getattr(fresh, field.name)
    }
    assert same == {"kind"}


def test_what_is_told_can_be_sent_back() -> None:
    for config in (
        start(),
        start(expires_at=1),
        start("transcription"),
        start().update(EVERYTHING),
        start().update(heard(turn_detection=None)),
    ):
        assert config.update(config.wire()) == config


def test_absent_stays() -> None:
    config = start().update(EVERYTHING)
    assert config.update({}) == config
    assert config.update({"audio": {}, "streamkit": {}}) == config
    assert config.update({"audio": {"input": {}, "output": {}}}) == config
    assert config.update({"audio": None}) == config
    slower = config.update(spoken(speed=0.5))
    assert slower.output == dataclasses.replace(config.output, speed=0.5)
    assert dataclasses.replace(slower, output=config.output) == config
    assert config.update(heard(transcription={"language": "de"})).options.language == "de"
    assert config.update(heard(transcription={"language": "de"})).transcription_prompt == "Trains."
    reduced = config.update(heard(noise_reduction={"type": "far_field"})).wire()
    assert reduced["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}


def test_null_clears() -> None:
    config = start().update(EVERYTHING)
    cleared = config.update(
        {
            **dict.fromkeys(name for name in EVERYTHING if name not in ("type", "audio")),
            "audio": {
                side: dict.fromkeys(members) for side, members in EVERYTHING["audio"].items()
            },
            "streamkit": dict.fromkeys(EVERYTHING["streamkit"]),
        }
    )
    nothing: dict[str, Any] = {**START["audio"]["input"], "turn_detection": None}  # type: ignore[index]
    assert cleared.wire() == {**START, "audio": {**START["audio"], "input": nothing}}  # type: ignore[dict-item]
    assert cleared.options == ConversationOptions(
        transcription=False, turn_detection=None, voice="alloy"
    )


def test_an_empty_list_takes_the_tools_away() -> None:
    config = start().update({"tools": [TOOL]})
    assert config.update({"tools": []}).options.tools == ()
    assert config.update({"instructions": ""}).options.tools == config.options.tools


def test_turn_detection_of_another_type_is_replaced_whole() -> None:
    config = start().update(heard(turn_detection={"type": "server_vad", "threshold": 0.8}))
    assert config.options.turn_detection == ServerVad(threshold=0.8)
    config = config.update(heard(turn_detection={"create_response": False}))
    assert config.options.turn_detection == ServerVad(threshold=0.8, create_response=False)
    config = config.update(heard(turn_detection={"type": "server_vad", "threshold": None}))
    assert config.options.turn_detection == ServerVad(create_response=False)
    config = config.update(heard(turn_detection={"type": "semantic_vad"}))
    assert config.options.turn_detection == SemanticVad()
    config = config.update(heard(turn_detection={"eagerness": "high"}))
    assert config.options.turn_detection == SemanticVad("high")
    config = config.update(heard(turn_detection={"type": "server_vad"}))
    assert config.options.turn_detection == ServerVad()
    config = config.update(heard(turn_detection=None))
    assert config.options.turn_detection is None
    config = config.update(heard(turn_detection={"type": "server_vad"}))
    assert config.wire()["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }


def test_a_threshold_is_a_probability_between_0_and_1() -> None:
    for given, taken in ((0, 0.01), (1, 0.99), (0.3, 0.3)):
        config = start().update(heard(turn_detection={"type": "server_vad", "threshold": given}))
        assert config.wire()["audio"]["input"]["turn_detection"]["threshold"] == taken


def test_transcription_is_off_until_it_is_asked_for() -> None:
    config = start(transcription_model="micro")
    assert not config.options.transcription
    config = config.update(heard(transcription={}))
    assert config.options.transcription
    assert config.wire()["audio"]["input"]["transcription"] == {
        "model": "micro",
        "language": None,
        "prompt": None,
    }
    config = config.update(heard(transcription={"model": "anything", "language": "DE"}))
    assert config.wire()["audio"]["input"]["transcription"]["model"] == "anything"
    assert config.options.language == "de"
    config = config.update(heard(transcription=None))
    assert not config.options.transcription
    assert config.options.language is None
    assert (config.transcription_prompt, config.transcription_keywords) == ("", ())


def test_a_transcription_session_always_transcribes() -> None:
    config = start("transcription").update(heard(transcription={"model": "x", "language": "de"}))
    assert config.options.language == "de"
    config = config.update(heard(transcription=None))
    assert config == start("transcription")
    assert config.options.transcription


def test_a_voice_may_be_an_object() -> None:
    config = start().update(spoken(voice={"id": "en-gb"}))
    assert config.wire()["audio"]["output"]["voice"] == "en-gb"
    assert config.update(spoken(voice=None)).options.voice == "alloy"


def test_formats() -> None:
    config = start()
    for given, encoding in (
        ({"type": "audio/pcmu", "rate": 8000}, "audio/pcmu"),
        ({"type": "audio/pcma"}, "audio/pcma"),
        ({}, "audio/pcma"),
        ({"type": "audio/pcm"}, "audio/pcm"),
        ({"rate": 24000}, "audio/pcm"),
        ({"type": "audio/pcm", "rate": 24000.0}, "audio/pcm"),
        (None, "audio/pcm"),
    ):
        config = config.update(heard(format=given))
        assert config.input_encoding == encoding
        assert config.output_encoding == "audio/pcm"
    assert config.options.output_rate == 24000


# Everything as the agents SDKs send it: agents-js after connecting, agents-python too.
AGENTS_JS = {
    "type": "realtime",
    "instructions": "You are nice.",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "noise_reduction": None,
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "semantic_vad"},
        },
        "output": {"format": {"type": "audio/pcm", "rate": 24000}, "speed": 1},
    },
    "tools": [{**TOOL, "parameters": {**TOOL["parameters"], "additionalProperties": False}}],  # type: ignore[dict-item]
}
AGENTS_PYTHON = {
    "type": "realtime",
    "model": "gpt-realtime-2.1",
    "output_modalities": ["audio"],
    "audio": {
        "input": {
            "format": {"type": "audio/pcm", "rate": 24000},
            "transcription": {"model": "gpt-4o-mini-transcribe"},
            "turn_detection": {"type": "semantic_vad", "interrupt_response": True},
        },
        "output": {"voice": "alloy", "format": {"type": "audio/pcm", "rate": 24000}},
    },
    "tools": [],
    "instructions": None,
    "prompt": {"id": "p", "variables": None, "version": None},
}


@pytest.mark.parametrize("patch", [AGENTS_JS, AGENTS_PYTHON], ids=["js", "python"])
def test_the_agents_sdks_are_understood(patch: dict[str, Any]) -> None:
    config = start().update(patch).update({"type": "realtime", "tracing": "auto"})
    detection = config.wire()["audio"]["input"]["turn_detection"]
    assert detection["interrupt_response"] is True
    assert config.wire()["tracing"] == "auto"


BELOW, ABOVE = "integer_below_min_value", "integer_above_max_value"
TYPE, VALUE, UNKNOWN = "invalid_type", "invalid_value", "unknown_parameter"
MISSING, LONG = "missing_required_parameter", "string_above_max_length"

SERVER = {"type": "server_vad"}

BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"type": "transcription"}, VALUE, "type"),
    ({"type": "conversation"}, VALUE, "type"),
    ({"type": 7}, TYPE, "type"),
    ({"id": 7}, TYPE, "id"),
    ({"model": 7}, TYPE, "model"),
    ({"bogus_field": 1}, UNKNOWN, "bogus_field"),
    ({"voice": "alloy"}, UNKNOWN, "voice"),
    ({"temperature": 0.8}, UNKNOWN, "temperature"),
    ({"instructions": ["Sing."]}, TYPE, "instructions"),
    ({"output_modalities": ["audio", "text"]}, VALUE, "output_modalities"),
    ({"output_modalities": ["text", "audio"]}, VALUE, "output_modalities"),
    ({"output_modalities": []}, VALUE, "output_modalities"),
    ({"output_modalities": "text"}, TYPE, "output_modalities"),
    ({"tools": "all"}, TYPE, "tools"),
    ({"tools": [TOOL, TOOL]}, VALUE, "tools[1].name"),
    ({"tools": [{**TOOL, "meta": {}}]}, UNKNOWN, "tools[0].meta"),
    ({"tools": [TOOL, {"type": "mcp", "server_label": "x"}]}, VALUE, "tools[1].type"),
    ({"tools": [{**TOOL, "name": "a b"}]}, VALUE, "tools[0].name"),
    ({"tools": [{**TOOL, "description": 7}]}, TYPE, "tools[0].description"),
    ({"tool_choice": "function"}, VALUE, "tool_choice"),
    ({"tool_choice": {"type": "function", "name": "get_weather"}}, VALUE, "tool_choice"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "name": "x"}},
        VALUE,
        "tool_choice",
    ),
    ({"parallel_tool_calls": 1}, TYPE, "parallel_tool_calls"),
    ({"max_output_tokens": 0}, BELOW, "max_output_tokens"),
    ({"max_output_tokens": 5000}, ABOVE, "max_output_tokens"),
    ({"max_output_tokens": "infinite"}, VALUE, "max_output_tokens"),
    ({"tracing": "on"}, VALUE, "tracing"),
    ({"tracing": {"name": "w"}}, UNKNOWN, "tracing.name"),
    ({"tracing": {"group_id": 1}}, TYPE, "tracing.group_id"),
    ({"truncation": "never"}, VALUE, "truncation"),
    ({"truncation": {"type": "retention_ratio"}}, MISSING, "truncation.retention_ratio"),
    (
        {"truncation": {"type": "retention_ratio", "retention_ratio": 2}},
        "decimal_above_max_value",
        "truncation.retention_ratio",
    ),
    ({"prompt": "pmpt_1"}, TYPE, "prompt"),
    ({"prompt": {}}, MISSING, "prompt.id"),
    ({"reasoning": {"effort": 1}}, TYPE, "reasoning.effort"),
    ({"include": LOGPROBS}, TYPE, "include"),
    ({"include": ["everything"]}, VALUE, "include[0]"),
    ({"audio": 7}, TYPE, "audio"),
    ({"audio": []}, TYPE, "audio"),
    ({"audio": {"echo": {}}}, UNKNOWN, "audio.echo"),
    ({"audio": {"input": 0}}, TYPE, "audio.input"),
    (heard(rate=1), UNKNOWN, "audio.input.rate"),
    (heard(format="pcm16"), TYPE, "audio.input.format"),
    (heard(format={"type": "audio/wav"}), VALUE, "audio.input.format.type"),
    (heard(format={"type": "audio/pcm", "rate": 16000}), VALUE, "audio.input.format.rate"),
    (heard(format={"type": "audio/pcmu", "rate": 24000}), VALUE, "audio.input.format.rate"),
    (heard(format={"rate": 8000}), VALUE, "audio.input.format.rate"),
    (heard(format={"rate": "24000"}), TYPE, "audio.input.format.rate"),
    (heard(noise_reduction="near_field"), TYPE, "audio.input.noise_reduction"),
    (heard(noise_reduction={"type": "some"}), VALUE, "audio.input.noise_reduction.type"),
    (heard(transcription="whisper-1"), TYPE, "audio.input.transcription"),
    (heard(transcription={"model": ""}), VALUE, "audio.input.transcription.model"),
    (heard(transcription={"model": 1}), TYPE, "audio.input.transcription.model"),
    (heard(transcription={"enabled": True}), UNKNOWN, "audio.input.transcription.enabled"),
    (heard(transcription={"language": "english"}), VALUE, "audio.input.transcription.language"),
    (heard(transcription={"language": "fr"}), VALUE, "audio.input.transcription.language"),
    (heard(transcription={"language": ["de"]}), TYPE, "audio.input.transcription.language"),
    (heard(transcription={"prompt": "x" * 2001}), LONG, "audio.input.transcription.prompt"),
    (heard(transcription={"keywords": [""]}), VALUE, "audio.input.transcription.keywords[0]"),
    (heard(transcription={"languages": ["?"]}), VALUE, "audio.input.transcription.languages[0]"),
    (heard(transcription={"delay": "none"}), VALUE, "audio.input.transcription.delay"),
    (heard(turn_detection="server_vad"), TYPE, "audio.input.turn_detection"),
    (heard(turn_detection={"type": "none"}), VALUE, "audio.input.turn_detection.type"),
    (
        heard(turn_detection={**SERVER, "eagerness": "low"}),
        UNKNOWN,
        "audio.input.turn_detection.eagerness",
    ),
    (
        heard(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
        UNKNOWN,
        "audio.input.turn_detection.threshold",
    ),
    (heard(turn_detection={"threshold": 0.5}), UNKNOWN, "audio.input.turn_detection.threshold"),
    (
        heard(turn_detection={**SERVER, "threshold": 1.5}),
        "decimal_above_max_value",
        "audio.input.turn_detection.threshold",
    ),
    (
        heard(turn_detection={**SERVER, "silence_duration_ms": 99}),
        BELOW,
        "audio.input.turn_detection.silence_duration_ms",
    ),
    (
        heard(turn_detection={**SERVER, "prefix_padding_ms": -1}),
        BELOW,
        "audio.input.turn_detection.prefix_padding_ms",
    ),
    (
        heard(turn_detection={**SERVER, "idle_timeout_ms": 10**9}),
        ABOVE,
        "audio.input.turn_detection.idle_timeout_ms",
    ),
    (
        heard(turn_detection={"type": "semantic_vad", "eagerness": "keen"}),
        VALUE,
        "audio.input.turn_detection.eagerness",
    ),
    (
        heard(turn_detection={**SERVER, "create_response": "no"}),
        TYPE,
        "audio.input.turn_detection.create_response",
    ),
    (spoken(voice="nobody"), VALUE, "audio.output.voice"),
    (spoken(voice={"id": "nobody"}), VALUE, "audio.output.voice"),
    (spoken(voice={"name": "alloy"}), UNKNOWN, "audio.output.voice.name"),
    (spoken(voice=7), TYPE, "audio.output.voice"),
    (spoken(speed=0.2), "decimal_below_min_value", "audio.output.speed"),
    (spoken(speed=1.6), "decimal_above_max_value", "audio.output.speed"),
    (spoken(speed="fast"), TYPE, "audio.output.speed"),
    (spoken(speed=float("nan")), TYPE, "audio.output.speed"),
    (spoken(format={"type": "audio/opus"}), VALUE, "audio.output.format.type"),
    ({"streamkit": {"lead": 1}}, UNKNOWN, "streamkit.lead"),
    ({"streamkit": {"lead_ms": 0}}, BELOW, "streamkit.lead_ms"),
    ({"streamkit": {"lead_ms": "500"}}, TYPE, "streamkit.lead_ms"),
    ({"streamkit": {"min_interruption_ms": 10**6}}, ABOVE, "streamkit.min_interruption_ms"),
    ({"streamkit": {"min_interruption_words": 0}}, BELOW, "streamkit.min_interruption_words"),
    ({"streamkit": {"preemptive": "yes"}}, TYPE, "streamkit.preemptive"),
    ({"streamkit": {"holds": 1}}, TYPE, "streamkit.holds"),
]


@pytest.mark.parametrize(
    ("patch", "code", "param"), BAD, ids=[f"{i}-{param}" for i, (_, _, param) in enumerate(BAD)]
)
def test_what_is_wrong_is_said(patch: dict[str, Any], code: str, param: str) -> None:
    config = start()
    with pytest.raises(EventError) as caught:
        config.update(patch)
    assert (caught.value.code, caught.value.param) == (code, f"session.{param}")
    assert caught.value.event_id is None
    assert config == start()


def test_what_a_check_says_is_passed_on() -> None:
    with pytest.raises(EventError, match="there is no voice nobody; accepted: alloy, en-gb"):
        start().update(spoken(voice="nobody"))
    with pytest.raises(EventError, match="fr is not among the languages of the model: de, en"):
        start().update(heard(transcription={"language": "fr"}))


def test_names_of_the_beta_are_explained() -> None:
    for old, new in (
        ("modalities", "output_modalities"),
        ("voice", r"audio\.output\.voice"),
        ("input_audio_format", r"audio\.input\.format"),
        ("max_response_output_tokens", "max_output_tokens"),
    ):
        with pytest.raises(EventError, match=f"called {new} now"):
            start().update({old: None})


@pytest.mark.parametrize(
    "patch",
    [{"instructions": "x"}, {"tools": []}, {"output_modalities": ["text"]}, {"tracing": "auto"}],
)
def test_a_transcription_session_gives_no_replies(patch: dict[str, Any]) -> None:
    with pytest.raises(EventError) as caught:
        start("transcription").update(patch)
    assert (caught.value.code, caught.value.param) == (UNKNOWN, f"session.{next(iter(patch))}")
    with pytest.raises(EventError) as caught:
        start("transcription").update({"audio": {"output": {}}})
    assert caught.value.param == "session.audio.output"


def test_an_error_in_one_field_changes_nothing() -> None:
    """A session.update with an error is discarded whole; so updates give another value."""
    config = start()
    with pytest.raises(EventError):
        config.update({"instructions": "New.", "audio": {"output": {"speed": 9}}})
    assert config.options.instructions == ""
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.model = "other"  # type: ignore[misc]


def test_what_was_told_is_not_what_is_kept() -> None:
    config = start().update(EVERYTHING)
    told = config.wire()
    told["tools"][0]["name"] = "changed"
    told["audio"]["input"]["transcription"]["keywords"].append("changed")
    told["audio"]["input"]["noise_reduction"]["type"] = "changed"
    assert config.wire() == start().update(EVERYTHING).wire()


@pytest.mark.parametrize(
    "config",
    [
        start(),
        start(expires_at=1_700_003_600),
        start("transcription", expires_at=1_700_003_600),
        start().update(EVERYTHING),
        start().update({"tracing": "auto", "truncation": "disabled", "tools": [TOOL]}),
        start().update(heard(turn_detection=None, transcription={})),
        start().update(heard(turn_detection=SERVER, noise_reduction={"type": "far_field"})),
        start("transcription").update(
            {"include": [LOGPROBS], "type": "transcription", **heard(turn_detection=SERVER)}
        ),
    ],
)
def test_what_is_told_is_valid(config: SessionConfig, valid: Any) -> None:
    encoder = Encoder(lambda kind: f"{kind}_1")
    created = encoder.session_created(config)
    assert created["event_id"] == "event_1"
    assert set(created["streamkit"]) == {"version"}
    valid(created)
    updated = encoder.session_updated(config)
    valid(updated)
    assert updated["session"] == created["session"] == config.wire()
