"""What a caption client must remember so that a dropped connection costs no word.

Audio is kept from the end of the last final on. When the connection is lost, a new one
starts there: the kept audio is sent again, and the position where it starts becomes the
offset of all times that the new connection reports. A final closes its range for good,
so no word comes twice; everything behind it is sent again, so no word is missing.
Words that were committed behind it are named to the new connection, so that they stay.

Pure bookkeeping: no socket, no clock. Positions are samples since the start of the stream.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from streamkit.client.events import Event, SpeechStarted, Transcript, Word

KEEP_SECONDS = 120.0
"""Audio kept for a replay, and through an outage, before the oldest is dropped."""

MAX_PIECE_SECONDS = 1.0
"""Longest audio message; what the caller sends in larger pieces is divided."""

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """One audio message: linear16 `data` whose first sample has the stream position `position`.

    `captured_at` is the Unix time of that sample, or None where it is not known.
    """

    position: int
    data: bytes
    captured_at: float | None

    @property
    def end(self) -> int:
        """Position after the last sample."""
        return self.position + len(self.data) // BYTES_PER_SAMPLE


@dataclass(frozen=True, slots=True)
class FinalizeMark:
    """The caller asked for a final at this place in the stream."""


@dataclass(frozen=True, slots=True)
class Restart:
    """A new connection begins at `position`; `replayed` and `lost` are samples.

    `committed` are words behind that position that were shown as committed: the new
    connection is to continue them.
    """

    position: int
    replayed: int
    lost: int
    committed: tuple[Word, ...] = ()


class ReplayBuffer:
    """The audio of one stream that is not final yet, and how far the server has got.

    The caller appends audio, takes what to send with `next`, shows every event of the
    server to `observe`, and calls `interrupt` and `restart` when a connection is lost and
    a new one is up.

    Args:
        sample_rate: samples per second of the stream.
        keep_seconds: bound on the audio kept.
    """

    def __init__(self, sample_rate: int, keep_seconds: float = KEEP_SECONDS) -> None:
        self.sample_rate = sample_rate
        self._keep = round(keep_seconds * sample_rate)
        self._max_piece = max(1, round(MAX_PIECE_SECONDS * sample_rate))
        self._sent: deque[AudioPiece] = deque()
        self._unsent: deque[AudioPiece] = deque()
        self._marks: deque[int] = deque()
        self._marks_sent = 0
        self._speech_open = False
        self._connected = True
        self._committed: tuple[Word, ...] = ()
        self.received = 0
        """Samples that the caller has appended."""
        self.settled = 0
        """Position before which nothing can change: end of the last final, or silence."""
        self.cursor = 0
        """Position of the next sample to send on this connection."""
        self.offset = 0
        """Position at which this connection began."""
        self.utterance = 0
        """Number of the open utterance: endpoints seen so far."""

    @property
    def oldest(self) -> int:
        """Position of the oldest sample still kept."""
        for pieces in (self._sent, self._unsent):
            if pieces:
                return pieces[0].position
        return self.received

    @property
    def unsent(self) -> int:
        """Samples that wait to be sent."""
        return self.received - self.cursor

    @property
    def overrun(self) -> bool:
        """Whether the bound has dropped audio that this connection had not sent yet.

        Times would be wrong from there on, so the connection has to be replaced.
        """
        return self.cursor < self.oldest

    @property
    def offset_seconds(self) -> float:
        """What to add to the times that this connection reports."""
        return self.offset / self.sample_rate

    def append(self, data: bytes, captured_at: float | None = None) -> None:
        """Add linear16 audio; drops the oldest beyond the bound (see `restart`)."""
        step = self._max_piece * BYTES_PER_SAMPLE
        for start in range(0, len(data), step):
            skipped = start // BYTES_PER_SAMPLE / self.sample_rate
            piece = AudioPiece(
                self.received,
                data[start : start + step],
                None if captured_at is None else captured_at + skipped,
            )
            self._unsent.append(piece)
            self.received = piece.end
        floor = self.received - self._keep
        if floor > self.oldest:
            # What a server has had for so long without hearing speech in it is silence.
            if self._connected and not self._speech_open:
                self.settled = max(self.settled, min(floor, self.cursor))
            self._forget(floor)

    def finalize(self) -> None:
        """Ask for a final here."""
        self._marks.append(self.received)

    def next(self) -> AudioPiece | FinalizeMark | None:
        """Take what is to be sent next, in order; None when the server has everything."""
        if self._marks_sent < len(self._marks) and self._marks[self._marks_sent] <= self.cursor:
            self._marks_sent += 1
            return FinalizeMark()
        if not self._unsent:
            return None
        piece = self._unsent.popleft()
        self._sent.append(piece)
        self.cursor = piece.end
        return piece

    def observe(self, event: Event) -> None:
        """Note how far the server has got."""
        match event:
            case SpeechStarted():
                self._speech_open = True
            case Transcript(is_final=False):
                self._speech_open = self._speech_open or bool(event.words)
                self._committed = event.words[: event.committed]
            case Transcript():
                end = min(round(event.end * self.sample_rate), self.cursor)
                self.settled = max(self.settled, end)
                self._forget(self.settled)
                self._committed = self._committed[len(event.words) :]
                if event.from_finalize and self._marks_sent:
                    self._marks.popleft()
                    self._marks_sent -= 1
                if event.speech_final:
                    self._speech_open = False
                    self.utterance += 1
            case _:
                pass

    def interrupt(self) -> None:
        """Note that the connection is gone: the server hears nothing until `restart`."""
        self._connected = False

    def restart(self) -> Restart:
        """Begin again on a new connection, at the end of the last final."""
        self._connected = True
        oldest = self.oldest
        lost = max(0, oldest - self.settled)
        self.settled = max(self.settled, oldest)
        self._forget(self.settled)
        replayed = max(0, self.cursor - self.settled)
        self._unsent.extendleft(reversed(self._sent))
        self._sent.clear()
        self._marks_sent = 0
        self.offset = self.cursor = self.settled
        return Restart(self.offset, replayed, lost, () if lost else self._committed)

    def _forget(self, floor: int) -> None:
        """Drop the kept audio before the position `floor`."""
        for pieces in (self._sent, self._unsent):
            while pieces and pieces[0].end <= floor:
                pieces.popleft()
            if pieces and pieces[0].position < floor:
                piece = pieces.popleft()
                skip = floor - piece.position
                captured_at = piece.captured_at
                if captured_at is not None:
                    captured_at += skip / self.sample_rate
                pieces.appendleft(
                    AudioPiece(floor, piece.data[skip * BYTES_PER_SAMPLE :], captured_at)
                )
