"""How much one client, and all together, may take."""

from __future__ import annotations


class TokenBucket:
    """Lets audio through at a rate, with a burst; time is passed in.

    Args:
        rate: audio seconds per second in the long run.
        burst: audio seconds at once.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._at: float | None = None

    def take(self, amount: float, now: float) -> float:
        """Take `amount` audio seconds.

        Returns:
            Seconds to wait before going on; 0 while the burst lasts.
        """
        if self._at is not None:
            self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        self._level -= amount
        return max(0.0, -self._level / self._rate)


class Permits:
    """A fixed number of places; taken at once or not at all."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0

    def take(self) -> bool:
        """Take a place; False when all are taken."""
        if self.taken >= self.places:
            return False
        self.taken += 1
        return True

    def give_back(self) -> None:
        """Leave a place."""
        if self.taken <= 0:
            raise ValueError("a place was given back that nobody had taken")
        self.taken -= 1
