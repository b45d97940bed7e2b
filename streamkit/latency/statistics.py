"""Percentiles of a stream of durations, without keeping all of them."""

from __future__ import annotations

import bisect
from collections import deque

MAX_VALUES = 4096


class Percentiles:
    """Percentiles over the newest `max_values` values."""

    def __init__(self, max_values: int = MAX_VALUES) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []
        self._max_values = max_values

    def __len__(self) -> int:
        return len(self._sorted)

    def add(self, value: float) -> None:
        """Take in a value; the oldest one leaves when the window is full."""
        if len(self._order) == self._max_values:
            oldest = self._order.popleft()
            del self._sorted[bisect.bisect_left(self._sorted, oldest)]
        self._order.append(value)
        bisect.insort(self._sorted, value)

    def at(self, percent: float) -> float | None:
        """The nearest-rank percentile, 0 < percent <= 100; None before the first value."""
        if not self._sorted:
            return None
        rank = max(1, -(-len(self._sorted) * percent // 100))
        return self._sorted[int(rank) - 1]
