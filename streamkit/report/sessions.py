"""What is known of one session of a trace: in a line, and closely enough to draw it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from streamkit.report.join import Way
from streamkit.report.records import (
    Begin,
    Caption,
    Chunk,
    Clock,
    End,
    Hypothesis,
    Record,
    Response,
    Turn,
)
from streamkit.report.samples import Envelope

CURVE_POINTS: Final = 1 << 15
"""Of level and speech: 11 minutes of 20 ms chunks, and coarser from there."""
KEPT: Final = 10_000
"""Passes, captions, words, turns and replies of one session, the newest of each."""


@dataclass(slots=True)
class Detail:
    """What the timeline of a session shows.

    Attributes:
        curves: level and speech of each channel.
        hypotheses: passes of the recognizer.
        captions: finals.
        words: the ways of committed ones.
        turns: of the person.
        responses: of the agent.
    """

    curves: dict[int, Envelope] = field(default_factory=dict)
    hypotheses: deque[Hypothesis] = field(default_factory=lambda: deque(maxlen=KEPT))
    captions: deque[Caption] = field(default_factory=lambda: deque(maxlen=KEPT))
    words: deque[Way] = field(default_factory=lambda: deque(maxlen=KEPT))
    turns: deque[Turn] = field(default_factory=lambda: deque(maxlen=KEPT))
    responses: deque[Response] = field(default_factory=lambda: deque(maxlen=KEPT))

    def add(self, record: Record) -> None:
        """Take in a record of the session."""
        match record:
            case Chunk(received_at=float(at)):
                curve = self.curves.setdefault(record.channel, Envelope(CURVE_POINTS))
                curve.add(record.end, at, record.level, record.speech)
            case Chunk(captured_at=float(at)):
                curve = self.curves.setdefault(record.channel, Envelope(CURVE_POINTS))
                curve.add(record.end, at, record.level, record.speech)
            case Hypothesis():
                self.hypotheses.append(replace(record, words=()))
            case Caption(is_final=True):
                self.captions.append(record)
            case Turn():
                self.turns.append(record)
            case Response():
                self.responses.append(record)
            case _:
                pass

    def __bool__(self) -> bool:
        """There is something to draw."""
        return bool(self.curves or self.hypotheses or self.captions or self.turns or self.responses)


@dataclass(slots=True)
class Session:
    """One session.

    Attributes:
        id: of the server's, or the page's.
        first: time of its first record.
        last: time of its last one.
        begin: its first record, unless the trace begins later or is of an older kind.
        end: its last one; None: it was still going on, or the server was stopped.
        clock_error: seconds that the client's times may be wrong by; None: not known.
        chunks: how many there were.
        passes: of the recognizer.
        replies: that the agent has begun.
        channels: of sound.
        detail: None where it was dropped in favour of longer sessions.
    """

    id: str
    first: float
    last: float
    begin: Begin | None = None
    end: End | None = None
    clock_error: float | None = None
    chunks: int = 0
    passes: int = 0
    replies: int = 0
    channels: set[int] = field(default_factory=set)
    detail: Detail | None = None

    def add(self, record: Record) -> None:
        """Take in a record of the session."""
        at = moment(record)
        if at is not None:
            self.first, self.last = min(self.first, at), max(self.last, at)
        match record:
            case Begin():
                self.begin = record
            case End():
                self.end = record
            case Clock(error=float(error)):
                self.clock_error = error
            case Chunk():
                self.chunks += 1
                self.channels.add(record.channel)
            case Hypothesis():
                self.passes += 1
            case Response():
                self.replies += 1
            case _:
                pass
        if self.detail is not None:
            self.detail.add(record)

    @property
    def seconds(self) -> float:
        """From its first record to its last."""
        return self.last - self.first


def moment(record: Record) -> float | None:
    """When a record was made, or what it is about has ended; None: it does not say."""
    match record:
        case Chunk():
            times = (record.scored_at, record.received_at, record.sent_at, record.captured_at)
            return next((at for at in times if at is not None), None)
        case Hypothesis():
            return record.asked_at if record.ended_at is None else record.ended_at
        case _:
            return record.at
