"""The two halves of a session's `audio`: what is heard, and what is said."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamkit.errors import StreamkitError
from streamkit.protocols.openai_realtime.audio_formats import Encoding, encoding, format_wire
from streamkit.protocols.openai_realtime.errors import EventError
from streamkit.protocols.openai_realtime.fields import Members, Reader, number, one_of, string
from streamkit.protocols.openai_realtime.transcription import Transcription, transcription
from streamkit.protocols.openai_realtime.turn_detection import turn_detection, turn_detection_wire
from streamkit.session.conversation_options import SemanticVad, TurnDetection

MIN_SPEED = 0.25
MAX_SPEED = 1.5
MAX_VOICE_CHARACTERS = 256

NOISE_REDUCTIONS = ("near_field", "far_field")

Check = Callable[[str], None]
"""Raises ValueError or StreamkitError, with a text for people, for a name that is not offered."""


def anything(name: str) -> None:
    """Take every name."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What the server has, and what a client gets that asks for nothing.

    Attributes:
        voice: name of the default voice.
        transcription_model: name of the recognizer.
        check_voice: of names that a client gives.
        check_language: of ISO 639-1 codes.
    """

    voice: str
    transcription_model: str = "whisper-1"
    check_voice: Check = anything
    check_language: Check = anything


@dataclass(frozen=True, slots=True)
class AudioInput:
    """What a session hears.

    Attributes:
        encoding: of the sound.
        noise_reduction: what the client asked for; nothing is reduced.
        transcription: None: the client is not told what the person says.
        turn_detection: None: the client says when a turn ends.
    """

    encoding: Encoding = "audio/pcm"
    noise_reduction: Mapping[str, Any] | None = None
    transcription: Transcription | None = None
    turn_detection: TurnDetection | None = field(default_factory=SemanticVad)

    def update(self, members: Members, offer: Offer, always: bool) -> AudioInput:
        """Take over a partial update; with `always`, transcription cannot be turned off."""
        fresh = Transcription(offer.transcription_model) if always else None
        words = members.changed(
            "transcription",
            transcription(self.transcription, offer.transcription_model),
            self.transcription,
            fresh,
        )
        if words is not None and words.spoken is not None:
            path = f"{members.path('transcription')}.language"
            _check(offer.check_language, words.spoken, path)
        return AudioInput(
            encoding=members.changed("format", encoding(self.encoding), self.encoding, "audio/pcm"),
            noise_reduction=members.changed(
                "noise_reduction",
                _noise_reduction(self.noise_reduction),
                self.noise_reduction,
                None,
            ),
            transcription=words,
            turn_detection=members.changed(
                "turn_detection", turn_detection(self.turn_detection), self.turn_detection, None
            ),
        )

    def wire(self) -> dict[str, Any]:
        """As the server tells it."""
        return {
            "format": format_wire(self.encoding),
            "transcription": None if self.transcription is None else self.transcription.wire(),
            "noise_reduction": None if self.noise_reduction is None else {**self.noise_reduction},
            "turn_detection": turn_detection_wire(self.turn_detection),
        }


INPUT_FIELDS = ("format", "transcription", "noise_reduction", "turn_detection")


@dataclass(frozen=True, slots=True)
class AudioOutput:
    """What a session says.

    Attributes:
        voice: name.
        encoding: of the sound.
        speed: of the voice, 1 is usual.
    """

    voice: str
    encoding: Encoding = "audio/pcm"
    speed: float = 1.0

    def update(self, members: Members, offer: Offer) -> AudioOutput:
        """Take over a partial update."""
        return dataclasses.replace(
            self,
            voice=members.changed("voice", voice(offer.check_voice), self.voice, offer.voice),
            encoding=members.changed("format", encoding(self.encoding), self.encoding, "audio/pcm"),
            speed=members.changed("speed", number(MIN_SPEED, MAX_SPEED), self.speed, 1.0),
        )

    def wire(self) -> dict[str, Any]:
        """As the server tells it."""
        return {
            "format": format_wire(self.encoding),
            "voice": self.voice,
            "speed": self.speed,
        }


OUTPUT_FIELDS = ("format", "voice", "speed")


def voice(check: Check) -> Reader[str]:
    """Reader of a voice: its name, or an object with the name as `id`."""

    def read(value: object, path: str) -> str:
        name = string(MAX_VOICE_CHARACTERS, shortest=1)
        if isinstance(value, Mapping):
            members = Members(value, path, ("id",))
            chosen = members.required("id", name)
        else:
            chosen = name(value, path)
        _check(check, chosen, path)
        return chosen

    return read


def _check(check: Check, name: str, path: str) -> None:
    try:
        check(name)
    except (ValueError, StreamkitError) as error:
        raise EventError(f"{path}: {error}", code="invalid_value", param=path) from error


def _noise_reduction(current: Mapping[str, Any] | None) -> Reader[Mapping[str, Any]]:
    def read(value: object, path: str) -> Mapping[str, Any]:
        members = Members(value, path, ("type", "strength"))
        old = current or {}
        chosen = {
            "type": members.changed("type", one_of(NOISE_REDUCTIONS), old.get("type"), None),
            "strength": members.changed("strength", number(0, 1e3), old.get("strength"), None),
        }
        return {name: value for name, value in chosen.items() if value is not None}

    return read
