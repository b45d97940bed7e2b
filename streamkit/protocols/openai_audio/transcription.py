"""`POST /v1/audio/transcriptions` and `/translations`: what the client asks for.

Read off openai 3.54 (Python): `types/audio/transcription_create_params.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from streamkit.asr.recognizer import ModelInfo, Task
from streamkit.protocols.deepgram.query import MAX_KEYTERM_CHARACTERS, MAX_KEYTERMS
from streamkit.protocols.deepgram.quoting import echo
from streamkit.protocols.openai_audio.errors import ApiError, choice, missing, wrong
from streamkit.protocols.openai_audio.languages import language_code
from streamkit.protocols.openai_audio.models import TRANSCRIPTION_ALIASES, check_model

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")
STREAMED_FORMATS = ("json", "text")
GRANULARITIES = ("word", "segment")

MAX_PROMPT_CHARACTERS = 2000
"""The end of a longer prompt is what is used of it."""

MAX_FIELDS = 64 + MAX_KEYTERMS
"""Fields of one form; key terms come one by one."""

MIN_SILENCE_MS, MAX_SILENCE_MS = 100, 10_000
MAX_PADDING_MS = 2_000
MIN_THRESHOLD, MAX_THRESHOLD = 0.05, 0.95

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_MAX_DIGITS = 20
_NESTED = re.compile(r"chunking_strategy\[(\w+)\]", re.ASCII)


@dataclass(frozen=True, slots=True)
class Chunking:
    """How the client wants pauses to be found; None: as live captions do it.

    Attributes:
        threshold: probability that is speech.
        silence: seconds that end a stretch of speech.
        padding: seconds before the first sound of it that belong to it.
    """

    threshold: float | None = None
    silence: float | None = None
    padding: float | None = None


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """What is to be made of a file.

    Attributes:
        task: transcribe, or translate into English.
        language: ISO 639-1 code of the speech; None: detect.
        prompt: text that might have come before.
        keyterms: names and terms that are likely to be said.
        response_format: one of `RESPONSE_FORMATS`.
        words: `verbose_json` has them.
        segments: `verbose_json` has them.
        logprobs: `json` has them.
        stream: answer with events while the file is heard.
        chunking: where speech is cut.
    """

    task: Task = Task.TRANSCRIBE
    language: str | None = None
    prompt: str = ""
    keyterms: tuple[str, ...] = ()
    response_format: str = "json"
    words: bool = False
    segments: bool = True
    logprobs: bool = False
    stream: bool = False
    chunking: Chunking = Chunking()


def parse_transcription(
    fields: Iterable[tuple[str, str]], task: Task, served: ModelInfo
) -> TranscriptionRequest:
    """Read the fields of a form other than the file; those that are not known are ignored.

    An empty field is as good as none. `temperature` is checked and changes nothing: the decoder
    always does what OpenAI's does at 0, the likeliest words first, and rising temperatures where
    those look like a failure.

    Args:
        fields: names and values as they came; lists are named `include[]` or `include`.
        task: which of the two endpoints it is.
        served: the model behind them.

    Raises:
        ApiError: a field is missing or has a value that cannot be used.
    """
    fields = [(name, value) for name, value in fields if value]
    given = dict(fields)
    translate = task is Task.TRANSLATE
    if "model" not in given:
        raise missing("model", f"{served.name}, {', '.join(TRANSCRIPTION_ALIASES)}")
    check_model(given["model"], served.name, TRANSCRIPTION_ALIASES)
    if translate and not served.translates:
        raise ApiError(
            f"translation is not possible: model {served.name} cannot translate; accepted: "
            "/v1/audio/transcriptions, or a server with a multilingual model",
            param="model",
            code="unsupported_model",
        )
    _number(given, "temperature", 0, 1)
    stream = not translate and _boolean(given, "stream")
    response_format = _response_format(given, stream)
    granularities = _list(fields, "timestamp_granularities", GRANULARITIES)
    if granularities and response_format != "verbose_json":
        raise ApiError(
            f"timestamp_granularities were given with response_format={response_format}; "
            "accepted: with verbose_json",
            param="timestamp_granularities",
        )
    logprobs = bool(_list(fields, "include", ("logprobs",)))
    if logprobs and response_format != "json":
        raise ApiError(
            f"include=logprobs was given with response_format={response_format}; "
            "accepted: with json",
            param="include",
        )
    return TranscriptionRequest(
        task=task,
        language=_language(fields, given, served),
        prompt=given.get("prompt", "").strip()[-MAX_PROMPT_CHARACTERS:],
        keyterms=_keyterms(fields),
        response_format=response_format,
        words="word" in granularities,
        segments=not granularities or "segment" in granularities,
        logprobs=logprobs,
        stream=stream,
        chunking=_chunking(given),
    )


def _response_format(given: Mapping[str, str], stream: bool) -> str:
    name = given.get("response_format", "json")
    if name == "diarized_json" or any(each.startswith("known_speaker_") for each in given):
        raise ApiError(
            "speakers are not told apart here, so there is no diarized_json and no use for known "
            f"speakers; accepted: response_format={', '.join(RESPONSE_FORMATS)}",
            param="response_format",
            code="unsupported_value",
        )
    choice("response_format", name, RESPONSE_FORMATS, echo(name))
    if stream and name not in STREAMED_FORMATS:
        raise ApiError(
            f"stream=true was given with response_format={name}, which needs the whole text; "
            f"accepted: with {', '.join(STREAMED_FORMATS)}",
            param="response_format",
            code="unsupported_value",
        )
    return name


def _values(fields: Iterable[tuple[str, str]], name: str) -> list[str]:
    return [value for each, value in fields if each in (name, f"{name}[]")]


def _list(fields: Iterable[tuple[str, str]], name: str, accepted: Sequence[str]) -> tuple[str, ...]:
    values = _values(fields, name)
    return tuple(choice(name, value, accepted, echo(value)) for value in values)


def _boolean(given: Mapping[str, str], name: str) -> bool:
    value = given.get(name, "false").lower()
    return choice(name, value, ("true", "false"), echo(value)) == "true"


def _number(given: Mapping[str, str], name: str, least: float, most: float) -> float | None:
    text = given.get(name)
    if text is None:
        return None
    value = float(text) if len(text) <= _MAX_DIGITS and _NUMBER.fullmatch(text) else None
    if value is None or not least <= value <= most:
        raise wrong(name, echo(text), f"{least:g} to {most:g}")
    return value


def _language(
    fields: Iterable[tuple[str, str]], given: Mapping[str, str], served: ModelInfo
) -> str | None:
    """The one language that it is; several possible ones are as good as none."""
    named = given.get("language")
    possible = [named] if named is not None else _values(fields, "languages")
    for each in possible:
        if language_code(each) not in served.languages:
            known = sorted(served.languages)
            shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
            raise wrong(
                "language" if named is not None else "languages",
                echo(each),
                f"languages of model {served.name}: {shown}; or none, and it is detected",
            )
    return language_code(possible[0]) if len(possible) == 1 else None


def _keyterms(fields: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    terms = [term for value in _values(fields, "keywords") if (term := value.strip())]
    if len(terms) > MAX_KEYTERMS or any(len(term) > MAX_KEYTERM_CHARACTERS for term in terms):
        raise wrong(
            "keywords",
            f"{len(terms)} of up to {max(map(len, terms))} characters",
            f"up to {MAX_KEYTERMS} of up to {MAX_KEYTERM_CHARACTERS} characters",
        )
    return tuple(terms)


def _chunking(given: Mapping[str, str]) -> Chunking:
    """`auto`, an object as JSON, or the fields of an object one by one, as the SDK sends it."""
    accepted = 'auto, or {"type": "server_vad", …} with numbers for its fields'
    whole = given.get("chunking_strategy", "")
    nested = {match[1]: value for name, value in given.items() if (match := _NESTED.match(name))}
    if whole and whole != "auto":
        try:
            read = json.loads(whole)
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict):
            raise wrong("chunking_strategy", echo(whole), accepted)
        nested = {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in read.items()
            if value is not None
        }
    if not nested:
        return Chunking()
    if nested.get("type") != "server_vad":
        raise wrong("chunking_strategy", f"type {echo(nested.get('type', ''))}", accepted)
    silence = _number(nested, "silence_duration_ms", MIN_SILENCE_MS, MAX_SILENCE_MS)
    padding = _number(nested, "prefix_padding_ms", 0, MAX_PADDING_MS)
    return Chunking(
        threshold=_number(nested, "threshold", MIN_THRESHOLD, MAX_THRESHOLD),
        silence=None if silence is None else silence / 1000,
        padding=None if padding is None else padding / 1000,
    )
