"""What a person sees of a caption stream. Pure: events in, lines and spans out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streamkit.client.events import (
    Event,
    Reconnected,
    Reconnecting,
    ServerError,
    Transcript,
    Word,
)
from streamkit.latency.statistics import Percentiles

LEVEL_FLOOR = -60.0
"""dBFS at which the level meter is empty."""

LEVEL_STEPS = 12
"""Width of the level meter."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is done: a caption, or something a person should know."""

    kind: Literal["caption", "notice", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of the open utterance; a firm one will not change any more."""

    text: str
    firm: bool


class CaptionView:
    """Collects the words of the open utterance and hands out the finished lines.

    Args:
        max_open: characters of final text after which a line is handed out although the
            utterance goes on; None for one line per utterance.
    """

    def __init__(self, max_open: int | None = None) -> None:
        self._max_open = max_open
        self._final = ""
        self._committed = ""
        self._tentative = ""
        self._utterance = 0

    @property
    def open(self) -> tuple[Span, ...]:
        """The open utterance, firm words first; empty between utterances."""
        firm = _join(self._final, self._committed)
        spans = (Span(firm, True), Span(self._tentative, False))
        return tuple(span for span in spans if span.text)

    def apply(self, event: Event) -> list[Line]:
        """Take in an event and return the lines that it finishes."""
        match event:
            case Transcript():
                return self._transcript(event)
            case Reconnecting():
                text = (
                    f"connection lost ({printable(event.reason)}); "
                    f"attempt {event.attempt} in {event.delay:.1f} s"
                )
                return [Line("notice", text)]
            case Reconnected(lost=lost) if lost > 0:
                return [Line("warning", f"connected again; {lost:.1f} s of audio are lost")]
            case Reconnected():
                return [Line("notice", f"connected again; {event.replayed:.1f} s are sent again")]
            case ServerError():
                return [Line("warning", f"the server says: {printable(event.message)}")]
            case _:
                return []

    def close(self) -> list[Line]:
        """Return the last line; what never became final is left out."""
        self._committed = self._tentative = ""
        return self._flush()

    def _transcript(self, event: Transcript) -> list[Line]:
        lines = self._flush() if event.utterance != self._utterance else []
        self._utterance = event.utterance
        if not event.is_final:
            self._committed = _text(event.words[: event.committed])
            self._tentative = _text(event.words[event.committed :])
            return lines
        self._committed = self._tentative = ""
        self._final = _join(self._final, _text(event.words))
        full = self._max_open is not None and len(self._final) > self._max_open
        return lines + (self._flush() if event.speech_final or full else [])

    def _flush(self) -> list[Line]:
        text, self._final = self._final, ""
        return [Line("caption", text)] if text else []


class LatencyMeter:
    """How late the words are, measured where each word is shown first.

    A result counts when its last word ends later than any word before: a final that
    repeats words which have long been on the screen says nothing about lateness.
    """

    def __init__(self) -> None:
        self._heard_until = 0.0
        self._emit = Percentiles()
        self._shown = Percentiles()
        self._last: float | None = None

    def apply(self, event: Transcript, now: float) -> None:
        """Take in a result that is shown at the Unix time `now`."""
        if not event.words or event.words[-1].end <= self._heard_until:
            return
        self._heard_until = event.words[-1].end
        if event.latency is None:
            return
        if event.latency.emit_ms is not None:
            self._emit.add(event.latency.emit_ms)
        if event.latency.captured_at is not None:
            self._last = max(0.0, now - event.latency.captured_at) * 1000
            self._shown.add(self._last)

    def __str__(self) -> str:
        """One line, or an empty string before the first word.

        "shown" is from the capture of a chunk to its last word on the screen, "server" from
        its arrival at the server to that word's departure.
        """
        parts = []
        if len(self._shown):
            parts.append(f"shown {_percentiles(self._shown)} last {self._last:.0f}")
        if len(self._emit):
            parts.append(f"server {_percentiles(self._emit)}")
        return f"latency ms: {', '.join(parts)}" if parts else ""


def tail(spans: Sequence[Span], characters: int) -> tuple[Span, ...]:
    """Return the end of the spans, at most `characters` long, with … in place of the start."""
    result: list[Span] = []
    room = characters
    for span in reversed(spans):
        # One character for the blank between two spans.
        if len(span.text) <= room:
            result.append(span)
            room -= len(span.text) + 1
            continue
        if room > 1:
            result.append(Span("…" + span.text[1 - room :], span.firm))
        break
    return tuple(reversed(result))


def level_bar(dbfs: float) -> str:
    """Draw a level between `LEVEL_FLOOR` and 0 dBFS as a bar of fixed width."""
    share = min(1.0, max(0.0, 1 - dbfs / LEVEL_FLOOR))
    filled = round(share * LEVEL_STEPS)
    return "█" * filled + "·" * (LEVEL_STEPS - filled)


def printable(text: str) -> str:
    """Return the text on one line and without control characters, which could drive a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _text(words: Sequence[Word]) -> str:
    return printable(" ".join(word.punctuated for word in words))


def _join(first: str, second: str) -> str:
    return f"{first} {second}".strip()


def _percentiles(values: Percentiles) -> str:
    return f"p50 {values.at(50):.0f} p95 {values.at(95):.0f}"
