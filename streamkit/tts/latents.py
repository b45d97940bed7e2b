"""What XTTS keeps of a voice: two small arrays, made once from a recording of somebody."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class VoiceLatents:
    """A voice as XTTS v2 takes it; the numbers in brackets are those of the published model."""

    conditioning: npt.NDArray[np.float32]
    """How the voice speaks: (1, 32, channels [1024])."""
    speaker: npt.NDArray[np.float32]
    """What it sounds like: (1, 512, 1)."""
