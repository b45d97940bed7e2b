"""When to turn the latents of a sentence into sound: as late as playback allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FIRST: Final = 5
"""Latents of the first chunk. The vocoder holds the last three back, so it gives a tenth of a
second: enough to be heard until the next one is there."""

MOST: Final = 20
"""Latents of the largest chunk (0.9 s of sound); beyond it they cost no less each."""

MARGIN: Final = 0.08
"""Seconds of sound that playback should never have less of."""

_MEMORY: Final = 0.2
"""Weight of the newest measurement in what the next step is expected to take."""


class Pace:
    """How long the steps of all sentences take, as far as one can tell from the last ones."""

    def __init__(self) -> None:
        self.step = 0.0

    def note(self, seconds: float) -> None:
        """A step took so long."""
        self.step = seconds if not self.step else self.step + _MEMORY * (seconds - self.step)


@dataclass(slots=True)
class Chunks:
    """Decides for one sentence, after each of its latents.

    The one rule is that playback must not run dry; within it chunks are as large as they can be,
    since a large one costs less than several small ones. A machine that is slower than speech has
    no sound in hand, and gets small chunks: what there is, is heard as soon as it is there.

    Args:
        first_at: when the first chunk was given out, in seconds; None: not yet. Playback is taken
            to begin at that moment.
        seconds: of sound that were given out.
    """

    first_at: float | None = None
    seconds: float = 0.0

    def due(self, pending: int, now: float, pace: Pace) -> bool:
        """Tell whether the latents that wait become sound now.

        Args:
            pending: latents that wait.
            now: in seconds.
            pace: how long a step takes.
        """
        if self.first_at is None:
            return pending >= FIRST
        if pending >= MOST:
            return True
        left = self.first_at + self.seconds - now
        # Waiting for one latent more costs a step, and so does the vocoder, roughly.
        return left - 2 * pace.step < MARGIN and pending >= min(FIRST, MOST)

    def given(self, seconds: float, now: float) -> None:
        """Sound was given out."""
        if self.first_at is None:
            self.first_at = now
        self.seconds += seconds
