"""What a client asks for in the query string."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from streamkit.asr.recognizer import ModelInfo, Task
from streamkit.audio.decoders import ACCEPTED_ENCODINGS
from streamkit.audio.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from streamkit.errors import ProtocolError
from streamkit.protocols.deepgram.quoting import echo

MIN_ENDPOINTING_MS = 100
"""Shorter silences happen inside words; a smaller value is raised to this one."""
MAX_ENDPOINTING_MS = 30_000
MIN_UTTERANCE_END_MS = 1000
"""Deepgram's own lower limit."""
MAX_UTTERANCE_END_MS = 60_000

MAX_KEYTERMS = 100
MAX_KEYTERM_CHARACTERS = 100
MAX_PROMPT_CHARACTERS = 2000

DEEPGRAM_MODELS = ("nova", "enhanced", "base", "whisper", "flux", "general")
"""Families of model names that Deepgram's clients send; each stands for the model served."""


@dataclass(frozen=True, slots=True)
class ListenOptions:
    """What a client asks for in the query string.

    Attributes:
        encoding: name of a raw or packet encoding; None: a container, to be recognised.
        sample_rate: Hz; None where the encoding carries its own.
        channels: channels of raw audio.
        multichannel: a transcript for each channel; otherwise channels are mixed.
        endpoints: decide when the speaker has finished.
        endpointing: seconds of silence that decide it; None: as the server is set.
        utterance_end: seconds; None: not asked for.
        language: ISO 639-1 code; None: detect.
        punctuate: keep the punctuation in `transcript`.
        model: as the client named it; None: not named.
        task: transcribe, or translate into English.
        keyterms: names and terms that are likely to be said.
        prompt: text that might have come before.
    """

    encoding: str | None = None
    sample_rate: int | None = None
    channels: int = 1
    multichannel: bool = False
    interim_results: bool = False
    endpoints: bool = True
    endpointing: float | None = None
    utterance_end: float | None = None
    vad_events: bool = False
    language: str | None = "en"
    punctuate: bool = True
    model: str | None = None
    task: Task = Task.TRANSCRIBE
    keyterms: tuple[str, ...] = ()
    prompt: str = ""


def parse_query(query: Iterable[tuple[str, str]]) -> ListenOptions:
    """Read the query string; parameters that are not known are ignored, as Deepgram does.

    Raises:
        ProtocolError: a known parameter has a value that cannot be used.
    """
    query = list(query)
    given = dict(query)
    encoding = given.get("encoding")
    if encoding is not None and encoding not in ACCEPTED_ENCODINGS:
        raise ProtocolError(
            f"encoding={echo(encoding)} is not supported; accepted: "
            f"{', '.join(ACCEPTED_ENCODINGS)}; leave it out for a container"
        )
    sample_rate = _integer(given, "sample_rate", MIN_SAMPLE_RATE, MAX_SAMPLE_RATE)
    if encoding is not None and sample_rate is None and encoding not in ("flac", "ogg-opus"):
        raise ProtocolError(
            f"encoding={encoding} needs sample_rate; accepted: "
            f"{MIN_SAMPLE_RATE} to {MAX_SAMPLE_RATE}"
        )
    interim = _boolean(given, "interim_results", False)
    gap = _integer(given, "utterance_end_ms", MIN_UTTERANCE_END_MS, MAX_UTTERANCE_END_MS)
    if gap is not None and not interim:
        raise ProtocolError("utterance_end_ms needs interim_results=true")
    return ListenOptions(
        encoding=encoding,
        sample_rate=sample_rate,
        channels=_integer(given, "channels", 1, MAX_CHANNELS) or 1,
        multichannel=_boolean(given, "multichannel", False),
        interim_results=interim,
        endpoints=given.get("endpointing") != "false",
        endpointing=_endpointing(given),
        utterance_end=None if gap is None else gap / 1000,
        vad_events=_boolean(given, "vad_events", False),
        language=_language(given),
        punctuate=_boolean(given, "punctuate", True),
        model=given.get("model"),
        task=_task(given),
        keyterms=_keyterms(query),
        prompt=_prompt(given),
    )


def check_model(options: ListenOptions, served: ModelInfo) -> None:
    """The model and the language that the client asked for are the ones that are served.

    Raises:
        ProtocolError: they are not.
    """
    name = options.model
    family = name.split("-")[0] if name else ""
    if name and name != served.name and family not in DEEPGRAM_MODELS:
        raise ProtocolError(
            f"model={echo(name)} is not served here; accepted: {served.name}, or any of "
            f"Deepgram's names ({', '.join(f'{family}-*' for family in DEEPGRAM_MODELS)}), "
            "which stand for it"
        )
    if options.task is Task.TRANSLATE and not served.translates:
        raise ProtocolError(
            f"task=translate is not possible: model {served.name} knows English only; "
            "accepted: transcribe, or a server with a multilingual model"
        )
    if options.language is not None and options.language not in served.languages:
        known = sorted(served.languages)
        shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ProtocolError(
            f"language={echo(options.language)} is not among those of model {served.name}: {shown}"
        )


def _boolean(given: Mapping[str, str], name: str, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value.lower() not in ("true", "false"):
        raise ProtocolError(f"{name}={echo(value)} was given; accepted: true, false")
    return value.lower() == "true"


def _integer(given: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not (
        value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most
    ):
        raise ProtocolError(f"{name}={echo(value)} was given; accepted: {least} to {most}")
    return int(value)


def _endpointing(given: Mapping[str, str]) -> float | None:
    value = given.get("endpointing", "true")
    if value in ("true", "false"):
        return None
    digits = value.isascii() and value.isdigit() and len(value) < 10
    if not digits or int(value) > MAX_ENDPOINTING_MS:
        raise ProtocolError(
            f"endpointing={echo(value)} was given; accepted: false, or milliseconds "
            f"up to {MAX_ENDPOINTING_MS}"
        )
    return max(MIN_ENDPOINTING_MS, int(value)) / 1000


def _language(given: Mapping[str, str]) -> str | None:
    value = given.get("language", "en")
    if value == "multi" or _boolean(given, "detect_language", False):
        return None
    # Whisper knows languages, not regions: en-US and en-GB are both en.
    return value.replace("_", "-").split("-")[0].lower()


def _task(given: Mapping[str, str]) -> Task:
    value = given.get("task", Task.TRANSCRIBE.value)
    try:
        return Task(value)
    except ValueError:
        accepted = ", ".join(task.value for task in Task)
        raise ProtocolError(f"task={echo(value)} was given; accepted: {accepted}") from None


def _keyterms(query: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """`keyterm`, and the older `keywords`, whose boost ("streamkit:2") means nothing to Whisper."""
    terms = []
    for name, value in query:
        if name == "keyterm":
            terms.append(value.strip())
        elif name == "keywords":
            terms.append(re.sub(r":([+-]?\d+(\.\d+)?)?$", "", value).strip())
    terms = [term for term in terms if term]
    if len(terms) > MAX_KEYTERMS or any(len(term) > MAX_KEYTERM_CHARACTERS for term in terms):
        raise ProtocolError(
            f"{len(terms)} key terms were given, the longest of "
            f"{max(map(len, terms))} characters; accepted: up to {MAX_KEYTERMS} of up to "
            f"{MAX_KEYTERM_CHARACTERS} characters"
        )
    return tuple(terms)


def _prompt(given: Mapping[str, str]) -> str:
    prompt = given.get("prompt", "").strip()
    if len(prompt) > MAX_PROMPT_CHARACTERS:
        raise ProtocolError(
            f"a prompt of {len(prompt)} characters was given; accepted: up to "
            f"{MAX_PROMPT_CHARACTERS}"
        )
    return prompt
