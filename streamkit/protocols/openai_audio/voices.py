"""`/v1/audio/voices`: what a client asks for, and the objects that it is answered with.

Read off openai 3.54 (Python): `resources/audio/voices.py`, which creates and deletes. Listing and
finding are ours, in the form that OpenAI's other lists have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamkit.protocols.deepgram.quoting import echo
from streamkit.protocols.openai_audio.errors import ApiError, Message, missing

SAMPLE = "audio_sample"
"""The one way of making a voice, and the name of the field with the recording."""

BUILT_IN = "built_in"
"""What `type` of a voice says that nobody has made here."""

MAX_STATEMENT_CHARACTERS = 500

_REFUSALS = frozenset({"false", "no", "none", "null", "0", "off"})
_STATEMENT = (
    "a sentence that says who agreed and when, as in "
    '"Anna Smith agreed in writing on 2 May 2026"; it is kept with the voice'
)


@dataclass(frozen=True, slots=True)
class VoiceRequest:
    """A voice that is to be made.

    Attributes:
        name: as the client gave it.
        consent: what it says of the speaker's consent.
        language: of the recording, as the client gave it; None: it is not said.
    """

    name: str
    consent: str = field(repr=False)
    language: str | None = None


def parse_voice(fields: Iterable[tuple[str, str]], sample: bool) -> VoiceRequest:
    """Read the fields of a form other than the recording; those that are not known are ignored.

    `consent` is OpenAI's id of a consent recording. There are none here: it is any statement, and
    kept as it is. `language` is ours.

    Args:
        fields: names and values as they came.
        sample: the form has a recording.

    Raises:
        ApiError: a field is missing or has a value that cannot be used.
    """
    given = {name: value.strip() for name, value in fields}
    kind = given.get("type") or SAMPLE
    if kind != SAMPLE:
        raise ApiError(
            f"type={echo(kind)} was given; accepted: {SAMPLE}: a voice is made from a recording "
            "here, and never from a description",
            param="type",
            code="unsupported_voice_type",
        )
    if not given.get("name"):
        raise missing("name", "a name for the voice")
    if not sample:
        raise missing(SAMPLE, "one audio file, as a part of the form with a file name")
    return VoiceRequest(given["name"], _consent(given), given.get("language") or None)


def _consent(given: dict[str, str]) -> str:
    statement = given.get("consent", "")
    if not statement:
        raise missing("consent", _STATEMENT)
    if statement.lower() in _REFUSALS:
        raise ApiError(
            f"consent={echo(statement)} was given; accepted: {_STATEMENT}",
            param="consent",
            code="consent_required",
        )
    if len(statement) > MAX_STATEMENT_CHARACTERS:
        raise ApiError(
            f"a consent of {len(statement)} characters was given; accepted: up to "
            f"{MAX_STATEMENT_CHARACTERS}",
            param="consent",
            code="string_above_max_length",
        )
    return statement


def voice_object(name: str, created_at: int, kind: str, **own: Any) -> Message:
    """One voice, as the SDKs read it. Its id is its name.

    Args:
        name: by which it is asked for.
        created_at: Unix time in seconds; 0 where it is not known.
        kind: `SAMPLE` or `BUILT_IN`.
        own: what else there is to be said.
    """
    return {
        "id": name,
        "object": "audio.voice",
        "created_at": created_at,
        "name": name,
        "type": kind,
        "streamkit": own,
    }


def voice_list(voices: Sequence[Message], unusable: Iterable[tuple[str, str]]) -> Message:
    """The answer to `GET /v1/audio/voices`: all of them at once.

    Args:
        voices: made by `voice_object`.
        unusable: names of voices whose files are damaged, and what is wrong with them.
    """
    return {
        "object": "list",
        "data": list(voices),
        "first_id": voices[0]["id"] if voices else None,
        "last_id": voices[-1]["id"] if voices else None,
        "has_more": False,
        "streamkit": {
            "unusable": [{"id": name, "reason": reason} for name, reason in unusable],
        },
    }


def voice_deleted(name: str) -> Message:
    """The answer to `DELETE /v1/audio/voices/NAME`."""
    return {"id": name, "object": "audio.voice.deleted", "deleted": True}


def voice_not_found(name: str) -> ApiError:
    """There is no voice of that name."""
    return ApiError(
        f"there is no voice {echo(name)}; accepted: an id that GET /v1/audio/voices lists",
        status=404,
        param="voice_id",
        code="voice_not_found",
    )


def no_consents() -> ApiError:
    """Consent recordings are not kept here."""
    return ApiError(
        "consent recordings are not kept here; accepted: POST /v1/audio/voices with consent="
        f"{_STATEMENT}",
        status=404,
        code="voice_consents_unsupported",
    )
