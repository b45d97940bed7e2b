"""Where the words of a sentence begin: which heads are watched, and who follows them."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import numpy as np

from streamkit.tts.latents import VoiceLatents
from streamkit.tts.worker.messages import Speak, SpokenWord
from streamkit.tts.xtts.alignment import (
    Aligner,
    AlignmentHead,
    Attention,
    ProportionalAligner,
    WordAligner,
    WordStart,
    choose_heads,
)
from streamkit.tts.xtts.gpt import Gpt

logger = logging.getLogger("streamkit.xtts")

SENTENCE: Final = "the quiet water of the lake was like a mirror in the morning light."
"""What is spoken at the start, which nobody hears."""

STEPS: Final = 120
"""Tokens of sound (5.6 s) that it may take; a reader needs about 90."""

KEPT_PACES: Final = 64
"""Voices whose pace is remembered, the last ones that spoke."""

_FIRST_ID: Final = -1
"""Sentences of others have numbers from 0 on."""


class Watch:
    """Knows which attention heads of a model follow the text.

    Args:
        gpt: the model; its `watched` is set here.
    """

    def __init__(self, gpt: Gpt) -> None:
        self._gpt = gpt
        self._heads: tuple[AlignmentHead, ...] = ()
        self._record: Record | None = None
        self._paces: OrderedDict[tuple[str | bytes, str], float] = OrderedDict()

    def begin(self) -> None:
        """Watch all heads, while the sentence of the warm-up is spoken."""
        self._record = Record()
        layers, heads = range(self._gpt.layers), range(self._gpt.heads)
        self._gpt.watched = [(layer, head) for layer in layers for head in heads]

    def sentence(self, voice: str | VoiceLatents) -> Speak:
        """What is spoken meanwhile."""
        return Speak(_FIRST_ID, SENTENCE, (SpokenWord(0, 3, 0, 3),), "en", voice, 1.0, 0)

    def finish(self) -> None:
        """Choose the heads, from what was seen."""
        assert self._record is not None
        rows = self._record.rows
        self._record = None
        self._heads = ()
        if rows:
            seen = np.stack(rows, axis=1)
            choice = choose_heads(seen.reshape(self._gpt.layers, self._gpt.heads, *seen.shape[1:]))
            # In the order in which the model tells of them.
            self._heads = tuple(sorted(choice.heads, key=lambda each: (each.layer, each.head)))
            found = ", ".join(f"{each.layer}.{each.head}" for each in self._heads)
            logger.info(
                "heads that follow the text: %s (score %.2f)",
                found or "none, words are placed by their length",
                choice.score,
            )
        self._gpt.watched = [(each.layer, each.head) for each in self._heads]

    def aligner(self, speak: Speak, owners: Sequence[int | None]) -> WordAligner:
        """Who tells where the words of a sentence begin.

        Args:
            speak: the sentence.
            owners: the word of each of its text tokens.
        """
        if self._record is not None:
            return self._record
        if self._heads:
            return Aligner(owners, len(speak.words), self._heads)
        pace = self._paces.get(_speaker(speak), 1.0)
        return ProportionalAligner(speak.text, speak.words, speak.language, pace=pace)

    def learn(self, speak: Speak, aligner: WordAligner) -> None:
        """A sentence was said to its end: the next one of its voice will take as long, relatively.

        Args:
            speak: the sentence.
            aligner: that of it.
        """
        if isinstance(aligner, ProportionalAligner):
            self._paces[_speaker(speak)] = aligner.pace
            self._paces.move_to_end(_speaker(speak))
            if len(self._paces) > KEPT_PACES:
                self._paces.popitem(last=False)


def _speaker(speak: Speak) -> tuple[str | bytes, str]:
    """Who speaks, and in which language."""
    voice = speak.voice
    return voice if isinstance(voice, str) else voice.speaker.tobytes(), speak.language


class Record:
    """Keeps what all heads look at, and tells nothing.

    Attributes:
        rows: for each token of sound float32 (heads, tokens of text).
    """

    def __init__(self) -> None:
        self.rows: list[Attention] = []

    def push(self, attention: Attention | None) -> list[WordStart]:
        """See `WordAligner`."""
        if attention is not None:
            self.rows.append(attention)
        return []

    def finish(self) -> list[WordStart]:
        """See `WordAligner`."""
        return []
