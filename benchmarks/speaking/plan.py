"""How much of what the benchmark of voices measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

Lengths = tuple[tuple[float, int], ...]
"""Seconds of a sentence, and how often it is spoken; the shortest one first."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured.

    Attributes:
        ours: seconds of a sentence, and how often, for streamkit.
        library: the same for the library, which takes minutes.
        others: for the other voices.
        stream_seconds: of the sentences that are spoken at once.
        one_by_one: sentences at once up to which the library is measured, not calculated.
        steps: tokens of the GPT.
        exact_seconds: of the sentences whose samples are compared, vocoder-bound and in full size.
        loop_seconds: of each phase of the event loop.
        sentences: of the round trip.
    """

    ours: Lengths = ((2, 4), (5, 3), (10, 1), (20, 1))
    library: Lengths = ((2, 1), (5, 1), (10, 1), (20, 1))
    others: Lengths = ((2, 3), (5, 3), (10, 3), (20, 3))
    stream_seconds: float = 5
    one_by_one: int = 2
    steps: int = 64
    exact_seconds: tuple[float, float] = (10, 3)
    loop_seconds: float = 12
    sentences: int = 60


FULL: Final = Plan()
CUDA: Final = Plan(
    ours=((2, 20), (5, 20), (10, 5), (20, 3)), library=((2, 5), (5, 5), (10, 2), (20, 2))
)
QUICK: Final = Plan(
    ours=((1, 2), (2, 1), (3, 1)),
    library=((1, 1), (2, 1), (3, 1)),
    others=((1, 1), (2, 1), (3, 1)),
    stream_seconds=1,
    one_by_one=1,
    steps=16,
    exact_seconds=(2, 2),
    loop_seconds=1,
    sentences=3,
)
