"""What every synthesizer refuses to speak, in the same words."""

from __future__ import annotations

from typing import Final

from streamkit.errors import SynthesisError

MAX_TEXT_CHARACTERS: Final = 100_000
"""About two hours of speech: what is longer is a mistake of the caller."""


def check_arguments(text: str, speed: float, slowest: float, fastest: float) -> None:
    """Make sure that a text and a speed can be spoken.

    Args:
        text: at most `MAX_TEXT_CHARACTERS` characters.
        speed: from `slowest` to `fastest`, which the synthesizer knows.
        slowest: see there.
        fastest: see there.

    Raises:
        SynthesisError: one of them is out of range; the message says what is accepted.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise SynthesisError(
            f"the text has {len(text)} characters, at most {MAX_TEXT_CHARACTERS} are spoken in "
            "one go: split it"
        )
    if not slowest <= speed <= fastest:
        raise SynthesisError(f"speed {speed} is out of range: {slowest} to {fastest}")
