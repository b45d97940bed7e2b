"""Deepgram's live protocol (`/v1/listen`), as its SDKs speak it.

Pure: query strings and text frames in, options and commands out; session outputs in, message
dictionaries out. Read off deepgram-sdk 7.17 (Python) and @deepgram/sdk 5.13 (JavaScript).
What is ours rides in one extra key, `streamkit`, on messages that exist already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from streamkit.asr.recognizer import ModelInfo, Word, join
from streamkit.audio.decoders import ACCEPTED_ENCODINGS
from streamkit.audio.limits import MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from streamkit.errors import ProtocolError
from streamkit.latency.trace import Stage, Trace
from streamkit.session.effects import SpeechBegan, Transcript, UtteranceEnded

SAMPLE_RATE = 16_000
MIN_ENDPOINTING_MS = 100
"""Shorter silences happen inside words; a smaller value is raised to this one."""
MAX_ENDPOINTING_MS = 30_000
MIN_UTTERANCE_END_MS = 1000
"""Deepgram's own lower limit."""
MAX_UTTERANCE_END_MS = 60_000
MAX_TEXT_CHARACTERS = 16_384
"""Longest control message: room for the committed words of a window, which is 30 s at most."""
MAX_COMMITTED_WORDS = 300
MAX_WORD_CHARACTERS = 100
MAX_WINDOW_SECONDS = 30
MAX_UNIX_SECONDS = 1e11
MAX_ECHO_CHARACTERS = 200
"""How much of a client's text an error message gives back."""

DEEPGRAM_MODELS = ("nova", "enhanced", "base", "whisper", "flux", "general")
"""Families of model names that Deepgram's clients send; each stands for the model served."""

Message = dict[str, Any]


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


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """The client is there.

    Attributes:
        captured_at: Unix seconds of the first sample of its next audio message.
        committed: words that an earlier connection committed for the audio that follows.
    """

    captured_at: float | None = None
    committed: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Finalize:
    """Everything so far as a final, now."""


@dataclass(frozen=True, slots=True)
class CloseStream:
    """No more audio: finals, `Metadata`, close."""


@dataclass(frozen=True, slots=True)
class Configure:
    """Change settings of the running stream, which is answered but not offered."""


Command = KeepAlive | Finalize | CloseStream | Configure
COMMANDS = ("KeepAlive", "Finalize", "CloseStream", "Configure")


def parse_query(query: Iterable[tuple[str, str]]) -> ListenOptions:
    """Read the query string; parameters that are not known are ignored, as Deepgram does.

    Raises:
        ProtocolError: a known parameter has a value that cannot be used.
    """
    given = dict(query)
    encoding = given.get("encoding")
    if encoding is not None and encoding not in ACCEPTED_ENCODINGS:
        raise ProtocolError(
            f"encoding={_echo(encoding)} is not supported; accepted: "
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
            f"model={_echo(name)} is not served here; accepted: {served.name}, or any of "
            f"Deepgram's names ({', '.join(f'{family}-*' for family in DEEPGRAM_MODELS)}), "
            "which stand for it"
        )
    if options.language is not None and options.language not in served.languages:
        known = sorted(served.languages)
        shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ProtocolError(
            f"language={_echo(options.language)} is not among those of model {served.name}: {shown}"
        )


def parse_command(text: str) -> Command:
    """Read a text frame.

    Raises:
        ProtocolError: it is no JSON object of a known type.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ProtocolError(
            f"a text message of {len(text)} characters was given; accepted: up to "
            f"{MAX_TEXT_CHARACTERS}; audio goes into binary messages"
        )
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError(
            f"the text message is no JSON; accepted: an object with type {_listed(COMMANDS)}; "
            "audio goes into binary messages"
        ) from None
    kind = message.get("type") if isinstance(message, dict) else None
    match kind:
        case "KeepAlive":
            return _keep_alive(message.get("streamkit", {}))
        case "Finalize":
            return Finalize()
        case "CloseStream":
            return CloseStream()
        case "Configure":
            return Configure()
        case _:
            given = _echo(str(kind)) if isinstance(message, dict) else type(message).__name__
            raise ProtocolError(
                f"a message of type {given} was given; accepted: {_listed(COMMANDS)}"
            )


def _keep_alive(extra: object) -> KeepAlive:
    """Read our own key of `KeepAlive`."""
    if not isinstance(extra, dict):
        raise ProtocolError(
            f"KeepAlive.streamkit is {type(extra).__name__}; accepted: an object with "
            "captured_at, committed"
        )
    captured_at = extra.get("captured_at")
    if captured_at is not None and not _is_number(captured_at, MAX_UNIX_SECONDS):
        raise ProtocolError("KeepAlive.streamkit.captured_at must be Unix seconds")
    committed = extra.get("committed", [])
    if not isinstance(committed, list) or len(committed) > MAX_COMMITTED_WORDS:
        raise ProtocolError(
            "KeepAlive.streamkit.committed must be a list of at most "
            f"{MAX_COMMITTED_WORDS} words [text, start, end]"
        )
    return KeepAlive(
        None if captured_at is None else float(captured_at),
        tuple(map(_committed_word, committed)),
    )


def _committed_word(entry: object) -> Word:
    match entry:
        case [str(text), start, end] if (
            0 < len(text) <= MAX_WORD_CHARACTERS
            and _is_number(start, MAX_WINDOW_SECONDS)
            and _is_number(end, MAX_WINDOW_SECONDS)
            and start <= end
        ):
            return Word(text, round(start * SAMPLE_RATE), round(end * SAMPLE_RATE), 1.0)
        case _:
            raise ProtocolError(
                "a word of KeepAlive.streamkit.committed must be [text, start, end], with up to "
                f"{MAX_WORD_CHARACTERS} characters, and seconds since the first sample of this "
                f"connection, up to {MAX_WINDOW_SECONDS}"
            )


def _is_number(value: object, most: float) -> TypeGuard[float]:
    """Whether a JSON value is a number from 0 to `most`."""
    return not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= most


def _boolean(given: Mapping[str, str], name: str, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value.lower() not in ("true", "false"):
        raise ProtocolError(f"{name}={_echo(value)} was given; accepted: true, false")
    return value.lower() == "true"


def _integer(given: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not (
        value.isascii() and value.isdigit() and len(value) < 10 and least <= int(value) <= most
    ):
        raise ProtocolError(f"{name}={_echo(value)} was given; accepted: {least} to {most}")
    return int(value)


def _endpointing(given: Mapping[str, str]) -> float | None:
    value = given.get("endpointing", "true")
    if value in ("true", "false"):
        return None
    digits = value.isascii() and value.isdigit() and len(value) < 10
    if not digits or int(value) > MAX_ENDPOINTING_MS:
        raise ProtocolError(
            f"endpointing={_echo(value)} was given; accepted: false, or milliseconds "
            f"up to {MAX_ENDPOINTING_MS}"
        )
    return max(MIN_ENDPOINTING_MS, int(value)) / 1000


def _language(given: Mapping[str, str]) -> str | None:
    value = given.get("language", "en")
    if value == "multi" or _boolean(given, "detect_language", False):
        return None
    # Whisper knows languages, not regions: en-US and en-GB are both en.
    return value.replace("_", "-").split("-")[0].lower()


def _echo(text: str) -> str:
    """Client text as it may stand in an error message: short, one line, printable."""
    shown = text if len(text) <= MAX_ECHO_CHARACTERS else text[:MAX_ECHO_CHARACTERS] + "…"
    return ascii(shown)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def seconds(position: int) -> float:
    """A sample position as Deepgram's seconds."""
    return round(position / SAMPLE_RATE, 3)


class Encoder:
    """Server messages of one connection.

    Args:
        request_id: of the connection.
        model: what is served.
        model_uuid: stays the same for the same model.
        options: what the client asked for.
        epoch: Unix time at which the server's monotonic clock was 0.

    Attributes:
        channels: transcripts per stream, once the audio has told.
    """

    def __init__(
        self,
        request_id: str,
        model: ModelInfo,
        model_uuid: str,
        options: ListenOptions,
        epoch: float = 0.0,
    ) -> None:
        self._epoch = epoch
        self.request_id = request_id
        self.channels = 1
        self._options = options
        self._metadata = {
            "request_id": request_id,
            "model_info": {"name": model.name, "version": "1", "arch": "whisper"},
            "model_uuid": model_uuid,
        }

    def results(self, output: Transcript, channel: int, emit: float | None) -> Message:
        """A transcript; `emit` is the server's clock now, for the latency."""
        words = output.words
        text = (
            join(words)
            if self._options.punctuate
            else " ".join(filter(None, (_bare(word) for word in words)))
        )
        confidence = sum(word.probability for word in words) / len(words) if words else 0.0
        alternative: Message = {
            "transcript": text,
            "confidence": round(confidence, 4),
            "words": [self._word(word) for word in words],
        }
        if self._options.language is None:
            alternative["languages"] = [output.language] if words else []
        return {
            "type": "Results",
            "channel_index": [channel, self.channels],
            "start": seconds(output.start),
            "duration": round(seconds(output.end) - seconds(output.start), 3),
            "is_final": output.is_final,
            "speech_final": output.speech_final,
            "from_finalize": output.from_finalize,
            "channel": {"alternatives": [alternative]},
            "metadata": self._metadata,
            "streamkit": {
                "committed": output.committed,
                "utterance": output.utterance,
                "audio_end": seconds(output.end),
                "latency": self._latency(output.trace, emit),
            },
        }

    def _word(self, word: Word) -> Message:
        return {
            "word": _bare(word) or word.text,
            "start": seconds(word.start),
            "end": seconds(word.end),
            "confidence": round(word.probability, 4),
            "punctuated_word": word.text,
        }

    def _latency(self, trace: Trace | None, emit: float | None) -> Message | None:
        if trace is None:
            return None
        stages = {
            f"{stage.value}_ms": _milliseconds(trace.after_received(stage)) for stage in Stage
        }
        return {
            "captured_at": trace.captured_at,
            "received_at": round(self._epoch + trace.received_at, 6),
            **stages,
            "emit_ms": None if emit is None else _milliseconds(emit - trace.received_at),
        }

    def speech_started(self, output: SpeechBegan, channel: int) -> Message:
        """Speech was detected."""
        return {
            "type": "SpeechStarted",
            "channel": [channel, self.channels],
            "timestamp": seconds(output.position),
        }

    def utterance_end(self, output: UtteranceEnded, channel: int) -> Message:
        """No word has followed for the time that the client asked for."""
        return {
            "type": "UtteranceEnd",
            "channel": [channel, self.channels],
            "last_word_end": seconds(output.last_word_end),
        }

    def metadata(self, duration: float, created: str, sha256: str) -> Message:
        """The last message: what was heard in all.

        Args:
            duration: seconds of audio.
            created: when the connection began, ISO 8601.
            sha256: of all audio bytes.
        """
        return {
            "type": "Metadata",
            "transaction_key": "deprecated",
            "request_id": self.request_id,
            "sha256": sha256,
            "created": created,
            "duration": round(duration, 3),
            "channels": self.channels,
        }

    def configure_failure(self) -> Message:
        """Live changes are not offered; the stream goes on as it is."""
        return {
            "type": "ConfigureFailure",
            "request_id": self.request_id,
            "code": "CONFIGURE_NOT_SUPPORTED",
            "description": "settings cannot be changed in a running stream; open a new one",
        }


def error(variant: str, description: str, *, code: str | None = None) -> Message:
    """An error that the stream survives, or the last message before it is closed.

    The client's own text is not sent back whole: `message` repeats the description.
    """
    message = {
        "type": "Error",
        "variant": variant,
        "description": description,
        "message": description,
    }
    if code is not None:
        message["code"] = code
    return message


def _bare(word: Word) -> str:
    """The word in lower case without the punctuation around it."""
    text = word.text.casefold()
    first = next((i for i, character in enumerate(text) if character.isalnum()), len(text))
    last = next((i for i in range(len(text), 0, -1) if text[i - 1].isalnum()), first)
    return text[first:last]


def _milliseconds(after: float | None) -> float | None:
    return None if after is None else round(after * 1000, 2)
