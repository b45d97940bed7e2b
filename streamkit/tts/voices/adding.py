"""From a recording to a voice in the store, step by step: for the command and for the server."""

from __future__ import annotations

import re
import time
from typing import IO, Final

from streamkit.tts.voices.errors import VoiceError
from streamkit.tts.voices.recording import read_recording
from streamkit.tts.voices.reference import Reference, SpeechDetector, prepare
from streamkit.tts.voices.voice_file import Consent, VoiceRecord

ACCEPTED_LANGUAGES: Final = "a language tag such as en, de or pt-BR"

_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,4}", re.ASCII)


def read_reference(file: IO[bytes], detect: SpeechDetector) -> Reference:
    """Read and check a recording; takes a moment.

    Raises:
        AudioFormatError: it is no sound file, or a damaged one.
        RecordingError: it is not fit for a voice.
    """
    return prepare(read_recording(file), detect)


def check_language(tag: str | None) -> str | None:
    """The tag as it is kept.

    Raises:
        VoiceError: it is none.
    """
    if tag is None:
        return None
    if _LANGUAGE.fullmatch(tag) is None:
        raise VoiceError(
            f"language {tag[:40]!a} was given; accepted: {ACCEPTED_LANGUAGES}",
            "invalid_language",
        )
    return tag.lower()


def make_record(
    name: str, model: str, reference: Reference, said_by: str, language: str | None
) -> VoiceRecord:
    """What is written down of a voice that is made now, by consent of its speaker.

    Args:
        name: of the voice.
        model: that makes it.
        reference: what it is made of.
        said_by: who said that the speaker has agreed, and in which words.
        language: BCP 47 tag, if it is known.
    """
    now = int(time.time())
    return VoiceRecord(
        name=name,
        model=model,
        consent=Consent(given=True, said_by=said_by, at=now),
        created_at=now,
        source_sha256=reference.sha256,
        source_seconds=reference.source_seconds,
        language=check_language(language),
    )
