"""What a trace says, line by line, as data.

Times are Unix seconds by the server's clock, durations are seconds, positions are samples at
16 kHz from the session's start. What a record may leave out is None, or empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Begin:
    """A session begins.

    Attributes:
        endpoint: `listen` or `realtime`.
        side: who has written this: `server` or `client`.
        version: of streamkit.
    """

    session: str
    at: float
    endpoint: str = ""
    side: str = "server"
    version: str = ""
    recognizer: str = ""
    reply_model: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class End:
    """A session has ended.

    Attributes:
        code: why.
        audio_seconds: what was received.
    """

    session: str
    at: float
    code: str = ""
    audio_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """The client's clock was compared with the server's.

    Attributes:
        offset: seconds, server - client.
        error: seconds that the offset may be wrong by.
    """

    session: str
    at: float
    offset: float | None
    error: float | None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Audio of one message.

    Attributes:
        start: position of its first sample.
        end: position behind its last one.
        captured_at: when its first sample was captured; None where the client's clock could not
            be compared.
        sent_at: when it left the client.
        received_at: when the server had it.
        scored_at: when the detector had heard it.
        level: RMS in dB of full scale.
        speech: highest probability of speech in it.
    """

    session: str
    channel: int
    start: int
    end: int
    captured_at: float | None = None
    sent_at: float | None = None
    received_at: float | None = None
    scored_at: float | None = None
    level: float | None = None
    speech: float | None = None


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word of a hypothesis."""

    text: str
    start: int
    end: int
    committed: bool


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A pass of the recognizer over [start, end).

    Attributes:
        outcome: `done`, `superseded` or `failed`.
        committed_until: position up to which words are committed after it.
        words: only in traces with words.
    """

    session: str
    channel: int
    segment: int
    start: int
    end: int
    asked_at: float
    started_at: float | None = None
    ended_at: float | None = None
    final: bool = False
    outcome: str = "done"
    committed_until: int | None = None
    words: tuple[SpokenWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Caption:
    """A result that was sent.

    Attributes:
        at: when it was.
        latency: stage -> seconds after `received_at`, for the last sample of its last word.
        captured_at: when that sample was captured.
        received_at: when the server had it.
        received_at_client: when the client had the caption.
        shown_at: when it was painted.
    """

    session: str
    channel: int
    at: float
    start: int
    end: int
    is_final: bool = False
    speech_final: bool = False
    word_count: int = 0
    committed_count: int = 0
    latency: Mapping[str, float] = field(default_factory=dict)
    captured_at: float | None = None
    received_at: float | None = None
    received_at_client: float | None = None
    shown_at: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person has said, at the time when that was told.

    Attributes:
        seconds: of it.
        latency: stage -> seconds after its last sample was received.
        end: position behind its last word.
        received_at: when the server had that.
    """

    session: str
    at: float
    status: str = ""
    seconds: float = 0.0
    words: int = 0
    latency: Mapping[str, float] = field(default_factory=dict)
    transcript: str = ""
    end: int | None = None
    received_at: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What became of a reply, at the time when it was over.

    Attributes:
        response: its id.
        audio_seconds: of its sound.
        latency: part -> seconds, as the server has measured; `voice_to_voice` is their sum.
        parts: part -> seconds, as the client has; its sum is all of the silence.
        captured_at: when the person's last sample of speech was captured.
        received_at: when the server had it.
        spoken: it answers somebody who spoke, as far as the trace tells; else the client has asked
            for it.
        audible_sent_at: when the first sound that can be heard was sent.
        heard_at: when that was played.
    """

    session: str
    at: float
    response: str
    status: str = ""
    reason: str = ""
    audio_seconds: float = 0.0
    latency: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, float] = field(default_factory=dict)
    captured_at: float | None = None
    received_at: float | None = None
    spoken: bool = True
    audible_sent_at: float | None = None
    heard_at: float | None = None
    text: str = ""


Record = Begin | End | Clock | Chunk | Hypothesis | Caption | Turn | Response
