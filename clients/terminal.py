"""Captions on a terminal: live and redrawn in place, or plain lines for pipes and files."""

from __future__ import annotations

import time
from typing import IO, Protocol

from rich.console import Console, Group
from rich.text import Text

from streamkit.client.events import Event, Transcript
from streamkit_clients.caption_view import (
    CaptionView,
    LatencyMeter,
    Line,
    printable,
    tail,
)
from streamkit_clients.region import LevelMeter, open_region

MAX_OPEN_CHARACTERS = 300
"""Final text that stays in the redrawn region; beyond, it scrolls up though the speaker goes on."""

MAX_OPEN_LINES = 6
"""Height of the open utterance; only its end is shown when it is longer."""

_STYLES = {"caption": "", "notice": "cyan", "warning": "yellow"}


class Screen(Protocol):
    """Where captions are shown."""

    def event(self, event: Event) -> None:
        """Show what changed with this event."""
        ...

    def level(self, dbfs: float) -> None:
        """Show the level of the microphone."""
        ...

    def idle(self, text: str) -> None:
        """Show this while nobody speaks."""
        ...

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Tell a person something."""
        ...

    def close(self) -> None:
        """Show the last line and the latency summary, and leave the terminal as it was."""
        ...


class PlainScreen:
    """One line per utterance, when it is final; everything else goes to `errors`.

    Args:
        output: gets the captions and nothing else.
        errors: gets notices and the latency summary.
        quiet: no notices and no summary; warnings remain.
        latency: print the latency summary at the end.
    """

    def __init__(
        self, output: IO[str], errors: IO[str], *, quiet: bool = False, latency: bool = True
    ) -> None:
        self._output = output
        self._errors = errors
        self._quiet = quiet
        self._latency = latency and not quiet
        self._view = CaptionView()
        self._meter = LatencyMeter()
        self._newest: Transcript | None = None

    def event(self, event: Event) -> None:
        """Print the lines that this event finishes."""
        lines = self._view.apply(event)
        if isinstance(event, Transcript) and event.words:
            self._newest = event
        self._print(lines)
        # Nothing is shown before the line is printed, so that is when its last word counts.
        if self._newest and any(line.kind == "caption" for line in lines):
            self._meter.apply(self._newest, time.time())

    def level(self, dbfs: float) -> None:
        """Do nothing: a level is of no use in a file."""

    def idle(self, text: str) -> None:
        """Do nothing: neither is what happens between the lines."""

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Print a notice."""
        self._print([Line("warning" if warning else "notice", printable(text))])

    def close(self) -> None:
        """Print the last line and the latency summary."""
        self._print(self._view.close())
        if self._latency and str(self._meter):
            print(self._meter, file=self._errors, flush=True)

    def _print(self, lines: list[Line]) -> None:
        for line in lines:
            if line.kind == "caption":
                print(line.text, file=self._output, flush=True)
            elif line.kind == "warning" or not self._quiet:
                print(line.text, file=self._errors, flush=True)


class LiveScreen:
    """Finished lines scroll; the open utterance, level and latency are redrawn below them.

    The region is drawn only when something in it has changed.

    Args:
        console: a terminal.
        meter: draw the level of a microphone.
        latency: draw the latency line.
    """

    def __init__(self, console: Console, *, meter: bool = False, latency: bool = True) -> None:
        self._console = console
        self._draws_latency = latency
        self._idle = ""
        self._view = CaptionView(MAX_OPEN_CHARACTERS)
        self._latency = LatencyMeter()
        self._level = LevelMeter(drawn=meter)
        self._drawn: tuple[object, ...] = ()
        self._live = open_region(console, self)

    def event(self, event: Event) -> None:
        """Scroll finished lines up and redraw the open utterance."""
        if isinstance(event, Transcript):
            self._latency.apply(event, time.time())
        self._draw(self._view.apply(event))

    def level(self, dbfs: float) -> None:
        """Redraw the level meter when it is time."""
        if self._level.apply(dbfs):
            self._draw([])

    def idle(self, text: str) -> None:
        """Show this, dim, while nobody speaks."""
        self._idle = printable(text)
        self._draw([])

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Scroll a notice up."""
        self._draw([Line("warning" if warning else "notice", printable(text))])

    def close(self) -> None:
        """Print the last line and the latency summary; the redrawn region goes away."""
        lines = self._view.close()
        self._live.stop()
        for line in lines:
            self._console.print(_styled(line))
        if self._draws_latency and str(self._latency):
            self._console.print(Text(str(self._latency), "dim"))

    def __rich__(self) -> Group:
        """Return the region."""
        width, height = self._console.size
        room = width * max(1, min(MAX_OPEN_LINES, height - 2))
        spans = tail(self._view.open, room)
        words = Text(" ").join(Text(span.text, "" if span.firm else "dim") for span in spans)
        status = self._status()
        return Group(
            words if spans else Text(self._idle, "dim"),
            *([Text(status, "dim", no_wrap=True, overflow="ellipsis")] if status else []),
        )

    def _draw(self, lines: list[Line]) -> None:
        state = (self._view.open, self._idle, self._status())
        changed, self._drawn = state != self._drawn, state
        for line in lines:
            # Printing draws the region again below the line, in one write.
            self._console.print(_styled(line))
        if changed and not lines:
            self._live.refresh()

    def _status(self) -> str:
        latency = str(self._latency) if self._draws_latency else ""
        return "  ".join(filter(None, [self._level.bar, latency]))


def _styled(line: Line) -> Text:
    return Text(line.text, _STYLES[line.kind])
