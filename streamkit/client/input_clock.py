"""When a place in the audio that was sent was captured."""

from __future__ import annotations

from collections import deque

from streamkit.client.playback import REALTIME_RATE

KEPT = 4096
"""Pieces of audio whose times are kept: about two minutes."""


class InputClock:
    """Positions in one session's audio, as a server counts them, to Unix times. Pure."""

    def __init__(self) -> None:
        self._ends: deque[tuple[int, float]] = deque(maxlen=KEPT)
        self._sent = 0

    def sent(self, samples: int, captured_at: float) -> None:
        """Note audio that was sent, and the time of its first sample."""
        self._sent += samples
        self._ends.append((self._sent, captured_at + samples / REALTIME_RATE))

    def time_of(self, milliseconds: float) -> float | None:
        """When the sound so far into the audio was captured; None: nothing was sent yet.

        Between two pieces with a pause between them, it is the end of the first one.
        """
        position = milliseconds * REALTIME_RATE / 1000
        time = None
        for end, at in reversed(self._ends):
            if time is not None and end < position:
                return max(time, at)
            time = at - max(0.0, end - position) / REALTIME_RATE
        return time
