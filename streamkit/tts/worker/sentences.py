"""A text made ready for a speech model: sentences, each within the model's limits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamkit.tts.worker.messages import SpokenWord


@dataclass(frozen=True, slots=True)
class PreparedSentence:
    """What is said in one go."""

    text: str
    """As the model is given it: within its limits, numbers and abbreviations in words."""
    words: tuple[SpokenWord, ...]
    """Of `text`, in order; each tells where it was written in the text of the stream."""


Prepare = Callable[[str, str], Sequence[PreparedSentence]]
"""Makes sentences of a text and its language, which is one of `EngineInfo.languages`.

Raises SynthesisError when it cannot."""
