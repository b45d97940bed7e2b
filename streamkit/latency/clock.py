"""Another machine's clock by this one's, and how sure that is.

No message arrives before it was sent. One from the client that was sent at `c` by its clock and
came at `s` by the server's says that the server's clock is ahead by at most `s - c`; one back says
that it is ahead by at least so much. Together they are an interval that holds the truth, whatever
the network did, and half its width bounds the error. Two clocks do not run alike: a bound gets
wider with its age. Bounds that contradict each other mean that a clock was set, or stood still
while a machine slept; then what is older says nothing any more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

DRIFT: Final = 100e-6
"""Seconds that two clocks may drift apart in a second; cheap ones do so in half of that."""

KEPT: Final = 16
"""Bounds that are remembered for each way."""


@dataclass(frozen=True, slots=True)
class ClockReport:
    """What a client says of its clock, in Unix seconds.

    Attributes:
        sent_at: when this message left, by the client's clock.
        server_sent_at: when the newest answer to an earlier one left, by the server's clock; None:
            none has come yet.
        answered_at: when that came, by the client's clock.
    """

    sent_at: float
    server_sent_at: float | None = None
    answered_at: float | None = None


class ClockMap:
    """The server's clock as the client's clock tells it.

    All times are Unix seconds. Each side can hold one: `sent` is for messages from the client to
    the server, `answered` for those back.
    """

    def __init__(self) -> None:
        self._lows: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._highs: deque[tuple[float, float]] = deque(maxlen=KEPT)
        self._newest = 0.0

    def take(self, report: ClockReport, received_at: float) -> None:
        """Take in what a client says, which came at this moment by the server's clock."""
        answer, answered_at = report.server_sent_at, report.answered_at
        # One that would have left in the future is none of ours.
        if answer is not None and answered_at is not None and answer <= received_at:
            self.answered(answer, answered_at)
        self.sent(report.sent_at, received_at)

    def sent(self, client_sent_at: float, server_received_at: float) -> None:
        """A message went to the server."""
        self._highs.append((server_received_at, server_received_at - client_sent_at))
        self._settle(server_received_at)

    def answered(self, server_sent_at: float, client_received_at: float) -> None:
        """A message went back to the client."""
        self._lows.append((server_sent_at, server_sent_at - client_received_at))
        self._settle(server_sent_at)

    @property
    def offset(self) -> float | None:
        """Seconds that the server's clock is ahead; None: not known yet."""
        if not self._lows or not self._highs:
            return None
        return (self._low + self._high) / 2

    @property
    def error(self) -> float | None:
        """How far `offset` may be off at most, in seconds; None: not known yet."""
        if not self._lows or not self._highs:
            return None
        return (self._high - self._low) / 2

    def to_server(self, client_seconds: float) -> float | None:
        """A moment by the server's clock; None: not known yet."""
        offset = self.offset
        return None if offset is None else client_seconds + offset

    @property
    def _low(self) -> float:
        return max(bound - DRIFT * (self._newest - at) for at, bound in self._lows)

    @property
    def _high(self) -> float:
        return min(bound + DRIFT * (self._newest - at) for at, bound in self._highs)

    def _settle(self, at: float) -> None:
        self._newest = max(self._newest, at)
        while self._lows and self._highs and self._low > self._high:
            older = self._lows if self._lows[0][0] <= self._highs[0][0] else self._highs
            older.popleft()
