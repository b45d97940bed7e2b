"""A bounded buffer in which every sample keeps the address it had when it arrived."""

from __future__ import annotations

import numpy as np

from streamkit.audio.convert import Samples
from streamkit.audio.errors import SampleRangeError
from streamkit.errors import AudioFormatError, BufferFullError, ConfigurationError


class RingBuffer:
    """The newest samples of one mono stream, addressed by position since the stream's start.

    The buffer holds positions `start` to `end` (exclusive), at most `capacity` of them. The writer
    never overwrites what the reader has not released: sound is refused loudly, not lost silently.
    Memory is `4 * capacity` bytes for the whole life of the buffer.
    """

    def __init__(self, capacity: int) -> None:
        """Create an empty buffer.

        Args:
            capacity: How many samples are held at most.

        Raises:
            ConfigurationError: `capacity` is below 1.
        """
        if capacity < 1:
            raise ConfigurationError(
                f"a ring buffer of {capacity} samples holds nothing; give a capacity of 1 or more"
            )
        self._slots: Samples = np.zeros(capacity, np.float32)
        self._start = 0
        self._end = 0

    @property
    def capacity(self) -> int:
        """How many samples are held at most."""
        return len(self._slots)

    @property
    def start(self) -> int:
        """Position of the oldest sample that is held."""
        return self._start

    @property
    def end(self) -> int:
        """Position after the newest sample: how many samples were ever written."""
        return self._end

    @property
    def free(self) -> int:
        """How many samples can be written before the reader has to release some."""
        return self.capacity - (self._end - self._start)

    def write(self, samples: Samples) -> int:
        """Append samples; all of them or, when it raises, none.

        Args:
            samples: float32 of shape `(n,)`; copied.

        Returns:
            The new `end`.

        Raises:
            BufferFullError: There are more samples than `free`.
            AudioFormatError: `samples` has more than one dimension.
        """
        if samples.ndim != 1:
            raise AudioFormatError(
                f"the ring buffer takes mono samples of shape (n,), not {samples.shape}; "
                "write each channel to a buffer of its own"
            )
        count = len(samples)
        if count > self.free:
            raise BufferFullError(
                f"{count} samples given, but only {self.free} of {self.capacity} are free "
                f"(held: {self._start} to {self._end}); release samples that were read, "
                "or write fewer at once"
            )
        first = self._end % self.capacity
        until_edge = min(count, self.capacity - first)
        self._slots[first : first + until_edge] = samples[:until_edge]
        self._slots[: count - until_edge] = samples[until_edge:]
        self._end += count
        return self._end

    def read(self, start: int, end: int) -> Samples:
        """Copy the samples at positions `start` to `end` (exclusive).

        Returns:
            float32 of shape `(end - start,)`, owned by the caller.

        Raises:
            SampleRangeError: Some of these positions are not held.
        """
        if not self._start <= start <= end <= self._end:
            raise SampleRangeError(
                f"samples {start} to {end} were asked for, but {self._start} to {self._end} are "
                "held; earlier ones were released, later ones have not arrived"
            )
        count = end - start
        first = start % self.capacity
        until_edge = min(count, self.capacity - first)
        copied = np.empty(count, np.float32)
        copied[:until_edge] = self._slots[first : first + until_edge]
        copied[until_edge:] = self._slots[: count - until_edge]
        return copied

    def release(self, before: int) -> None:
        """Give up all samples at positions below `before`; lower than `start` does nothing.

        Raises:
            SampleRangeError: `before` is beyond `end`.
        """
        if before > self._end:
            raise SampleRangeError(
                f"cannot release up to sample {before}: only {self._end} have arrived; "
                "release up to `end` at most"
            )
        self._start = max(self._start, before)
