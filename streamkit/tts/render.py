"""A whole text as one array, for those who do not stream."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.resample import StreamingResampler
from streamkit.tts.synthesizer import Synthesizer


def render(
    synthesizer: Synthesizer,
    text: str,
    *,
    voice: str | None = None,
    language: str | None = None,
    speed: float = 1.0,
    sample_rate: int = SAMPLE_RATE,
) -> npt.NDArray[np.float32]:
    """Speak a text.

    Args:
        synthesizer: the engine.
        text: what to say.
        voice: one of the engine's voices.
        language: BCP 47 tag.
        speed: 1 is the voice's usual speed.
        sample_rate: Hz of the result.

    Returns:
        float32 mono; empty when there is nothing to say.

    Raises:
        SynthesisError: see `Synthesizer.synthesize`.
    """
    pieces: list[npt.NDArray[np.float32]] = []
    resampler: StreamingResampler | None = None
    for piece in synthesizer.synthesize(text, voice=voice, language=language, speed=speed):
        if resampler is None:
            resampler = StreamingResampler(piece.sample_rate, sample_rate)
        pieces.append(resampler.process(piece.samples))
    if resampler is None:
        return np.zeros(0, np.float32)
    return np.concatenate([*pieces, resampler.flush()])
