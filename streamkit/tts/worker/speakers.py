"""The voices that a model brings along; each of them speaks every language that the model does."""

from __future__ import annotations

from typing import Final

from streamkit.errors import SynthesisError
from streamkit.tts.synthesizer import Voice
from streamkit.tts.worker.messages import EngineInfo

ANY_LANGUAGE: Final = "mul"
"""BCP 47 for several languages."""
NAMED_IN_ERRORS: Final = 6


def list_speakers(info: EngineInfo) -> list[Voice]:
    """The voices of a model, sorted by name."""
    return [Voice(name, ANY_LANGUAGE, f"{name} of {info.name}") for name in sorted(info.speakers)]


def find_speaker(info: EngineInfo, name: str) -> str:
    """The model's own name of a voice, which is found in any case.

    Raises:
        SynthesisError: there is no such voice; the message names some.
    """
    if name in info.speakers:
        return name
    for speaker in info.speakers:
        if speaker.lower() == name.lower():
            return speaker
    some = ", ".join(info.speakers[:NAMED_IN_ERRORS])
    raise SynthesisError(f"unknown voice {name!r} of {info.name}; some that work: {some}")
