"""How soon a process that has ended is replaced; pure, time is an argument."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from streamkit.tts.worker.limits import WorkerLimits


@dataclass(frozen=True, slots=True)
class Pause:
    """What to do before the next process.

    Attributes:
        seconds: to wait, possibly none.
        refuse: meanwhile fail whoever wants something, instead of letting them wait.
    """

    seconds: float
    refuse: bool


class RestartPolicy:
    """Replaces at once what ends now and then, and ever later what ends again and again.

    Args:
        limits: how many restarts are too many, and how long the pauses are.
    """

    def __init__(self, limits: WorkerLimits) -> None:
        self._limits = limits
        self._ends: deque[float] = deque()
        self._load_failures = 0
        self._refusals = 0

    def ended(self, now: float, *, loaded: bool) -> Pause:
        """A process has ended that was not meant to.

        Args:
            now: seconds on any clock that goes forward.
            loaded: its model was there before.
        """
        limits = self._limits
        while self._ends and now - self._ends[0] > limits.restart_window:
            self._ends.popleft()
        if loaded:
            self._load_failures = 0
            if not self._ends:
                self._refusals = 0
        else:
            self._load_failures += 1
        self._ends.append(now)
        too_many = len(self._ends) > limits.max_restarts
        if too_many or self._load_failures >= limits.max_load_failures:
            seconds = self._grow(limits.refusal_pause, self._refusals)
            self._refusals += 1
            # One end is kept: a process that ends as soon as the pause is over is no exception.
            while len(self._ends) > 1:
                self._ends.popleft()
            return Pause(seconds, refuse=True)
        if len(self._ends) == 1:
            return Pause(0.0, refuse=False)
        return Pause(self._grow(limits.restart_pause, len(self._ends) - 2), refuse=False)

    def _grow(self, first: float, times: int) -> float:
        # Beyond so many times it is the longest anyway, and powers have no end.
        return float(min(self._limits.longest_pause, first * 2.0 ** min(times, 60)))
