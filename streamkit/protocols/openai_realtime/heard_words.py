"""The person's words as messages tell them: how probable, and when."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from streamkit.asr.recognizer import Word
from streamkit.audio.clock import SAMPLE_RATE

LEAST_PROBABILITY = 1e-9
"""The logarithm of 0 cannot be written in JSON."""


def in_milliseconds(samples: int, rate: int) -> float:
    """A sample position in milliseconds, exact to a sample."""
    return round(samples * 1000 / rate, 3)


def logprobs(words: Sequence[Word], text: str) -> list[dict[str, Any]]:
    """The words as OpenAI's log-probabilities; the tokens joined are the text.

    Args:
        words: of the text.
        text: that the message holds; it may begin with a blank.
    """
    told = []
    for index, word in enumerate(words):
        spaced = word.spaced if index else text.startswith(" ")
        token = f" {word.text}" if spaced else word.text
        told.append(
            {
                "token": token,
                "bytes": list(token.encode()),
                "logprob": round(math.log(max(word.probability, LEAST_PROBABILITY)), 4),
            }
        )
    return told


def timed(words: Sequence[Word]) -> list[dict[str, Any]]:
    """The words with their places in the client's audio."""
    return [
        {
            "word": word.text,
            "start_ms": in_milliseconds(word.start, SAMPLE_RATE),
            "end_ms": in_milliseconds(word.end, SAMPLE_RATE),
            "probability": round(word.probability, 4),
        }
        for word in words
    ]
