"""Where sound is loud enough to be heard, window by window."""

from __future__ import annotations

from typing import Final

import numpy as np

from streamkit.audio.convert import Samples

LOUD: Final = 0.01
"""Of full scale (-40 dB): above the noise of a quiet room, below the end of any word."""


class LoudWindows:
    """Finds the last loud sample of each window of a stream.

    Args:
        window: samples of a window.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._rest: Samples = np.zeros(0, np.float32)

    def push(self, samples: Samples) -> tuple[int, ...]:
        """Take the next samples.

        Args:
            samples: float32 of shape `(n,)`, between -1 and 1; any `n`.

        Returns:
            For each window that is complete now, how much of it lies before its last loud sample,
            that one included; 0 where none is loud.
        """
        held = np.concatenate([self._rest, samples])
        whole = len(held) - len(held) % self._window
        self._rest = held[whole:]
        loud = np.abs(held[:whole]).reshape(-1, self._window) >= LOUD
        last = self._window - loud[:, ::-1].argmax(axis=1)
        return tuple(np.where(loud.any(axis=1), last, 0).tolist())
