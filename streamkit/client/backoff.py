"""How long to wait before the next attempt to reach a server again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential back-off with jitter, bounded in attempts and in total time.

    The wait before attempt n (from 1) lies between `(1 - jitter)` and 1 times
    `first * 2 ** (n - 1)`, at most `ceiling`; all in seconds. Jitter keeps a thousand
    clients of a restarted server from coming back in the same instant.
    """

    first: float = 0.25
    ceiling: float = 8.0
    jitter: float = 0.5
    attempts: int = 12
    total: float = 60.0

    def delay(self, attempt: int, elapsed: float, chance: float) -> float | None:
        """Return the seconds to wait before attempt number `attempt`, or None to give up.

        Args:
            attempt: from 1.
            elapsed: seconds since the connection was lost.
            chance: a random number in [0, 1).
        """
        if attempt > self.attempts or elapsed >= self.total:
            return None
        # The exponent is bounded so that a large attempt number cannot overflow a float.
        wait = min(self.ceiling, self.first * 2.0 ** min(attempt - 1, 64))
        return wait * (1 - self.jitter * chance)
