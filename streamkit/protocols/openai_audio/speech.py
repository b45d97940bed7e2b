"""`POST /v1/audio/speech`: what the client asks for, and the events that it may be answered with.

Read off openai 3.54 (Python): `types/audio/speech_create_params.py`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamkit.audio.encoders import MEDIA_TYPES
from streamkit.protocols.deepgram.quoting import echo
from streamkit.protocols.openai_audio.errors import ApiError, Message, choice, missing
from streamkit.protocols.openai_audio.models import SPEECH_ALIASES, check_model

MAX_INPUT_CHARACTERS = 4096
MIN_SPEED = 0.25
MAX_SPEED = 4.0
STREAM_FORMATS = ("audio", "sse")

_LANGUAGE = re.compile(r"[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8}){0,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class SpeechRequest:
    """What is to be said, and how.

    Attributes:
        text: 1 to `MAX_INPUT_CHARACTERS` characters.
        voice: as the client named it.
        audio_format: one of `streamkit.audio.encoders.MEDIA_TYPES`.
        speed: 1 is the voice's usual one.
        language: BCP 47 tag of the text; None: that of the voice, else English.
        events: server-sent events instead of the bare sound.
    """

    text: str = field(repr=False)
    voice: str
    audio_format: str = "mp3"
    speed: float = 1.0
    language: str | None = None
    events: bool = False


def parse_speech(body: bytes, served: str) -> SpeechRequest:
    """Read the body of a request. Fields that are not known are ignored, null is as good as none.

    `instructions` are checked and ignored: no voice here can be told how to feel. `language` is
    ours: OpenAI's voices hear it from the text.

    Args:
        body: JSON.
        served: name of the installed voice as a model.

    Raises:
        ApiError: the body is no JSON object, or a field is missing or cannot be used.
    """
    given = _read(body)
    text = _text(given, "input", f"a text of 1 to {MAX_INPUT_CHARACTERS} characters")
    if text is None:
        raise missing("input", f"a text of 1 to {MAX_INPUT_CHARACTERS} characters")
    if not 1 <= len(text) <= MAX_INPUT_CHARACTERS:
        raise ApiError(
            f"an input of {len(text)} characters was given; accepted: 1 to "
            f"{MAX_INPUT_CHARACTERS}: say longer texts in several requests",
            param="input",
            code="string_above_max_length" if text else "string_below_min_length",
        )
    model = _text(given, "model", served)
    if model is None:
        raise missing("model", f"{served}, {', '.join(SPEECH_ALIASES)}")
    check_model(model, served, SPEECH_ALIASES)
    _text(given, "instructions", "a text")
    container = _text(given, "response_format", ", ".join(MEDIA_TYPES)) or "mp3"
    stream = _text(given, "stream_format", ", ".join(STREAM_FORMATS)) or "audio"
    return SpeechRequest(
        text=text,
        voice=_voice(given),
        audio_format=choice("response_format", container, MEDIA_TYPES, echo(container)),
        speed=_speed(given),
        language=_language(given),
        events=choice("stream_format", stream, STREAM_FORMATS, echo(stream)) == "sse",
    )


def audio_delta(data: bytes) -> Message:
    """The next bytes of the sound file."""
    return {"type": "speech.audio.delta", "audio": base64.b64encode(data).decode("ascii")}


def audio_done(characters: int, seconds: float) -> Message:
    """The sound file is complete.

    There are no tokens in this voice. `usage` needs some, and counts characters, as `tts-1` is
    billed.

    Args:
        characters: of the input.
        seconds: of sound.
    """
    return {
        "type": "speech.audio.done",
        "usage": {"input_tokens": characters, "output_tokens": 0, "total_tokens": characters},
        "streamkit": {"seconds": round(seconds, 3)},
    }


def _read(body: bytes) -> Mapping[str, Any]:
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        # The error's own text would show the client's.
        raise ApiError(
            "the body is no JSON; accepted: a JSON object with input, model and voice",
            code="invalid_json",
        ) from None
    if not isinstance(given, dict):
        raise ApiError(
            f"the body is {_kind(given)}; accepted: a JSON object with input, model and voice",
            code="invalid_type",
        )
    return given


def _text(given: Mapping[str, Any], name: str, accepted: str) -> str | None:
    value = given.get(name)
    if value is None or isinstance(value, str):
        return value
    raise ApiError(
        f"{name} is {_kind(value)}; accepted: {accepted}", param=name, code="invalid_type"
    )


def _voice(given: Mapping[str, Any]) -> str:
    accepted = 'a name such as "alloy" or "en-us+f2", or {"id": NAME}'
    value = given.get("voice")
    if isinstance(value, dict):
        value = value.get("id")
    if value is None:
        raise missing("voice", accepted)
    if not isinstance(value, str):
        raise ApiError(
            f"voice is {_kind(value)}; accepted: {accepted}", param="voice", code="invalid_type"
        )
    return value


def _speed(given: Mapping[str, Any]) -> float:
    value = given.get("speed")
    accepted = f"{MIN_SPEED:g} to {MAX_SPEED:g}"
    if value is None:
        return 1.0
    # True is an int too.
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ApiError(
            f"speed is {_kind(value)}; accepted: {accepted}", param="speed", code="invalid_type"
        )
    # Compared as it is: a whole number may be too large for a float, and NaN is in no range.
    if not MIN_SPEED <= value <= MAX_SPEED:
        raise ApiError(f"speed is out of range; accepted: {accepted}", param="speed")
    return float(value)


def _language(given: Mapping[str, Any]) -> str | None:
    accepted = "a BCP 47 tag such as en, pt-BR or zh-Hans"
    language = _text(given, "language", accepted)
    if language is None:
        return None
    if _LANGUAGE.fullmatch(language) is None:
        raise ApiError(
            f"language={echo(language)} was given; accepted: {accepted}", param="language"
        )
    return language


def _kind(value: object) -> str:
    """What a JSON value is, in JSON's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
