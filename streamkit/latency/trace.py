"""When each sample passed each stage.

The stages work on stretches of different length (chunks, windows, hypotheses), so each
stage keeps a frontier: up to which position it had come at which time. A chunk, or the
last sample of a word, is then looked up in all of them. Times are seconds on one monotonic
clock of the server, except `captured_at`, which is the client's own word in Unix seconds.
The owner says what will not be asked for again, and a bound holds in any case.
"""

from __future__ import annotations

import bisect
import enum
from collections import deque
from dataclasses import dataclass

MAX_ENTRIES = 4096
"""82 s of 20 ms chunks; no window stays open so long."""


class Stage(enum.Enum):
    """What happens to audio after it was received, in order."""

    VAD = "vad"
    DECODE_START = "decode_start"
    DECODE_END = "decode_end"
    FIRST_PARTIAL = "first_partial"
    COMMIT = "commit"


@dataclass(frozen=True, slots=True)
class Chunk:
    """One message of audio as the client sent it.

    Attributes:
        start: position of its first sample (16 kHz).
        end: position after its last sample.
        received_at: server's clock.
        captured_at: Unix seconds by the client's clock; None when the client did not say.
    """

    start: int
    end: int
    received_at: float
    captured_at: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The way of one sample: when its chunk came, and when it passed each stage.

    Attributes:
        captured_at: Unix seconds at which the sample was captured, by the client's clock.
        received_at: server's clock.
        passed: server's clock for each stage that has passed it.
    """

    captured_at: float | None
    received_at: float
    passed: dict[Stage, float]

    def after_received(self, stage: Stage) -> float | None:
        """Seconds from reception to a stage; None when the stage has not passed it."""
        at = self.passed.get(stage)
        return None if at is None else at - self.received_at


class Frontier:
    """How far one stage had come at which time."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, float]] = deque(maxlen=MAX_ENTRIES)

    def advance(self, position: int, at: float) -> None:
        """Everything before `position` has passed; going back changes nothing."""
        if not self._entries or position > self._entries[-1][0]:
            self._entries.append((position, at))

    def forget(self, before: int) -> None:
        """No position before this one will be asked for."""
        while self._entries and self._entries[0][0] < before:
            self._entries.popleft()

    def passed_at(self, position: int) -> float | None:
        """When the frontier reached `position`, None when it has not."""
        index = bisect.bisect_left(self._entries, position, key=lambda entry: entry[0])
        return self._entries[index][1] if index < len(self._entries) else None


class TraceLog:
    """The newest chunks of one stream and the frontiers of its stages."""

    def __init__(self) -> None:
        self._chunks: deque[Chunk] = deque(maxlen=MAX_ENTRIES)
        self._frontiers = {stage: Frontier() for stage in Stage}

    def add(self, chunk: Chunk) -> None:
        """A chunk has arrived; chunks come in order and without gaps."""
        if chunk.end > chunk.start:
            self._chunks.append(chunk)

    def mark(self, stage: Stage, position: int, at: float) -> None:
        """All samples before `position` have passed a stage."""
        self._frontiers[stage].advance(position, at)

    def forget(self, before: int) -> None:
        """No position before this one will be asked for."""
        while self._chunks and self._chunks[0].end < before:
            self._chunks.popleft()
        for frontier in self._frontiers.values():
            frontier.forget(before)

    def trace(self, position: int, sample_rate: int) -> Trace | None:
        """The way of the sample before `position`; None when its chunk is forgotten."""
        index = bisect.bisect_left(self._chunks, position, key=lambda chunk: chunk.end)
        if index >= len(self._chunks) or self._chunks[index].start >= position:
            return None
        chunk = self._chunks[index]
        captured = chunk.captured_at
        if captured is not None:
            captured += (position - chunk.start) / sample_rate
        passed = {
            stage: at
            for stage, frontier in self._frontiers.items()
            if (at := frontier.passed_at(position)) is not None
        }
        return Trace(captured, chunk.received_at, passed)
