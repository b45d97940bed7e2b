"""One client's clock, as far as it lets the server measure it."""

from __future__ import annotations

import dataclasses

from streamkit.latency.clock import ClockMap, ClockReport
from streamkit.latency.trace import Trace
from streamkit.server.tracing import SessionTrace


class ClientClock:
    """Compares clocks with one client.

    Args:
        epoch: Unix time at which the server's clock was 0.
        trace: is told what is known; None: nobody wants to know.

    Attributes:
        map: what is known.
    """

    def __init__(self, epoch: float, trace: SessionTrace | None) -> None:
        self.map = ClockMap()
        self._epoch = epoch
        self._trace = trace

    def take(self, report: ClockReport, received_at: float) -> None:
        """Take in what the client says, which came at this moment by the server's clock."""
        self.map.take(report, received_at + self._epoch)
        if self._trace is not None:
            self._trace.clock(received_at, self.map)

    def by_server(self, trace: Trace) -> Trace:
        """The way of a sample with the time of its capture by the server's clock.

        That stays the client's own word as long as nothing is known of its clock.
        """
        if trace.captured_at is None:
            return trace
        captured_at = self.map.to_server(trace.captured_at)
        return trace if captured_at is None else dataclasses.replace(trace, captured_at=captured_at)
