"""What a voice chat says to a Realtime server, as messages ready to be sent as JSON."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from streamkit.client.playback import REALTIME_RATE, Position

Message = Mapping[str, Any]
Role = Literal["user", "assistant"]
Eagerness = Literal["low", "medium", "high", "auto"]

PCM: Final = {"type": "audio/pcm", "rate": REALTIME_RATE}

TRANSCRIPTION_MODEL: Final = "whisper-1"
"""A name that every server of this protocol knows; ours takes it for the model that it has."""

COMMIT: Final[Message] = {"type": "input_audio_buffer.commit"}
CLEAR: Final[Message] = {"type": "input_audio_buffer.clear"}
CREATE_RESPONSE: Final[Message] = {"type": "response.create"}
CANCEL_RESPONSE: Final[Message] = {"type": "response.cancel"}


@dataclass(frozen=True, slots=True)
class ServerVad:
    """A turn ends after so many milliseconds of silence."""

    silence_ms: int


@dataclass(frozen=True, slots=True)
class SemanticVad:
    """A turn ends sooner when it sounds finished, and later when it does not."""

    eagerness: Eagerness


class Manual:
    """The client says when a turn ends."""


TurnDetection = ServerVad | SemanticVad | Manual


@dataclass(frozen=True, slots=True)
class TalkOptions:
    """What is asked of the server; None leaves the choice to it.

    Attributes:
        voice: of the agent.
        speed: of the voice, 0.25 to 1.5; 1 is usual.
        language: ISO 639-1 code of what the person speaks.
        instructions: for the model.
        turn_detection: how the end of a turn is found.
    """

    voice: str | None = None
    speed: float | None = None
    language: str | None = None
    instructions: str | None = None
    turn_detection: TurnDetection | None = None

    def update(self) -> Message:
        """The message that configures a session."""
        heard: dict[str, Any] = {"format": PCM, "transcription": {"model": TRANSCRIPTION_MODEL}}
        if self.language is not None:
            heard["transcription"]["language"] = self.language
        match self.turn_detection:
            case ServerVad(silence_ms):
                heard["turn_detection"] = {"type": "server_vad", "silence_duration_ms": silence_ms}
            case SemanticVad(eagerness):
                heard["turn_detection"] = {"type": "semantic_vad", "eagerness": eagerness}
            case Manual():
                heard["turn_detection"] = None
            case None:
                pass
        spoken: dict[str, Any] = {"format": PCM}
        if self.voice is not None:
            spoken["voice"] = self.voice
        if self.speed is not None:
            spoken["speed"] = self.speed
        session: dict[str, Any] = {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {"input": heard, "output": spoken},
        }
        if self.instructions is not None:
            session["instructions"] = self.instructions
        return {"type": "session.update", "session": session}


def append(
    samples: NDArray[np.int16], captured_at: float | None, played: Position | None, *, ended: bool
) -> Message:
    """Sound of the microphone, and how far the reply was played; either may be absent.

    Args:
        samples: int16 of shape (n,), at `REALTIME_RATE`; n may be 0.
        captured_at: Unix time of the first of them.
        played: how far the reply is played; None: nothing is being played.
        ended: it will be played no further.
    """
    own: dict[str, Any] = {}
    if captured_at is not None:
        own["captured_at"] = captured_at
    if played is not None:
        own["played"] = {**_place(played), "audio_end_ms": played.exact_milliseconds}
        if ended:
            own["played"]["ended"] = True
    message = {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(samples.astype("<i2", copy=False).tobytes()).decode("ascii"),
    }
    return {**message, "streamkit": own} if own else message


def ask_clock(clock: Mapping[str, Any]) -> Message:
    """Ask what the server's clock says; it comes without sound."""
    return {"type": "input_audio_buffer.append", "audio": "", "streamkit": {"clock": clock}}


def truncate(position: Position) -> Message:
    """Of this reply, so much was heard."""
    return {
        "type": "conversation.item.truncate",
        **_place(position),
        "audio_end_ms": position.milliseconds,
    }


def said(role: Role, text: str) -> Message:
    """Put something that was said or written into the conversation."""
    kind = "input_text" if role == "user" else "output_text"
    item = {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return {"type": "conversation.item.create", "item": item}


def _place(position: Position) -> dict[str, Any]:
    return {"item_id": position.part.item_id, "content_index": position.part.content_index}
