"""How often words may be asked for, given how busy the engine is.

With few speakers a partial every quarter of a second is what makes captions live. With many the
passes would fill all workers, and finals, which people wait for, would stand in line behind
partials that nobody misses. So the interval stretches while the workers have little left, and
shrinks again when they have. Sessions are told when it has stretched so far that it shows.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

HORIZON_SECONDS = 2.0
"""What is called busy is the mean over so long."""

CROWDED = 0.8
ROOMY = 0.6
"""Parts of the workers' time in use above which the interval grows, below which it shrinks. The
rest is for finals, and for the passes of a moment when everybody speaks."""

GROWTH = 1.15
MAX_STRETCH = 8.0
STEP_SECONDS = 0.25
"""One step in this time, so that the effect of the last one is seen first."""
MOST_STEPS = 100.0
"""More than lead from the largest stretch to none."""

OVERLOADED_FROM = 2.0
OVERLOADED_UNTIL = 1.5
"""Stretch from which, and down to which, clients are told that words come late."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the engine keeps up.

    Attributes:
        stretch: what the interval between two partials is multiplied with, at least 1.
        overloaded: so much that clients should know.
    """

    stretch: float = 1.0
    overloaded: bool = False


class Cadence:
    """Watches the workers of one engine.

    Args:
        workers: how many there are.

    Attributes:
        pace: how the engine kept up when it was looked at last.
    """

    def __init__(self, workers: int) -> None:
        self.pace = Pace()
        self._workers = workers
        self._busy: deque[tuple[float, float]] = deque()
        self._stepped_at: float | None = None

    def worked(self, started_at: float, ended_at: float) -> None:
        """A worker was busy from one time to the other, in seconds; `ended_at` never decreases."""
        self._busy.append((started_at, ended_at))
        self.look(ended_at)

    def load(self, now: float) -> float:
        """Part of the workers' time that was in use lately, 0..1."""
        since = now - HORIZON_SECONDS
        while self._busy and self._busy[0][1] <= since:
            self._busy.popleft()
        busy = sum(end - max(start, since) for start, end in self._busy)
        return busy / HORIZON_SECONDS / self._workers

    def look(self, now: float) -> Pace:
        """How the engine keeps up; it gets better while nothing is asked of it."""
        steps = 1.0
        if self._stepped_at is not None:
            steps = (now - self._stepped_at) // STEP_SECONDS
            if steps < 1:
                return self.pace
        self._stepped_at = now
        load, stretch = self.load(now), self.pace.stretch
        if load > CROWDED:
            stretch = min(stretch * GROWTH, MAX_STRETCH)
        elif load < ROOMY:
            # Whoever comes after a long time of quiet finds nothing of the crowd before.
            stretch = max(stretch / GROWTH ** min(steps, MOST_STEPS), 1.0)
        limit = OVERLOADED_UNTIL if self.pace.overloaded else OVERLOADED_FROM
        self.pace = Pace(stretch, stretch > limit)
        return self.pace
