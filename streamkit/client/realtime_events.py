"""What a Realtime server says, and how it is read off the wire (OpenAI Realtime protocol, GA).

Only what a voice chat needs is read; every other message is passed over. A server of ours adds
facts of its own in one key, `streamkit`; a server without them is understood as well.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamkit.client.events import ClockAnswered, Reconnected, Reconnecting
from streamkit.client.playback import REALTIME_RATE, Part
from streamkit.errors import ProtocolError


@dataclass(frozen=True, slots=True)
class SessionConfigured:
    """The session as the server has it, defaults filled in (`session.created`, `.updated`).

    Attributes:
        session: as it came.
        ours: it is a server of ours, which takes the key `streamkit` in messages; others refuse
            what they do not know.
    """

    session: Mapping[str, Any]
    ours: bool = False

    @property
    def interrupts(self) -> bool:
        """Whether the person's speech is meant to stop a reply."""
        audio = self.session.get("audio") or {}
        detection = (audio.get("input") or {}).get("turn_detection") or {}
        return bool(detection.get("interrupt_response", True))


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The person speaks, since `audio_start_ms` of the audio of this session."""

    item_id: str
    audio_start_ms: float


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The person has stopped at `audio_end_ms` of the audio of this session."""

    item_id: str
    audio_end_ms: float


@dataclass(frozen=True, slots=True)
class AudioCommitted:
    """What the person said is an item of the conversation now."""

    item_id: str


@dataclass(frozen=True, slots=True)
class UserWords:
    """More words of the person's, to be appended to those before."""

    item_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class UserTranscript:
    """All that the person said; takes the place of the words before."""

    item_id: str
    transcript: str


@dataclass(frozen=True, slots=True)
class UserTranscriptFailed:
    """What the person said could not be understood."""

    item_id: str
    message: str


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """The agent begins to reply."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ReplyWords:
    """More words of a reply, spoken (they belong to the sound that follows) or written.

    Attributes:
        response_id: of the reply.
        part: whose words.
        delta: to be appended.
        spoken: False for a reply in writing.
    """

    response_id: str
    part: Part
    delta: str
    spoken: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ReplySound:
    """More sound of a reply.

    Attributes:
        response_id: of the reply.
        part: whose sound.
        samples: int16 of shape (n,), at `REALTIME_RATE`.
        words: (sample, word) for the words that begin in it, where the server tells that;
            samples count from the beginning of the part.
    """

    response_id: str
    part: Part
    samples: NDArray[np.int16]
    words: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ReplySoundDone:
    """All sound of a part has been sent."""

    response_id: str
    part: Part


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A reply is complete, or will never be.

    Attributes:
        response_id: of the reply.
        status: completed, cancelled, failed or incomplete.
        reason: why it was cancelled or is incomplete; empty: not told.
        error: what went wrong when it failed; empty: not told.
        latency: stage -> milliseconds, as a server of ours measures them; may be empty.
    """

    response_id: str
    status: str
    reason: str = ""
    error: str = ""
    latency: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RealtimeError:
    """The server refused something or failed; the session lives on."""

    code: str
    message: str


ServerEvent = (
    SessionConfigured
    | SpeechStarted
    | SpeechStopped
    | AudioCommitted
    | UserWords
    | UserTranscript
    | UserTranscriptFailed
    | ResponseCreated
    | ReplyWords
    | ReplySound
    | ReplySoundDone
    | ResponseDone
    | RealtimeError
    | ClockAnswered
)
RealtimeEvent = ServerEvent | Reconnecting | Reconnected


def parse_event(message: str | bytes) -> ServerEvent | None:
    """Read one server message.

    Returns:
        The event, or None for a message that a voice chat does not need.

    Raises:
        ProtocolError: the message is no JSON object, or lacks what its type requires.
    """
    try:
        wire = json.loads(message)
        return _event(wire)
    except (ValueError, OverflowError, LookupError, TypeError, AttributeError) as error:
        raise ProtocolError(
            f"the server sent {message[:80]!r}, which is not a message of the OpenAI Realtime "
            f"protocol ({type(error).__name__}: {error}); check that the address is the "
            "/v1/realtime endpoint of streamkit or of another GA Realtime server"
        ) from error


def _event(wire: Mapping[str, Any]) -> ServerEvent | None:
    match wire["type"]:
        case "session.created" | "session.updated":
            session = dict(wire["session"])
            return SessionConfigured(session, "streamkit" in wire or "streamkit" in session)
        case "input_audio_buffer.speech_started":
            return SpeechStarted(str(wire["item_id"]), float(wire["audio_start_ms"]))
        case "input_audio_buffer.speech_stopped":
            return SpeechStopped(str(wire["item_id"]), float(wire["audio_end_ms"]))
        case "input_audio_buffer.committed":
            return AudioCommitted(str(wire["item_id"]))
        case "conversation.item.input_audio_transcription.delta":
            return UserWords(str(wire["item_id"]), str(wire.get("delta") or ""))
        case "conversation.item.input_audio_transcription.completed":
            return UserTranscript(str(wire["item_id"]), str(wire["transcript"]))
        case "conversation.item.input_audio_transcription.failed":
            return UserTranscriptFailed(str(wire["item_id"]), _message(wire.get("error")))
        case "response.created":
            return ResponseCreated(str(wire["response"]["id"]))
        case "response.output_audio_transcript.delta":
            return ReplyWords(str(wire["response_id"]), _part(wire), str(wire["delta"]))
        case "response.output_text.delta":
            part = _part(wire)
            return ReplyWords(str(wire["response_id"]), part, str(wire["delta"]), spoken=False)
        case "response.output_audio.delta":
            return _sound(wire)
        case "response.output_audio.done":
            return ReplySoundDone(str(wire["response_id"]), _part(wire))
        case "response.done":
            return _done(wire["response"])
        case "streamkit.clock":
            return ClockAnswered.read(wire)
        case "error":
            error = wire["error"]
            return RealtimeError(str(error.get("code") or error.get("type") or ""), _message(error))
        case _:
            return None


def _part(wire: Mapping[str, Any]) -> Part:
    return Part(str(wire["item_id"]), int(wire.get("content_index") or 0))


def _sound(wire: Mapping[str, Any]) -> ReplySound:
    data = base64.b64decode(wire["delta"], validate=True)
    # An odd number of bytes is refused here: half a sample would turn all that follow into noise.
    samples = np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)
    own = wire.get("streamkit") or {}
    return ReplySound(
        str(wire["response_id"]), _part(wire), samples, _words(own.get("words") or ())
    )


def _words(wire: Sequence[Sequence[Any]]) -> tuple[tuple[int, str], ...]:
    """Pairs of (milliseconds, word)."""
    return tuple((round(float(at) * REALTIME_RATE / 1000), str(word)) for at, word in wire)


def _done(response: Mapping[str, Any]) -> ResponseDone:
    details = response.get("status_details") or {}
    latency = (response.get("streamkit") or {}).get("latency") or {}
    return ResponseDone(
        response_id=str(response["id"]),
        status=str(response["status"]),
        reason=str(details.get("reason") or ""),
        error=_message(details["error"]) if details.get("error") else "",
        latency={
            str(stage): float(value)
            for stage, value in latency.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        },
    )


def _message(error: Mapping[str, Any] | None) -> str:
    error = error or {}
    return str(error.get("message") or error.get("code") or "no reason given")
