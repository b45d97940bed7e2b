"""Sentences that take about so long to say."""

from __future__ import annotations

from typing import Final

from streamkit.tts.xtts.limits import LIMITS, TOKEN_SECONDS

CHARACTERS_PER_SECOND: Final = 12.0
"""A little slower than most voices, so that 20 s are still one sentence to XTTS."""

TEXT: Final = (
    "the quiet water of the lake was like a mirror in the morning light and nobody on the shore "
    "said a word because they had walked for hours through the dark forest with heavy bags and "
    "were glad to see the first boats of the day come home"
)


def text_of(seconds: float) -> str:
    """A sentence of about `seconds` at `CHARACTERS_PER_SECOND`, to the nearest word.

    Args:
        seconds: above 0, at most 20.

    Raises:
        ValueError: it would be longer than what XTTS takes as one sentence.
    """
    wanted = seconds * CHARACTERS_PER_SECOND
    text = ""
    for word in TEXT.split():
        longer = f"{text} {word}".strip()
        if text and abs(len(longer) + 1 - wanted) > abs(len(text) + 1 - wanted):
            break
        text = longer
    most = min(len(TEXT) + 1, LIMITS["en"].characters)
    if wanted > most + CHARACTERS_PER_SECOND:
        raise ValueError(
            f"a sentence of {seconds:g} s was asked for; at most {most / CHARACTERS_PER_SECOND:.0f}"
        )
    return text[:1].upper() + text[1:] + "."


def tokens_of(text: str) -> int:
    """Tokens of sound that a text gets where the model does not know when to stop."""
    return max(1, round(len(text) / CHARACTERS_PER_SECOND / TOKEN_SECONDS))
