"""How far a reply has been played, and which of its words have been heard.

The server does not hear the client's loudspeaker. It knows what it has sent and when, and, if
the client says so, how far it has played. Between reports, and without any, sound is taken to be
played at its own rate from the moment it was sent, and to stop when there is no more of it. A
client that was told to play nothing for the moment plays nothing until it is told to go on.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from streamkit.llm.sentences import Piece
from streamkit.tts.synthesizer import WordMark

HALF_SAMPLE: Final = 0.5
"""Times are floats: less than this is nothing."""

REPORT_SECONDS: Final = 0.001
"""Clients count in whole milliseconds: who is less than one before the end is at the end."""

WORD_BASE_SECONDS: Final = 0.12
WORD_LETTER_SECONDS: Final = 0.06
"""A word before a pause is over after so long at the latest, however long the pause."""


class Playout:
    """How far the sound of one item has been played; all positions in samples.

    Args:
        rate: in Hz.
        not_before: when the sound before this one will have been played; seconds.

    Attributes:
        sent: samples that were sent.
        kept: so many of them are left after the client has cut off the rest; None: all.
        stopped: the client plays no more of it.
    """

    def __init__(self, rate: int, not_before: float = 0.0) -> None:
        self.rate = rate
        self.sent = 0
        self.kept: float | None = None
        self.stopped = False
        self._position = 0.0
        self._at = not_before
        self._paused_at: float | None = None

    @property
    def length(self) -> float:
        """Samples that there are for the client to play."""
        return self.sent if self.kept is None else self.kept

    @property
    def paused(self) -> bool:
        """The client plays nothing for the moment."""
        return self._paused_at is not None

    def send(self, samples: int, now: float) -> None:
        """So many more samples were sent."""
        self._position = self.position(now)
        self._at = max(self._time(now), self._at)
        self.sent += samples

    def report(self, position: float, now: float, *, ended: bool = False) -> None:
        """The client has played up to `position`; `ended`: and plays no more.

        A report that was on its way when playing was stopped changes nothing.
        """
        if self.stopped and not ended:
            return
        if position > self.length - REPORT_SECONDS * self.rate:
            position = self.length
        self._position = max(position, 0.0)
        self._at = self._time(now)
        self.stopped = ended

    def cut(self, position: float, now: float) -> None:
        """The client has cut off what lies behind `position`."""
        self.report(position, now, ended=True)
        self.kept = self._position

    def stop(self, now: float) -> None:
        """The client plays no more of it."""
        self._position = self.position(now)
        self._at = self._time(now)
        self.stopped = True

    def pause(self, now: float) -> None:
        """The client plays nothing until `go_on`."""
        if self._paused_at is None:
            self._paused_at = now

    def go_on(self, now: float) -> None:
        """The client goes on where it paused, if it did."""
        if self._paused_at is not None:
            self._at += now - self._paused_at
            self._paused_at = None

    def position(self, now: float) -> float:
        """Samples that have been played."""
        if self.stopped:
            return self._position
        played = max(0.0, self._time(now) - self._at) * self.rate
        return min(float(self.sent), self._position + played)

    def ahead(self, now: float) -> float:
        """Samples that the client holds and will play."""
        return 0.0 if self.stopped else self.sent - self.position(now)

    def held(self, now: float) -> float:
        """As `ahead`, with what is left to be played of the sound before this one."""
        return self.ahead(now) + max(0.0, self._at - self._time(now)) * self.rate

    def reaches(self, position: float, now: float) -> float:
        """When `position` will have been played, if all goes well; not before `now`.

        Of a client that pauses: if it went on now.
        """
        if self.stopped:
            return now
        time = self._time(now)
        left = max(0.0, position - self.position(now)) / self.rate
        return max(time, self._at) + left + (now - time)

    def _time(self, now: float) -> float:
        """The time that passes only while the client plays."""
        return now if self._paused_at is None else self._paused_at


@dataclass(slots=True)
class SpokenPiece:
    """One piece of a reply and the sound that there is of it.

    Attributes:
        piece: its text.
        start: position of its first sample in the item's sound.
        samples: that there are so far.
        marks: words that begin in them; `sample` counts from the piece's start.
        complete: there will be no more.
        told: characters of its written text that the client has got.
    """

    piece: Piece
    start: int
    samples: int = 0
    marks: list[WordMark] = field(default_factory=list)
    complete: bool = False
    told: int = 0

    @property
    def end(self) -> int:
        """Position after its last sample so far."""
        return self.start + self.samples

    def text_begun(self, position: int) -> int:
        """Characters of the written text whose words begin before a position."""
        if position >= self.end and self.complete:
            return len(self.piece.written)
        if not self.marks:
            # Where its words are is not known: they come with its first sound.
            return len(self.piece.written) if position > self.start else 0
        spoken = 0
        for mark in self.marks:
            if self.start + mark.sample >= position:
                break
            spoken = mark.text_offset + mark.text_length
        return self.piece.written_until(spoken)

    def text_heard(self, position: float, rate: int) -> int:
        """Characters of the written text whose words are over at a position."""
        if position >= self.end and self.complete:
            return len(self.piece.written)
        if not self.marks:
            return self._by_rate(position, rate)
        spoken = 0
        for index, mark in enumerate(self.marks):
            letters = WORD_BASE_SECONDS + WORD_LETTER_SECONDS * mark.text_length
            over = mark.sample + round(letters * rate)
            if index + 1 < len(self.marks):
                over = min(over, self.marks[index + 1].sample)
            elif self.complete:
                over = min(over, self.samples)
            if self.start + over > position:
                break
            spoken = mark.text_offset + mark.text_length
        return self.piece.written_until(spoken)

    def _by_rate(self, position: float, rate: int) -> int:
        """The share of the sound that was played, down to a whole word."""
        spoken = len(self.piece.spoken)
        samples = self.samples
        if not self.complete:
            # The sound that there is so far is not all, and how much comes can only be guessed.
            samples = max(samples, round(WORD_LETTER_SECONDS * spoken * rate))
        if not samples or position <= self.start:
            return 0
        share = min(1.0, (position - self.start) / samples)
        return self.piece.written_until(int(spoken * share))


class SpokenText:
    """The pieces of one item and how far they have been told and heard.

    Args:
        rate: of the sound, in Hz.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.pieces: list[SpokenPiece] = []

    @property
    def samples(self) -> int:
        """Sound that there is, of all pieces."""
        return self.pieces[-1].end if self.pieces else 0

    @property
    def complete(self) -> bool:
        """There is all the sound of all pieces that were added."""
        return all(piece.complete for piece in self.pieces)

    def add(self, piece: Piece) -> None:
        """The next piece; the one before it is complete."""
        self.pieces.append(SpokenPiece(piece, self.samples))

    def extend(self, samples: int, marks: tuple[WordMark, ...], *, last: bool) -> None:
        """More sound of the newest piece."""
        piece = self.pieces[-1]
        piece.samples += samples
        piece.marks.extend(marks)
        piece.complete = last

    def tell(self, position: int) -> tuple[str, tuple[tuple[int, str], ...]]:
        """Text that belongs to the sound before a position and was not told yet.

        Returns:
            The text, and the words that begin in that sound with their positions.
        """
        text = ""
        words: list[tuple[int, str]] = []
        for piece in self.pieces:
            if piece.start > position or (piece.start == position and not piece.complete):
                break
            until = piece.text_begun(position)
            if until > piece.told:
                for mark in piece.marks:
                    at = piece.piece.written_until(mark.text_offset + mark.text_length)
                    if piece.told < at <= until and piece.start + mark.sample < position:
                        word = piece.piece.spoken[mark.text_offset :][: mark.text_length]
                        words.append((piece.start + mark.sample, word))
                text += piece.piece.written[piece.told : until]
                piece.told = until
        return text, tuple(words)

    def heard(self, position: float) -> str:
        """The text whose words were over at a position."""
        return "".join(
            piece.piece.written[: piece.text_heard(position, self.rate)]
            for piece in self.pieces
            if piece.start < position or (piece.complete and not piece.samples)
        ).strip()
