"""The part of a terminal that is redrawn in place, and the level meter in it."""

from __future__ import annotations

import time

from rich.console import Console, RenderableType
from rich.live import Live

from streamkit_clients.caption_view import level_bar

LEVEL_SECONDS = 0.1
"""Least time between two drawings of the level meter."""

SILENCE_DBFS = -100.0


def open_region(console: Console, shown: RenderableType) -> Live:
    """Begin to draw; `Live.stop` ends it, and the region goes away.

    Args:
        console: a terminal.
        shown: one object that renders the present state: whatever draws it, a refresh or a line
            printed above it, draws the truth.
    """
    region = Live(
        shown,
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    region.start()
    return region


class LevelMeter:
    """The level of a microphone, drawn at most ten times per second, with the peak of that time.

    Args:
        drawn: False: there is no microphone to draw.

    Attributes:
        bar: what to draw.
    """

    def __init__(self, *, drawn: bool) -> None:
        self.bar = level_bar(SILENCE_DBFS) if drawn else ""
        self._drawn = drawn
        self._peak = SILENCE_DBFS
        self._due = 0.0

    def apply(self, dbfs: float) -> bool:
        """Take in a level; True when it is time to draw."""
        self._peak = max(self._peak, dbfs)
        now = time.monotonic()
        if not self._drawn or now < self._due:
            return False
        self.bar = level_bar(self._peak)
        self._peak = SILENCE_DBFS
        self._due = now + LEVEL_SECONDS
        return True
