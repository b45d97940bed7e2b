"""A conversation on a terminal: live and redrawn in place, plain lines, or JSON lines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import IO, Protocol

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from streamkit.client.conversation import State
from streamkit.client.turns import Turn
from streamkit_clients.caption_view import printable
from streamkit_clients.region import LevelMeter, open_region
from streamkit_clients.talk_view import (
    NAMES,
    STATES,
    Line,
    Span,
    TalkMeter,
    finished_lines,
    open_line,
    record,
)

MAX_OPEN_LINES = 8
"""Height of an open turn; only its end is shown when it is longer."""

MARGIN = 7
"""Characters before what is said."""

_STYLES = {"firm": "", "soft": "dim", "struck": "dim strike"}
_COLOURS = {"you": "bold green", "agent": "bold cyan"}
_NOTICES = {"notice": "cyan", "warning": "yellow"}


class TalkScreen(Protocol):
    """Where a conversation is shown."""

    def finished(self, turns: Sequence[Turn]) -> None:
        """Show turns that are over."""
        ...

    def show(self, turns: Sequence[Turn], state: State) -> None:
        """Show the turns that go on, and what is going on."""
        ...

    def level(self, dbfs: float) -> None:
        """Show the level of the microphone."""
        ...

    def hint(self, text: str) -> None:
        """Show this while nobody says anything."""
        ...

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Tell a person something."""
        ...

    def close(self) -> None:
        """Show the summary, and leave the terminal as it was."""
        ...


class PlainTalk:
    """One line per turn, when it is over; everything else goes to `errors`.

    Args:
        output: gets what is said, and nothing else.
        errors: gets notices and, if wanted, latencies.
        latency: show how long replies are waited for.
    """

    def __init__(self, output: IO[str], errors: IO[str], *, latency: bool = True) -> None:
        self._output = output
        self._errors = errors
        self._latency = latency
        self._meter = TalkMeter()

    def finished(self, turns: Sequence[Turn]) -> None:
        """Print the turns."""
        for turn in turns:
            self._meter.apply(turn)
            for line in finished_lines(turn):
                if line.kind != "latency":
                    print(f"{line.kind}: {line.text}", file=self._output, flush=True)
                elif self._latency:
                    print(line.text, file=self._errors, flush=True)

    def show(self, turns: Sequence[Turn], state: State) -> None:
        """Do nothing: what may change is of no use in a file."""

    def level(self, dbfs: float) -> None:
        """Do nothing."""

    def hint(self, text: str) -> None:
        """Do nothing."""

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Print a notice."""
        print(printable(text), file=self._errors, flush=True)

    def close(self) -> None:
        """Print the summary."""
        if self._latency and str(self._meter):
            print(self._meter, file=self._errors, flush=True)


class JsonTalk(PlainTalk):
    """One JSON object per turn, when it is over; everything else goes to `errors`."""

    def finished(self, turns: Sequence[Turn]) -> None:
        """Print the turns."""
        for turn in turns:
            self._meter.apply(turn)
            if (told := record(turn)) is not None:
                print(json.dumps(told, ensure_ascii=False), file=self._output, flush=True)


class LiveTalk:
    """Finished turns scroll; open ones, state, level and latency are redrawn below them.

    Args:
        console: a terminal.
        meter: draw the level of a microphone.
        latency: show how long replies are waited for.
    """

    def __init__(self, console: Console, *, meter: bool = False, latency: bool = True) -> None:
        self._console = console
        self._draws_latency = latency
        self._meter = TalkMeter()
        self._hint = ""
        self._state: State = "listening"
        self._started = False
        self._open: tuple[Line, ...] = ()
        self._level = LevelMeter(drawn=meter)
        self._drawn: tuple[object, ...] = ()
        self._live = open_region(console, self)

    def finished(self, turns: Sequence[Turn]) -> None:
        """Scroll the turns up."""
        for turn in turns:
            self._meter.apply(turn)
            lines = finished_lines(turn)
            self._print([line for line in lines if line.kind != "latency" or self._draws_latency])

    def show(self, turns: Sequence[Turn], state: State) -> None:
        """Redraw what has changed."""
        self._open = tuple(line for turn in turns if (line := open_line(turn)) is not None)
        self._state = state
        self._started = True
        self._draw()

    def level(self, dbfs: float) -> None:
        """Redraw the level meter when it is time."""
        if self._level.apply(dbfs):
            self._draw()

    def hint(self, text: str) -> None:
        """Show this, dim, behind the state."""
        self._hint = printable(text)
        self._draw()

    def notice(self, text: str, *, warning: bool = False) -> None:
        """Scroll a notice up."""
        self._print([Line("warning" if warning else "notice", (Span(printable(text)),))])

    def close(self) -> None:
        """Print the summary; the redrawn region goes away."""
        self._open = ()
        self._live.stop()
        if self._draws_latency and str(self._meter):
            self._console.print(Text(str(self._meter), "dim"))

    def __rich__(self) -> Group:
        """Return the region."""
        width, height = self._console.size
        lines = max(1, min(MAX_OPEN_LINES, height - 2))
        room = max(1, (width - MARGIN) * lines // max(1, len(self._open)))
        drawn = [_drawn(line, room) for line in self._open]
        return Group(*drawn, Text(self._status(), "dim", no_wrap=True, overflow="ellipsis"))

    def _status(self) -> str:
        state = STATES[self._state] if self._started else ""
        latency = str(self._meter) if self._draws_latency else ""
        return "  ".join(filter(None, [state, self._level.bar, latency, self._hint]))

    def _draw(self) -> None:
        state = (self._open, self._status(), self._console.size)
        if state != self._drawn:
            self._drawn = state
            self._live.refresh()

    def _print(self, lines: Sequence[Line]) -> None:
        for line in lines:
            # Printing draws the region again below the line, in one write.
            self._console.print(_drawn(line))


def _drawn(line: Line, room: int | None = None) -> RenderableType:
    """A line with its speaker in the margin; `room` bounds its characters."""
    if line.kind in _NOTICES:
        return Text(line.text, _NOTICES[line.kind])
    text = Text(" ").join(Text(span.text, _STYLES[span.style]) for span in line.spans)
    if line.kind == "latency":
        text = Text(line.text, "dim")
    if room is not None and len(text) > room:
        text = Text("…") + text[len(text) - room + 1 :]
    grid = Table.grid()
    grid.add_column(width=MARGIN, no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(Text(NAMES.get(line.kind, ""), _COLOURS.get(line.kind, "")), text)
    return grid
