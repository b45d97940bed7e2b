"""What a caption connection reports, and how it is read off the wire.

All times are seconds since the first sample that the caller sent. A server counts
from the start of its own connection, so `parse_event` adds the connection's offset.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamkit.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class Word:
    """One recognized word: `word` is bare and lower case, `punctuated` is for display."""

    word: str
    punctuated: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Latency:
    """The way of the chunk that holds a result's last word.

    `captured_at` is Unix seconds on the client's clock, `received_at` Unix seconds on
    the server's; the others are milliseconds after `received_at`. None: stage not run.
    """

    captured_at: float | None
    received_at: float | None
    vad_ms: float | None
    decode_start_ms: float | None
    decode_end_ms: float | None
    first_partial_ms: float | None
    commit_ms: float | None
    emit_ms: float | None


@dataclass(frozen=True, slots=True)
class ClockAnswered:
    """The server's clock, for a connection that has asked; see `ClockExchange`.

    `sent_at` is when the question left by the client's clock, `received_at` when it came and
    `answered_at` when this left by the server's: Unix seconds.
    """

    sent_at: float
    received_at: float
    answered_at: float

    @classmethod
    def read(cls, wire: Mapping[str, Any]) -> ClockAnswered:
        """Read the message `streamkit.clock`, which both protocols have."""
        return cls(
            float(wire["client_sent_at"]), float(wire["received_at"]), float(wire["sent_at"])
        )


@dataclass(frozen=True, slots=True)
class Transcript:
    """The words of one range of time.

    A partial (`is_final` false) replaces the partial before it and covers everything
    since the last final; its first `committed` words will not change. A final closes its
    range for good and may be empty; `speech_final` marks the last one of an utterance.
    `utterance` counts from 0 over the whole stream, reconnects included. `overload` is the
    time in seconds between two partials while the server cannot keep up, else None.
    """

    words: tuple[Word, ...]
    start: float
    end: float
    committed: int
    is_final: bool
    speech_final: bool
    utterance: int
    channel: int
    latency: Latency | None
    from_finalize: bool = False
    overload: float | None = None

    @property
    def text(self) -> str:
        """The words as a person reads them, joined by blanks."""
        return " ".join(word.punctuated for word in self.words)


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak at `time`."""

    time: float
    channel: int


@dataclass(frozen=True, slots=True)
class UtteranceEnd:
    """A pause of `utterance_end_ms` followed the word that ended at `last_word_end`.

    None where the server no longer knows the word.
    """

    last_word_end: float | None
    channel: int


@dataclass(frozen=True, slots=True)
class ServerError:
    """The server refused something that was sent; the session may live on."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """The connection was lost for `reason`; attempt number `attempt` follows in `delay` seconds."""

    attempt: int
    delay: float
    reason: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The connection is back.

    `replayed` seconds of audio are being sent again. `lost` seconds were neither final
    nor still in the bounded buffer: their words are missing from the transcript.
    """

    attempts: int
    replayed: float
    lost: float


@dataclass(frozen=True, slots=True)
class Finished:
    """All audio is transcribed; `metadata` is the server's closing message."""

    metadata: Mapping[str, Any]


Event = (
    Transcript | SpeechStarted | UtteranceEnd | ServerError | Reconnecting | Reconnected | Finished
)


def parse_event(
    message: str | bytes, offset: float = 0.0, utterance: int = 0
) -> Event | ClockAnswered | None:
    """Read one server message of the Deepgram live protocol.

    Args:
        message: the text frame as received.
        offset: stream time at which this connection began, in seconds.
        utterance: number given to a `Transcript`.

    Returns:
        The event, or None for a message type that captions do not need.

    Raises:
        ProtocolError: the message is no JSON object or lacks what its type requires.
    """
    try:
        wire = json.loads(message)
        match wire["type"]:
            case "Results":
                return _transcript(wire, offset, utterance)
            case "SpeechStarted":
                return SpeechStarted(offset + float(wire["timestamp"]), int(wire["channel"][0]))
            case "UtteranceEnd":
                end = float(wire["last_word_end"])
                return UtteranceEnd(offset + end if end >= 0 else None, int(wire["channel"][0]))
            case "Error":
                text = wire.get("description") or wire.get("message") or "no description given"
                return ServerError(str(wire.get("variant") or wire.get("code") or ""), str(text))
            case "Metadata":
                return Finished(wire)
            case "streamkit.clock":
                return ClockAnswered.read(wire)
            case _:
                return None
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        start = message[:80]
        raise ProtocolError(
            f"the server sent {start!r}, which is not a message of the live transcription "
            f"protocol ({type(error).__name__}: {error}); check that the address is the "
            "/v1/listen endpoint of streamkit or Deepgram"
        ) from error


def _transcript(wire: Mapping[str, Any], offset: float, utterance: int) -> Transcript:
    best = wire["channel"]["alternatives"][0]
    words = tuple(
        Word(
            word=str(word["word"]),
            punctuated=str(word.get("punctuated_word") or word["word"]),
            start=offset + float(word["start"]),
            end=offset + float(word["end"]),
            confidence=float(word.get("confidence", 0.0)),
        )
        for word in best["words"]
    )
    own = wire.get("streamkit") or {}
    is_final = bool(wire["is_final"])
    start = offset + float(wire["start"])
    return Transcript(
        words=words,
        start=start,
        end=start + float(wire["duration"]),
        committed=len(words) if is_final else min(int(own.get("committed", 0)), len(words)),
        is_final=is_final,
        speech_final=bool(wire.get("speech_final", False)),
        utterance=utterance,
        channel=int(wire["channel_index"][0]),
        latency=_latency(own["latency"]) if own.get("latency") else None,
        from_finalize=bool(wire.get("from_finalize", False)),
        overload=float(own["overload"]["interval_ms"]) / 1000 if own.get("overload") else None,
    )


def _latency(wire: Mapping[str, Any]) -> Latency:
    def number(name: str) -> float | None:
        value = wire.get(name)
        return None if value is None else float(value)

    return Latency(
        captured_at=number("captured_at"),
        received_at=float(wire["received_at"]),
        vad_ms=number("vad_ms"),
        decode_start_ms=number("decode_start_ms"),
        decode_end_ms=number("decode_end_ms"),
        first_partial_ms=number("first_partial_ms"),
        commit_ms=number("commit_ms"),
        emit_ms=number("emit_ms"),
    )
