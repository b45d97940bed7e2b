"""The person's side of a conversation: from captions to turns.

A turn is all that a person says until it is somebody else's turn; it may hold several segments
of speech. Its words come from the caption session inside, which commits them while the person
speaks. When a turn has been ended, the words of its end may still be on their way: then it is
*ending*, and the next one may have begun. Transcripts leave the caption session in order, so they
belong to the oldest turn that is not finished.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from streamkit.asr.recognizer import Word, join
from streamkit.audio.clock import SAMPLE_RATE, seconds
from streamkit.latency.trace import Trace
from streamkit.session.captions import CaptionOptions, CaptionSession, StreamState
from streamkit.session.effects import (
    Closed,
    Decode,
    Effect,
    Hasten,
    RangeFailed,
    SpeechBegan,
    Transcript,
    UtteranceEnded,
)
from streamkit.session.events import CloseRequested, Event, FinalizeRequested, WindowsScored
from streamkit.vad.segmenter import Voice
from streamkit.vad.silero import WINDOW_SAMPLES

MAX_FADE: Final = seconds(0.5)
"""The detector hears speech for so much longer, at most, than there is sound of it."""

SETTLED: Final = 2 * WINDOW_SAMPLES
"""A sound behind which it is quiet for so long is the end of a word, the burst of a "p", say, which
the detector no longer takes for speech. What goes on is noise."""


class TurnPhase(enum.Enum):
    """How far a turn is."""

    OPEN = "open"
    ENDING = "ending"
    """It is over; its last words are being recognized."""
    FINISHED = "finished"


@dataclass(slots=True, eq=False)
class Turn:
    """What one person says before somebody else does.

    Attributes:
        item_id: of the item that will hold it.
        onset: where speech begins; where listening began, if there is none.
        phase: open, ending or finished.
        announced: the client knows of it.
        dropped: it is nothing that the conversation should know: a cough, or cleared.
        words: that are final.
        committed: words after those that will not change.
        tentative: words after those that still may.
        told: how many of the unchanging ones the client has been told.
        began_at: when it was noticed.
        overlap: position from which on a reply has been made in it; None: there is none.
        end: where it ended.
        ended_at: when that was decided.
        speech_end: where speech in it has ended, so far, as the detector hears it.
        sound_end: behind the last loud sample of that, which is where the silence begins for
            somebody who listens; the same as `speech_end` where that is not known.
        speech_end_at: when that sample had been received.
        captured_at: when it was captured, in Unix seconds by the client's clock.
        failure: why the recognizer failed on a part of it.
        language: ISO 639-1 code, once words are known.
        trace: the way of its newest words.
    """

    item_id: str
    onset: int
    phase: TurnPhase = TurnPhase.OPEN
    announced: bool = False
    dropped: bool = False
    words: list[Word] = field(default_factory=list)
    committed: tuple[Word, ...] = ()
    tentative: tuple[Word, ...] = ()
    told: int = 0
    began_at: float = 0.0
    overlap: int | None = None
    end: int | None = None
    ended_at: float = 0.0
    speech_end: int | None = None
    sound_end: int | None = None
    speech_end_at: float | None = None
    captured_at: float | None = None
    failure: str | None = None
    language: str | None = None
    trace: Trace | None = None
    spoken: bool = False
    """Somebody has spoken in it."""
    given_up: bool = False
    """It only stands for words that are still to come and that nobody waits for."""

    @property
    def text(self) -> str:
        """All words heard so far."""
        return join((*self.words, *self.committed, *self.tentative))

    def text_since(self, position: int) -> str:
        """The words that begin at a position or later."""
        words = (*self.words, *self.committed, *self.tentative)
        return join([word for word in words if word.start >= position])

    def tell(self) -> tuple[str, tuple[Word, ...]]:
        """Words that will not change and that the client was not told yet, and their text."""
        firm = (*self.words, *self.committed)
        new = tuple(firm[self.told :])
        text = "".join(f" {word.text}" if word.spaced else word.text for word in new)
        if self.told == 0:
            text = text.lstrip()
        self.told = len(firm)
        return text, new


@dataclass(frozen=True, slots=True)
class TurnBegan:
    """Somebody has begun to speak."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnResumed:
    """Somebody speaks on, or begins to, in a turn that is open."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnHeard:
    """More, or other, words of a turn are known."""

    turn: Turn


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """All words of a turn are known."""

    turn: Turn


Occurrence = TurnBegan | TurnResumed | TurnHeard | TurnFinished | Decode | Hasten


class Hearing:
    """Turns out of one stream of audio.

    Args:
        options: of the caption session; what it has for endpoints is not looked at.
        make_id: makes ids of items.

    Attributes:
        ears: the caption session inside.
        speech_end: where the newest speech ended, or has come to; sound that may yet turn out to
            be nothing does not count.
    """

    def __init__(self, options: CaptionOptions, make_id: Callable[[], str]) -> None:
        self.ears = CaptionSession(options)
        self.speech_end = 0
        self._sound_end: int | None = None
        self._loud_until: int | None = None
        self._make_id = make_id
        self._turns: deque[Turn] = deque()
        self._flushed: Turn | None = None

    @property
    def current(self) -> Turn | None:
        """The turn that is open; None when nobody has spoken since the last one."""
        if self._turns and self._turns[-1].phase is TurnPhase.OPEN:
            return self._turns[-1]
        return None

    @property
    def ending(self) -> Iterator[Turn]:
        """Turns whose last words are still waited for, the oldest first."""
        return (t for t in self._turns if t.phase is TurnPhase.ENDING and not t.given_up)

    @property
    def closed(self) -> bool:
        """No more words will come that anybody waits for."""
        return self.ears.state is not StreamState.OPEN and all(t.dropped for t in self._turns)

    @property
    def silence(self) -> int | None:
        """Samples since speech ended; None while somebody speaks."""
        ears = self.ears
        return None if ears.voice is Voice.SPEAKING else ears.position - self.speech_end

    @property
    def heard_all(self) -> bool:
        """The recognizer has listened to all speech so far at least once."""
        return self.ears.heard >= self.speech_end

    def receive(self, event: Event, now: float) -> list[Occurrence]:
        """Take in an event of the caption session's; one window of probabilities at a time."""
        if isinstance(event, WindowsScored) and any(event.loud):
            self._loud_until = self.ears.position + event.loud[0]
        occurrences = list(self._understand(self.ears.receive(event, now)))
        if self.ears.voice is not Voice.QUIET and self.speech_end != self.ears.speech_end:
            self.speech_end = self.ears.speech_end
            self._sound_end = self._loud_until
        turn = self.current
        if turn is not None and turn.spoken and self.silence is not None:
            self._note_end(turn)
        return occurrences

    def begin(self, position: int) -> Turn:
        """Open a turn, although nobody may have spoken."""
        turn = Turn(self._make_id(), position)
        self._turns.append(turn)
        return turn

    def end(self, turn: Turn, now: float, *, drop: bool = False) -> list[Occurrence]:
        """The turn is over; its last words come with `TurnFinished`, perhaps at once.

        Args:
            turn: the open one.
            now: seconds.
            drop: its words are of no interest.
        """
        if turn.spoken:
            self._note_end(turn)
        waiting = any(each.phase is TurnPhase.ENDING for each in self._turns)
        turn.phase = TurnPhase.ENDING
        turn.dropped |= drop
        turn.end = min(self.speech_end, self.ears.received)
        turn.ended_at = now
        if waiting and not turn.spoken:
            # Asking again would only mark the final that is awaited for the turn before.
            return []
        effects = self.ears.receive(FinalizeRequested(), now)
        self._flushed = turn
        occurrences = list(self._understand(effects))
        self._flushed = None
        return occurrences

    def give_up(self, turn: Turn) -> None:
        """The last words have not come in time: those that are known are all there are.

        What the recognizer still says of it is dropped when it comes.
        """
        turn.words = [*turn.words, *turn.committed, *turn.tentative]
        turn.committed = turn.tentative = ()
        turn.phase = TurnPhase.FINISHED
        ghost = Turn(turn.item_id, turn.onset, TurnPhase.ENDING, dropped=True, spoken=turn.spoken)
        ghost.given_up = True
        self._turns[self._turns.index(turn)] = ghost

    def close(self, now: float) -> list[Occurrence]:
        """No more audio will come."""
        return self.receive(CloseRequested(), now)

    def _understand(self, effects: list[Effect]) -> Iterator[Occurrence]:
        for effect in effects:
            match effect:
                case Decode() | Hasten():
                    yield effect
                case SpeechBegan(position=position):
                    yield from self._speech(position)
                case Transcript():
                    yield from self._transcript(effect)
                case RangeFailed(reason=reason):
                    if self._turns:
                        self._turns[0].failure = reason
                case UtteranceEnded() | Closed():
                    pass

    def _note_end(self, turn: Turn) -> None:
        """Look up when the end of speech arrived, before that is forgotten."""
        if turn.speech_end == self.speech_end:
            return
        turn.speech_end = turn.sound_end = self.speech_end
        loud = self._loud_until
        if loud is not None and loud > self.ears.position - SETTLED:
            loud = self._sound_end
        if loud is not None and loud >= self.speech_end - MAX_FADE:
            turn.sound_end = loud
        trace = self.ears.traces.trace(turn.sound_end, SAMPLE_RATE)
        if trace is None:
            # It was so quiet for so long that the way of that sample is forgotten.
            turn.sound_end = self.speech_end
            trace = self.ears.traces.trace(self.speech_end, SAMPLE_RATE)
        turn.speech_end_at = trace.received_at if trace else None
        turn.captured_at = trace.captured_at if trace else None

    def _speech(self, position: int) -> Iterator[Occurrence]:
        if self._flushed is not None:
            # What had perhaps begun belongs to the turn that is being ended.
            self._flushed.spoken = True
            return
        turn = self.current
        if turn is not None:
            if not turn.spoken:
                turn.spoken = True
                turn.onset = position
            yield TurnResumed(turn)
            return
        turn = self.begin(position)
        turn.spoken = True
        if self.ears.state is not StreamState.OPEN:
            # What had perhaps begun when the stream was closed is too short to be a turn.
            turn.dropped, turn.phase = True, TurnPhase.ENDING
            return
        yield TurnBegan(turn)

    def _transcript(self, transcript: Transcript) -> Iterator[Occurrence]:
        if not self._turns:
            return
        turn = self._turns[0]
        if transcript.words:
            turn.language = transcript.language
            turn.trace = transcript.trace
        if transcript.is_final:
            turn.words.extend(transcript.words)
            turn.committed = turn.tentative = ()
        else:
            turn.committed = transcript.words[: transcript.committed]
            turn.tentative = transcript.words[transcript.committed :]
        if not transcript.from_finalize or turn.phase is not TurnPhase.ENDING:
            if transcript.words:
                yield TurnHeard(turn)
            return
        yield self._finish()
        while (
            self._turns and self._turns[0].phase is TurnPhase.ENDING and not self._turns[0].spoken
        ):
            yield self._finish()

    def _finish(self) -> TurnFinished:
        turn = self._turns.popleft()
        turn.phase = TurnPhase.FINISHED
        return TurnFinished(turn)
