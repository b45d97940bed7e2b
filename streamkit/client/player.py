"""What everything that plays a reply has in common."""

from __future__ import annotations

import threading
import time
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from streamkit.client.echo import Reference
from streamkit.client.playback import Part, Playback, PlaybackEvent, Position


class Player(Protocol):
    """Plays the parts of a reply one after the other; one event loop may use it."""

    @property
    def underruns(self) -> int:
        """Times that a part which had begun had to wait for more of its sound."""
        ...

    @property
    def left_out(self) -> int:
        """Samples that were not queued, because too many waited."""
        ...

    def play(self, part: Part, samples: NDArray[np.int16]) -> None:
        """Queue more sound of a part, int16 of shape (n,) at `REALTIME_RATE`."""
        ...

    def end(self, part: Part | None) -> None:
        """Say that no more sound of a part will come; None: of nothing that is queued."""
        ...

    def stop(self) -> list[Position]:
        """Stop playing, within the device's buffer, and return what was cut, and where."""
        ...

    def poll(self) -> tuple[list[PlaybackEvent], Position | None]:
        """Return what was played since the last call, and how far it is.

        Raises:
            DeviceError: the device went away.
        """
        ...


class QueuePlayer:
    """A `Playback` that one thread fills and another one empties; the base of players.

    Args:
        reference: gets everything that is played, silence included.
    """

    def __init__(self, reference: Reference | None = None) -> None:
        self._playback = Playback()
        self._lock = threading.Lock()
        self._reference = reference

    @property
    def underruns(self) -> int:
        """See `Player`."""
        return self._playback.underruns

    @property
    def left_out(self) -> int:
        """See `Player`."""
        return self._playback.left_out

    def play(self, part: Part, samples: NDArray[np.int16]) -> None:
        """See `Player`."""
        with self._lock:
            self._playback.add(part, samples)

    def end(self, part: Part | None) -> None:
        """See `Player`."""
        with self._lock:
            if part is None:
                self._playback.end_all()
            else:
                self._playback.end(part)

    def stop(self) -> list[Position]:
        """See `Player`."""
        with self._lock:
            return self._playback.stop()

    def poll(self) -> tuple[list[PlaybackEvent], Position | None]:
        """See `Player`."""
        with self._lock:
            return self._playback.poll(time.time()), self._playback.position()

    def take(self, count: int, at: float) -> NDArray[np.int16]:
        """Take the next samples to play, which are heard from the Unix time `at` on."""
        with self._lock:
            samples = self._playback.take(count, at)
        if self._reference is not None:
            self._reference.write(samples)
        return samples
