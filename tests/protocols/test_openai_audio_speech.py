"""Bodies of `/v1/audio/speech`."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamkit.protocols.openai_audio import (
    ApiError,
    SpeechRequest,
    audio_delta,
    audio_done,
    parse_speech,
)

GOOD: dict[str, Any] = {"input": "Hello.", "model": "tts-1", "voice": "alloy"}


def parse(**fields: Any) -> SpeechRequest:
    return parse_speech(json.dumps({**GOOD, **fields}).encode(), "espeak")


def refusal(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        parse_speech(body, "espeak")
    return caught.value


def refusal_of(**fields: Any) -> ApiError:
    return refusal(json.dumps({**GOOD, **fields}).encode())


def test_what_is_left_out() -> None:
    assert parse() == SpeechRequest("Hello.", "alloy", "mp3", 1.0, events=False)
    assert parse(response_format=None, speed=None, stream_format=None, instructions=None) == parse()


def test_everything() -> None:
    request = parse(
        model="espeak",
        voice={"id": "en-us+f2"},
        instructions="Whisper.",
        response_format="pcm",
        speed=4,
        stream_format="sse",
        language="pt-BR",
        metadata={"unknown": True},
    )
    assert request == SpeechRequest("Hello.", "en-us+f2", "pcm", 4.0, "pt-BR", events=True)


@pytest.mark.parametrize("language", ["en", "zh-Hans-CN", "de_AT", "fil"])
def test_languages(language: str) -> None:
    assert parse(language=language).language == language


@pytest.mark.parametrize("language", ["", "e", "en us", "deutsch-", "-en", "é", "a" * 500, "en\n"])
def test_what_is_no_language(language: str) -> None:
    error = refusal_of(language=language)
    assert (error.param, error.code) == ("language", "invalid_value")
    assert "pt-BR" in str(error)
    assert len(str(error)) < 300


@pytest.mark.parametrize("model", ["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "espeak"])
def test_names_of_models(model: str) -> None:
    assert parse(model=model) == parse()
    assert parse(model="gpt-4o-mini-tts-2025-12-15") == parse()


@pytest.mark.parametrize("model", ["", "gpt-5", "espeak-2025-12-15", "../espeak"])
def test_an_unknown_model(model: str) -> None:
    error = refusal_of(model=model)
    assert (error.status, error.code, error.param) == (404, "model_not_found", "model")
    assert "accepted: espeak, or one of tts-1, tts-1-hd, gpt-4o-mini-tts" in str(error)


@pytest.mark.parametrize("name", ["input", "model", "voice"])
def test_what_has_to_be_there(name: str) -> None:
    error = refusal(json.dumps({k: v for k, v in GOOD.items() if k != name}).encode())
    assert (error.status, error.code) == (400, "missing_required_parameter")
    assert error.param == name
    assert str(error).startswith(f"{name} is missing; accepted: ")


@pytest.mark.parametrize(
    ("fields", "param", "said"),
    [
        ({"input": ""}, "input", "0 characters was given; accepted: 1 to 4096"),
        ({"input": "x" * 4097}, "input", "4097 characters was given; accepted: 1 to 4096"),
        ({"input": 7}, "input", "is a number"),
        ({"input": ["Hello."]}, "input", "is an array"),
        ({"model": True}, "model", "is a boolean"),
        ({"voice": 1}, "voice", "is a number"),
        ({"voice": {}}, "voice", "is missing"),
        ({"voice": {"id": ["alloy"]}}, "voice", "is an array"),
        ({"instructions": {}}, "instructions", "is an object"),
        ({"response_format": "ogg"}, "response_format", "mp3, opus, aac, flac, wav, pcm"),
        ({"response_format": {"type": "mp3"}}, "response_format", "is an object"),
        ({"stream_format": "chunks"}, "stream_format", "audio, sse"),
        ({"speed": 0.24}, "speed", "accepted: 0.25 to 4"),
        ({"speed": 4.01}, "speed", "accepted: 0.25 to 4"),
        ({"speed": float("nan")}, "speed", "accepted: 0.25 to 4"),
        ({"speed": float("inf")}, "speed", "accepted: 0.25 to 4"),
        ({"speed": 10**400}, "speed", "accepted: 0.25 to 4"),
        ({"speed": "1"}, "speed", "is a string"),
        ({"speed": True}, "speed", "is a boolean"),
    ],
    ids=repr,
)
def test_what_cannot_be_used(fields: dict[str, Any], param: str, said: str) -> None:
    error = refusal_of(**fields)
    assert error.status == 400
    assert error.param == param
    assert said in str(error)


def test_the_longest_text() -> None:
    assert len(parse(input="ä" * 4096).text) == 4096


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"input=Hello.", b'{"speed": ' + b"9" * 5000 + b"}"],
    ids=lambda body: body[:12],
)
def test_what_is_no_json(body: bytes) -> None:
    error = refusal(body)
    assert (error.status, error.code) == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"null", b"7", b'"Hello."', b"[]", b"true"])
def test_what_is_no_object(body: bytes) -> None:
    error = refusal(body)
    assert (error.status, error.code) == (400, "invalid_type")


def test_events() -> None:
    assert audio_delta(b"\x00\xff") == {
        "type": "speech.audio.delta",
        "audio": base64.b64encode(b"\x00\xff").decode(),
    }
    assert audio_done(6, 1.23456) == {
        "type": "speech.audio.done",
        "usage": {"input_tokens": 6, "output_tokens": 0, "total_tokens": 6},
        "streamkit": {"seconds": 1.235},
    }


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
NAMES = ("input", "model", "voice", "instructions", "response_format", "speed", "stream_format")


@given(
    fields=st.dictionaries(st.sampled_from(NAMES), VALUES),
    rest=st.sampled_from([{}, GOOD]),
    cut=st.none() | st.integers(0, 400),
)
def test_only_documented_errors(
    fields: dict[str, Any], rest: dict[str, Any], cut: int | None
) -> None:
    try:
        request = parse_speech(json.dumps({**rest, **fields}).encode()[:cut], "espeak")
    except ApiError as error:
        assert error.status in (400, 404)
        assert len(json.dumps(error.body)) < 2000
    else:
        assert 0.25 <= request.speed <= 4
        assert 1 <= len(request.text) <= 4096


@given(st.binary(max_size=200))
def test_bytes_of_any_kind(body: bytes) -> None:
    with pytest.raises(ApiError):
        parse_speech(body, "espeak")
