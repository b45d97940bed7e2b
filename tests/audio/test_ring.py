from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from streamkit.audio.errors import SampleRangeError
from streamkit.audio.ring import RingBuffer
from streamkit.errors import AudioFormatError, BufferFullError, ConfigurationError


class RingAgainstList(RuleBasedStateMachine):
    """The model is the list of everything ever written, and how much of it was released."""

    @initialize(capacity=st.integers(1, 20))
    def create(self, capacity: int) -> None:
        self.ring = RingBuffer(capacity)
        self.written: list[float] = []
        self.released = 0

    @rule(count=st.integers(0, 25))
    def write(self, count: int) -> None:
        samples = np.arange(count, dtype=np.float32) + len(self.written)
        if count <= self.ring.capacity - (len(self.written) - self.released):
            self.written += samples.tolist()
            assert self.ring.write(samples) == len(self.written)
        else:
            with pytest.raises(BufferFullError, match=f"^{count} samples given"):
                self.ring.write(samples)

    @rule(before=st.integers(-3, 25))
    def release(self, before: int) -> None:
        before += self.released
        if before > len(self.written):
            with pytest.raises(SampleRangeError, match=f"only {len(self.written)} have arrived"):
                self.ring.release(before)
        else:
            self.ring.release(before)
            self.released = max(self.released, before)

    @rule(start=st.integers(-3, 25), length=st.integers(-1, 25))
    def read(self, start: int, length: int) -> None:
        start += self.released
        end = start + length
        if self.released <= start <= end <= len(self.written):
            assert self.ring.read(start, end).tolist() == self.written[start:end]
        else:
            with pytest.raises(
                SampleRangeError, match=f"{self.released} to {len(self.written)} are held"
            ):
                self.ring.read(start, end)

    @invariant()
    def bounds_agree(self) -> None:
        assert (self.ring.start, self.ring.end) == (self.released, len(self.written))
        assert self.ring.free == self.ring.capacity - (len(self.written) - self.released)


TestRingAgainstList = RingAgainstList.TestCase


def test_what_was_read_is_a_copy() -> None:
    ring = RingBuffer(2)
    ring.write(np.array([1, 2], np.float32))
    read = ring.read(0, 2)
    ring.release(2)
    ring.write(np.array([3, 4], np.float32))
    assert read.tolist() == [1, 2]
    assert read.dtype == np.float32


def test_refuses_a_capacity_that_holds_nothing() -> None:
    with pytest.raises(ConfigurationError, match="capacity of 1 or more"):
        RingBuffer(0)


def test_refuses_samples_of_several_channels() -> None:
    with pytest.raises(AudioFormatError, match=r"\(3, 2\)"):
        RingBuffer(10).write(np.zeros((3, 2), np.float32))
