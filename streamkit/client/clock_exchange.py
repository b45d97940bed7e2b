"""Comparing this machine's clock with the server's: what to ask, when, and what comes of it. Pure.

A streamkit server answers; nothing is asked before it has shown that it is one. What it learns
that way it uses for its own figures: how long sound has been on its way from a microphone.
"""

from __future__ import annotations

from typing import Any, Final

from streamkit.latency.clock import ClockMap

QUICK: Final = 3
"""Questions that are asked one after the other when a connection is new."""

PAUSE_SECONDS: Final = 10.0
"""Between two questions later on."""

PATIENCE_SECONDS: Final = 2.0
"""After which another one of the first questions is asked, though there is no answer yet."""


class ClockExchange:
    """The questions and answers of one connection; all times are Unix seconds.

    Attributes:
        map: the server's clock by this one's.
        ours: the server is known to answer.
    """

    def __init__(self) -> None:
        self.map = ClockMap()
        self.ours = False
        self._answers = 0
        self._due: float | None = None
        self._last: dict[str, float] | None = None

    def question(self, now: float) -> dict[str, Any] | None:
        """What to send as `clock` at this moment; None: nothing is to be asked now."""
        if not self.ours or (self._due is not None and now < self._due):
            return None
        self._due = now + (PATIENCE_SECONDS if self._answers < QUICK else PAUSE_SECONDS)
        asked: dict[str, Any] = {"sent_at": now}
        return asked if self._last is None else {**asked, "last": self._last}

    def answered(self, sent_at: float, received_at: float, answered_at: float, now: float) -> None:
        """Take in an answer.

        Args:
            sent_at: when the question left, by this clock.
            received_at: when it came, by the server's.
            answered_at: when the answer left, by the server's.
            now: when it came, by this clock.
        """
        self.map.sent(sent_at, received_at)
        self.map.answered(answered_at, now)
        self._last = {"server_sent_at": answered_at, "received_at": now}
        self._answers += 1
        # The last quick one tells the server of the answer before it.
        self._due = now + (0.0 if self._answers < QUICK else PAUSE_SECONDS)
