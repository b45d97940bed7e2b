"""When to turn the latents of a sentence into sound: as late as playback allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LEAST: Final = 5
"""Latents of the smallest chunk; of fewer most of the work would be the chunk's, not theirs."""

MOST: Final = 20
"""Latents of the largest chunk (0.9 s of sound); beyond it they cost no less each."""

LATEST_FIRST: Final = 12
"""The first chunk is not waited for any longer, on a machine that is too slow for all of this."""

HELD: Final = 3
"""Latents whose sound the vocoder holds back until it has seen more of them, rounded up."""

MARGIN: Final = 0.08
"""Seconds of sound that playback should never have less of."""

_CHUNK_LATENTS: Final = 2
"""What a chunk costs by itself, in latents."""

_MEMORY: Final = 0.2
"""Weight of the newest measurement in what is expected next."""


class Pace:
    """How long things take, as far as one can tell from the last ones.

    Attributes:
        step: seconds from one token of a sentence to the next.
    """

    def __init__(self) -> None:
        self.step = 0.0
        self._latent = 0.0

    def note_step(self, seconds: float) -> None:
        """A step of all sentences took so long, with what became sound of the others in it."""
        self.step = _follow(self.step, seconds)

    def note_chunk(self, latents: int, seconds: float) -> None:
        """So many latents became sound in that time."""
        self._latent = _follow(self._latent, seconds / (latents + _CHUNK_LATENTS))

    def chunk(self, latents: int) -> float:
        """Seconds that so many latents take to become sound."""
        return self._latent * (latents + _CHUNK_LATENTS)


@dataclass(slots=True)
class Chunks:
    """Decides for one sentence, after each of its latents.

    The one rule is that playback must not run dry; within it chunks are as large as they can be,
    since a large one costs less than several small ones. A machine that is slower than speech has
    no sound in hand, and gets small chunks: what there is, is heard as soon as it is there.

    Args:
        latent_seconds: of sound that a latent becomes.
        first_at: when the first chunk was given out, in seconds; None: not yet. Playback is taken
            to begin at that moment.
        seconds: of sound that were given out.
    """

    latent_seconds: float
    first_at: float | None = None
    seconds: float = 0.0

    def due(self, pending: int, now: float, pace: Pace) -> bool:
        """Tell whether the latents that wait become sound now.

        Args:
            pending: latents that wait.
            now: in seconds.
            pace: how long things take.
        """
        if pending < LEAST or pending >= MOST:
            return pending >= MOST
        if self.first_at is None:
            # Its sound has to last until the next chunk, the smallest one, is there.
            until_next = LEAST * pace.step + pace.chunk(LEAST)
            lasts = (pending - HELD) * self.latent_seconds
            return lasts >= until_next or pending >= LATEST_FIRST
        left = self.first_at + self.seconds - now
        return left < pace.step + pace.chunk(pending + 1) + MARGIN

    def given(self, seconds: float, now: float) -> None:
        """Sound was given out."""
        if self.first_at is None:
            self.first_at = now
        self.seconds += seconds


def _follow(expected: float, measured: float) -> float:
    return expected + _MEMORY * (measured - expected) if expected else measured
