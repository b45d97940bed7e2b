"""What is to be played, and what was: to the sample, and with time as an argument.

A reply arrives in pieces, faster than it is played. A `Playback` keeps them in order, hands
them to whatever plays them, and knows at any moment which sample of which part of the reply is
being heard. So a reply that is stopped can be cut, in the conversation's memory too, where the
person stopped hearing it.

Positions are samples at `REALTIME_RATE` since the beginning of a part; times are Unix seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

REALTIME_RATE = 24000
"""Hz; the one rate of PCM in the Realtime protocol."""

MAX_QUEUED_SECONDS = 600.0
"""Sound of one part that may wait to be played; what goes beyond is left out."""

AUDIBLE = 328
"""Amplitude from which a sample counts as heard: -40 dB of full scale."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a reply with sound of its own: content `content_index` of an item."""

    item_id: str
    content_index: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """How far a part has been played: its first `samples` samples."""

    part: Part
    samples: int

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds of it that were played: never more than there are."""
        return self.samples * 1000 // REALTIME_RATE

    @property
    def exact_milliseconds(self) -> float:
        """The same to the microsecond, rounded up: never less than was played."""
        return -(-self.samples * 1_000_000 // REALTIME_RATE) / 1000


@dataclass(frozen=True, slots=True)
class PartBegun:
    """The first sample of a part was heard at `at`."""

    part: Part
    at: float


@dataclass(frozen=True, slots=True)
class PartAudible:
    """The first sample of a part that is not silence was heard at `at`."""

    part: Part
    at: float


@dataclass(frozen=True, slots=True)
class PartEnded:
    """A part has been played to its end, at `at`."""

    position: Position
    at: float


PlaybackEvent = PartBegun | PartAudible | PartEnded


@dataclass(slots=True)
class _Queued:
    """A part: the sound of it that was not handed out yet, and how far the rest of it is."""

    part: Part
    pieces: deque[NDArray[np.int16]] = field(default_factory=deque)
    arrived: int = 0
    taken: int = 0
    heard: int = 0
    audible: int | None = None
    """Position of its first sample that is not silence; None while there was none."""
    complete: bool = False
    cut: bool = False
    dry: bool = False
    told_begun: bool = False
    told_audible: bool = False


@dataclass(slots=True)
class _Span:
    """`count` samples of a part, from `start` on, that are heard from `at` on."""

    queued: _Queued
    start: int
    count: int
    at: float


class Playback:
    """The queue of what is to be played, and the account of what was.

    `add`, `end` and `stop` are for whoever receives the reply, `take` is for what plays it, and
    `poll` and `position` tell how far it is. Not safe for several threads.
    """

    def __init__(self) -> None:
        self._parts: deque[_Queued] = deque()
        self._spans: deque[_Span] = deque()
        self._leaving: deque[_Queued] = deque()
        """Parts that were handed out whole, or cut, until they have been heard."""
        self.underruns = 0
        """Times that a part which had begun had no more sound although more was to come."""
        self.left_out = 0
        """Samples beyond `MAX_QUEUED_SECONDS`."""

    @property
    def idle(self) -> bool:
        """Whether nothing is to be played and nothing is being heard, as of the last `poll`."""
        return not self._parts and not self._leaving

    def add(self, part: Part, samples: NDArray[np.int16]) -> None:
        """Queue more sound of a part, int16 of shape (n,); a new part ends the one before it."""
        if not self._parts or self._parts[-1].part != part:
            self.end_all()
            self._parts.append(_Queued(part))
        queued = self._parts[-1]
        room = round(MAX_QUEUED_SECONDS * REALTIME_RATE) - (queued.arrived - queued.taken)
        self.left_out += max(0, len(samples) - room)
        samples = samples[:room]
        if not len(samples):
            return
        if queued.audible is None:
            loud = np.flatnonzero(np.abs(samples.astype(np.int32)) >= AUDIBLE)
            queued.audible = queued.arrived + int(loud[0]) if len(loud) else None
        queued.pieces.append(samples)
        queued.arrived += len(samples)
        queued.dry = False

    def end(self, part: Part) -> None:
        """Say that no more sound of a part will come."""
        for queued in self._parts:
            if queued.part == part:
                queued.complete = True

    def end_all(self) -> None:
        """Say that no more sound will come of what is queued: it is played to its end."""
        for queued in self._parts:
            queued.complete = True

    def take(self, count: int, at: float) -> NDArray[np.int16]:
        """Take the next samples to play; silence where there are none.

        Args:
            count: how many.
            at: when the first of them will be heard.

        Returns:
            int16 of shape (count,).
        """
        taken = np.zeros(count, np.int16)
        filled = 0
        while self._parts:
            queued = self._parts[0]
            while filled < count and queued.pieces:
                piece = queued.pieces.popleft()
                used = min(len(piece), count - filled)
                taken[filled : filled + used] = piece[:used]
                if used < len(piece):
                    queued.pieces.appendleft(piece[used:])
                self._spans.append(_Span(queued, queued.taken, used, at + filled / REALTIME_RATE))
                queued.taken += used
                filled += used
            if queued.taken < queued.arrived:
                break
            if not queued.complete:
                if filled < count and queued.taken and not queued.dry:
                    queued.dry = True
                    self.underruns += 1
                break
            self._leaving.append(self._parts.popleft())
        return taken

    def stop(self) -> list[Position]:
        """Drop all that was not handed out; what was handed out is heard to its end.

        Returns:
            For each part that is cut short by this, how much of it will have been heard.
        """
        cut = []
        for queued in self._parts:
            queued.cut = queued.taken < queued.arrived or not queued.complete
            if queued.cut:
                cut.append(Position(queued.part, queued.taken))
            queued.pieces.clear()
        self._leaving += self._parts
        self._parts.clear()
        return cut

    def poll(self, now: float) -> list[PlaybackEvent]:
        """Return what happened since the last call, in order."""
        events: list[PlaybackEvent] = []
        while self._spans and self._spans[0].at <= now:
            span = self._spans[0]
            queued = span.queued
            if not queued.told_begun:
                queued.told_begun = True
                events.append(PartBegun(queued.part, span.at))
            heard = min(span.count, round((now - span.at) * REALTIME_RATE))
            queued.heard = max(queued.heard, span.start + heard)
            first = queued.audible
            if first is not None and first < queued.heard and not queued.told_audible:
                queued.told_audible = True
                at = span.at + (first - span.start) / REALTIME_RATE
                events.append(PartAudible(queued.part, at))
            if heard < span.count:
                break
            self._spans.popleft()
            self._leave(span.at + span.count / REALTIME_RATE, events)
        self._leave(now, events)
        return events

    def position(self) -> Position | None:
        """How far the part that is being heard was heard at the last `poll`; None: there is none.

        A part that has run dry counts as being heard.
        """
        for queued in (*self._leaving, *self._parts):
            if queued.told_begun:
                return Position(queued.part, queued.heard)
        return None

    def _leave(self, at: float, events: list[PlaybackEvent]) -> None:
        """Let go of the parts that have been heard to their end, or to where they were cut."""
        while self._leaving and self._leaving[0].heard >= self._leaving[0].taken:
            queued = self._leaving.popleft()
            if not queued.cut and queued.taken:
                events.append(PartEnded(Position(queued.part, queued.taken), at))
