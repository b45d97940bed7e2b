"""Keeps as much of a stream as fits: a fair sample of its values, or a coarser curve of it."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class Reservoir(Generic[T]):
    """All values of a stream while they fit, and then a random sample in which each has a chance.

    The sampling is Vitter's algorithm R, with a fixed seed: the same trace gives the same report.

    Args:
        places: values that are kept.

    Attributes:
        count: values that came.
    """

    def __init__(self, places: int) -> None:
        self.count = 0
        self._places = places
        self._values: list[T] = []
        self._random = np.random.default_rng(1)

    def add(self, value: T) -> None:
        """Take in a value."""
        self.count += 1
        if len(self._values) < self._places:
            self._values.append(value)
        else:
            place = int(self._random.integers(self.count))
            if place < self._places:
                self._values[place] = value

    @property
    def sampled(self) -> bool:
        """Some are not here."""
        return self.count > len(self._values)

    def __len__(self) -> int:
        """Values that are here."""
        return len(self._values)

    def __iter__(self) -> Iterator[T]:
        """The values that are here; in the order of the stream unless they are a sample."""
        return iter(self._values)


class Envelope:
    """Level and speech of a session over time; grows coarser instead of longer.

    Points that are put together keep the highest level and probability, so that nothing loud is
    lost.

    Args:
        places: points that are kept, an even number.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._together = 1
        self._pending = 0
        self._position = array("q")
        self._at = array("d")
        self._level = array("f")
        self._speech = array("f")

    def add(self, position: int, at: float, level: float | None, speech: float | None) -> None:
        """Take in a chunk.

        Args:
            position: behind its last sample.
            at: when it was received.
            level: dB of full scale; None: not known.
            speech: probability; None: not known.
        """
        values = (np.nan if level is None else level, np.nan if speech is None else speech)
        if self._pending:
            self._position[-1], self._at[-1] = position, at
            self._level[-1] = np.fmax(self._level[-1], values[0])
            self._speech[-1] = np.fmax(self._speech[-1], values[1])
        else:
            if len(self._at) == self._places:
                self._thin()
            self._position.append(position)
            self._at.append(at)
            self._level.append(values[0])
            self._speech.append(values[1])
        self._pending = (self._pending + 1) % self._together

    def _thin(self) -> None:
        self._position = self._position[1::2]
        self._at = self._at[1::2]
        self._level = array("f", np.fmax(self.level[0::2], self.level[1::2]).tobytes())
        self._speech = array("f", np.fmax(self.speech[0::2], self.speech[1::2]).tobytes())
        self._together *= 2

    def __len__(self) -> int:
        """Points."""
        return len(self._at)

    @property
    def position(self) -> npt.NDArray[np.int64]:
        """Behind the last sample of each point."""
        return np.array(self._position, np.int64)

    @property
    def at(self) -> npt.NDArray[np.float64]:
        """When each point was received, Unix seconds."""
        return np.array(self._at, np.float64)

    @property
    def level(self) -> npt.NDArray[np.float32]:
        """Loudness in dB of full scale; NaN: not known."""
        return np.array(self._level, np.float32)

    @property
    def speech(self) -> npt.NDArray[np.float32]:
        """Probability; NaN: not known."""
        return np.array(self._speech, np.float32)
