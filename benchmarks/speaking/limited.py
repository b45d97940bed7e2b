"""Sentences that end when their text has been said, with a model that does not know when that is.

A model with random weights goes on until there is no more room. Here every sentence of the engine
ends after the tokens that `texts.tokens_of` gives its text. What was computed is kept on request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor

from streamkit.tts.xtts import engine as engine_module
from streamkit.tts.xtts.engine import XttsEngine, load
from streamkit.tts.xtts.sentence import Sentence
from streamkit_benchmarks.speaking.texts import tokens_of


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """What the model computed for one sentence: `latents` are float32 (channels,) each."""

    tokens: list[int] = field(default_factory=list)
    latents: list[Tensor] = field(default_factory=list)


class LimitedSentence(Sentence):
    """Ends when its text has been said, and may tell how."""

    limited: ClassVar[bool] = False
    log: ClassVar[dict[int, Computed] | None] = None
    """By the id of the sentence."""

    def append(self, latent: Tensor, token: int, attention: npt.NDArray[np.float32] | None) -> None:
        """See `Sentence.append`."""
        super().append(latent, token, attention)
        if self.limited and self.count >= tokens_of(self.speak.text):
            self.ended = True
        if self.log is not None:
            computed = self.log.setdefault(self.speak.id, Computed())
            computed.tokens.append(token)
            computed.latents.append(latent)


def load_limited(*, limited: bool, **arguments: Any) -> XttsEngine:
    """Load the engine, with such sentences from now on in this process.

    Args:
        limited: else sentences end when the model says so.
        arguments: of `streamkit.tts.xtts.engine.load`.
    """
    vars(engine_module)["Sentence"] = LimitedSentence
    # The warm-up takes as long as it does in a server.
    engine = load(**arguments)
    LimitedSentence.limited = limited
    if limited:
        # No token ends a sentence: random weights would draw that one now and then.
        engine._gpt.stop = -1
    return engine
