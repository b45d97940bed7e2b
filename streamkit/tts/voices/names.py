"""Names of cloned voices: keys of a registry, never paths."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from streamkit.tts.voices.errors import VoiceNameError

ACCEPTED_NAMES: Final = (
    "1 to 64 of the letters A to Z, digits, '.', '_' and '-', beginning with a letter or a digit"
)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_SHOWN_CHARACTERS: Final = 80


def key_of(name: str) -> str:
    """What names are compared by: without case, and however their accents are encoded.

    Built-in voices may have any name, so this takes any text.
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def is_name(name: str) -> bool:
    """Tell whether a text can name a cloned voice."""
    return _NAME.fullmatch(name) is not None


def check_name(name: str, reserved: Iterable[str] = ()) -> None:
    """Refuse what cannot name a new voice.

    Args:
        name: as a person or a client gave it.
        reserved: names that mean something else already, in any case.

    Raises:
        VoiceNameError: it is no name, or one of those that are reserved.
    """
    if not is_name(name):
        raise VoiceNameError(f"{shown(name)} cannot name a voice; accepted: {ACCEPTED_NAMES}")
    key = key_of(name)
    if any(key == key_of(other) for other in reserved):
        raise VoiceNameError(
            f"{shown(name)} is the name of a built-in voice, or one that stands for such a voice; "
            "accepted: a name that is not in use"
        )


def shown(name: str) -> str:
    """A name as it may stand in a message: short, one line, printable."""
    return ascii(name if len(name) <= _SHOWN_CHARACTERS else name[:_SHOWN_CHARACTERS] + "…")
