"""A spoken conversation as its client sees it: who says what, what is heard, what to do next.

A pure machine: the server's events, what was played and what the person does go in, with the
time; what to send and what to play comes out, and the turns can be looked at. When the person
interrupts, the reply stops at a sample, the server is told which, and nothing of the old reply
is played any more, however late it comes.

Times are Unix seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from streamkit.client import realtime_messages as messages
from streamkit.client.conversation_effects import (
    Effect,
    EndPart,
    Play,
    Send,
    StopPlayback,
    Tell,
)
from streamkit.client.events import Reconnected, Reconnecting
from streamkit.client.input_clock import InputClock
from streamkit.client.playback import (
    REALTIME_RATE,
    PartAudible,
    PartBegun,
    PartEnded,
    PlaybackEvent,
    Position,
)
from streamkit.client.realtime_events import (
    AudioCommitted,
    RealtimeError,
    RealtimeEvent,
    ReplySound,
    ReplySoundDone,
    ReplyWords,
    ResponseCreated,
    ResponseDone,
    SessionConfigured,
    SpeechStarted,
    SpeechStopped,
    UserTranscript,
    UserTranscriptFailed,
    UserWords,
)
from streamkit.client.realtime_messages import Message, TalkOptions
from streamkit.client.turns import AgentTurn, Spoken, Turns, UserTurn

REMEMBERED_RESPONSES = 256
"""Replies that were interrupted and of which something may still come."""

MIN_TURN_SECONDS = 0.1
"""A push-to-talk turn shorter than this is a slip of the finger; servers refuse it."""

NOTHING = np.zeros(0, np.int16)

State = Literal["listening", "you", "thinking", "speaking"]


NOT_SENT = Tell("there is no connection: say it again when it is back", warning=True)


class Conversation:
    """One conversation, over as many sessions as it takes.

    Args:
        options: what each session is configured with.
    """

    def __init__(self, options: TalkOptions | None = None) -> None:
        self._options = options or TalkOptions()
        self.turns = Turns()
        """Who said what."""
        self._dropped: deque[str] = deque(maxlen=REMEMBERED_RESPONSES)
        self._session = 0
        self._lost = False
        self._clock = InputClock()
        self._ours = False
        self._interrupts = True
        self._waiting = False
        self._pressed = False
        self._since_press = 0
        self._asked_at: float | None = None
        self._position: Position | None = None
        self.active_at = 0.0
        """When something last happened."""

    @property
    def state(self) -> State:
        """What is going on."""
        if self._pressed or any(
            isinstance(turn, UserTurn) and turn.speaking for turn in self.turns.open
        ):
            return "you"
        if self._position is not None:
            return "speaking"
        return "thinking" if self._waiting else "listening"

    @property
    def idle(self) -> bool:
        """Whether nothing is going on and nothing more is expected."""
        at_rest = self.state == "listening" and not self._lost
        return at_rest and all(turn.closed for turn in self.turns.open)

    def begin_session(self) -> list[Message]:
        """The messages that begin a session: its configuration, and what was said before.

        Positions in the audio count from there.
        """
        self._clock = InputClock()
        told = [
            messages.said("user" if isinstance(turn, UserTurn) else "assistant", turn.told)
            for turn in self.turns
            if turn.told
        ]
        return [self._options.update(), *told]

    # What the person does.

    def append(self, samples: NDArray[np.int16], captured_at: float) -> Message:
        """The message that sends sound of the microphone, with a report of what is played."""
        self._clock.sent(len(samples), captured_at)
        self._since_press += len(samples)
        if not self._ours:
            return messages.append(samples, None, None, ended=False)
        return messages.append(samples, captured_at, self._reportable(), ended=False)

    def report(self) -> Message | None:
        """The message that says how far the reply is played; None: nothing is being played."""
        position = self._reportable()
        if position is None:
            return None
        return messages.append(NOTHING, None, position, ended=False)

    def press(self, now: float) -> list[Effect]:
        """The person begins to speak, and says so."""
        self.active_at = now
        self._pressed = True
        self._since_press = 0
        return self.interrupt()

    def release(self, now: float) -> list[Effect]:
        """The person has spoken, and wants an answer."""
        self.active_at = now
        self._pressed = False
        if self._lost:
            return [NOT_SENT]
        if self._since_press < MIN_TURN_SECONDS * REALTIME_RATE:
            return [Send(messages.CLEAR)]
        self._waiting = True
        self._asked_at = now
        return [Send(messages.COMMIT), Send(messages.CREATE_RESPONSE)]

    def write(self, text: str, now: float) -> list[Effect]:
        """The person writes something, and wants an answer."""
        effects = self.interrupt()
        self.active_at = now
        if self._lost:
            return [*effects, NOT_SENT]
        self.turns.open.append(UserTurn("", text, closed=True))
        self._waiting = True
        self._asked_at = None
        return [*effects, Send(messages.said("user", text)), Send(messages.CREATE_RESPONSE)]

    def interrupt(self) -> list[Effect]:
        """Stop the reply because the person asks for it."""
        cancel = [Send(messages.CANCEL_RESPONSE)] if self._running else []
        return cancel + self._stop_reply()

    # What the server says.

    def receive(self, event: RealtimeEvent, now: float) -> list[Effect]:
        """Take in an event of the connection."""
        self.active_at = now
        match event:
            case SessionConfigured():
                self._ours = self._ours or event.ours
                self._interrupts = event.interrupts
            case SpeechStarted():
                self.turns.user(event.item_id).speaking = True
                return self._stop_reply() if self._interrupts else []
            case SpeechStopped():
                self.turns.user(event.item_id).speaking = False
                self._waiting = True
                self._asked_at = self._clock.time_of(event.audio_end_ms)
            case AudioCommitted():
                self.turns.user(event.item_id).speaking = False
                self._waiting = True
            case UserWords():
                self.turns.user(event.item_id).text += event.delta
            case UserTranscript():
                turn = self.turns.user(event.item_id)
                turn.text, turn.speaking, turn.closed = event.transcript, False, True
                # A noise is no question.
                self._waiting = self._waiting and bool(turn.told or self._running)
            case UserTranscriptFailed():
                turn = self.turns.user(event.item_id)
                turn.speaking, turn.closed = False, True
                return [Tell(f"not understood: {event.message}", warning=True)]
            case ResponseCreated() | ReplyWords() | ReplySound() | ReplySoundDone():
                if event.response_id not in self._dropped:
                    return self._reply(event)
            case ResponseDone():
                return self._done(event)
            case RealtimeError():
                self._waiting = self._waiting and self._running
                return [Tell(f"the server says: {event.message}", warning=True)]
            case Reconnecting():
                return self._lose(event)
            case Reconnected():
                self._lost = False
                known = any(turn.told for turn in self.turns)
                what = " that knows what was said before" if known else ""
                return [Tell(f"connected again, in a new session{what}")]
        return []

    def _reply(
        self, event: ResponseCreated | ReplyWords | ReplySound | ReplySoundDone
    ) -> list[Effect]:
        turn = self.turns.agent(event.response_id, self._session)
        match event:
            case ReplyWords(spoken=False):
                turn.written += event.delta
            case ReplyWords():
                spoken = turn.spoken.setdefault(event.part, Spoken())
                spoken.text.add(event.delta, spoken.arrived)
            case ReplySound():
                spoken = turn.spoken.setdefault(event.part, Spoken())
                for at, word in event.words:
                    spoken.text.mark(word, at)
                spoken.arrived += len(event.samples)
                return [Play(event.part, event.samples)]
            case ReplySoundDone():
                turn.spoken.setdefault(event.part, Spoken()).text.complete()
                return [EndPart(event.part)]
            case ResponseCreated():
                self._waiting = True
        return []

    def _done(self, event: ResponseDone) -> list[Effect]:
        effects: list[Effect] = []
        turn = self.turns.agent(event.response_id, self._session)
        turn.latency = event.latency
        if event.status == "cancelled" and event.response_id not in self._dropped:
            effects += self._stop_reply()
        elif event.status == "failed":
            effects.append(Tell(f"the reply failed: {event.error or 'no reason given'}", True))
        effects += [EndPart(part) for part in turn.spoken]
        turn.end()
        self._waiting = self._waiting and (turn.sounding or self._running)
        return effects

    def _lose(self, event: Reconnecting) -> list[Effect]:
        effects: list[Effect] = []
        if not self._lost:
            self._lost = True
            self._session += 1
            self._waiting = self._ours = False
            for turn in self.turns.open:
                match turn:
                    case UserTurn():
                        turn.speaking, turn.closed = False, True
                    case AgentTurn():
                        turn.end()
            effects.append(EndPart(None))
        attempt = f"attempt {event.attempt} in {event.delay:.1f} s"
        return [*effects, Tell(f"connection lost ({event.reason}); {attempt}")]

    # What is played.

    def played(
        self, events: Iterable[PlaybackEvent], position: Position | None, now: float
    ) -> list[Effect]:
        """Take in what was played since the last time.

        Args:
            events: in order.
            position: of the part that is being heard; None: there is none.
            now: the time.
        """
        effects: list[Effect] = []
        self._position = position
        if position is not None:
            self.active_at = now
            if (found := self.turns.find(position.part)) and not found[1].over:
                found[1].heard = position.samples
        for event in events:
            self.active_at = now
            match event:
                case PartBegun(part):
                    self._waiting = False
                    # At once: the server, too, wants to know what the person waited for.
                    effects += self._tell_position(Position(part, 0))
                case PartAudible(part, at):
                    if self._asked_at is not None and (found := self.turns.find(part)):
                        found[0].voice_to_voice = (at - self._asked_at) * 1000
                        self._asked_at = None
                case PartEnded(ended):
                    effects += self._tell_position(ended, ended=True)
                    if found := self.turns.find(ended.part):
                        turn, spoken = found
                        spoken.heard, spoken.over = ended.samples, True
                        turn.settle()
        return effects

    def stopped(self, cut: Iterable[Position]) -> list[Effect]:
        """Take in what `StopPlayback` has cut, each part with how much of it is heard."""
        effects: list[Effect] = []
        for position in cut:
            if not (found := self.turns.find(position.part)):
                continue
            turn, spoken = found
            if turn.session == self._session:
                effects.append(Send(messages.truncate(position)))
            effects += self._tell_position(position, ended=True)
            spoken.heard, spoken.over, spoken.cut = position.samples, True, True
            turn.interrupted = True
            turn.settle()
        return effects

    def _stop_reply(self) -> list[Effect]:
        """Stop what is being said, and let nothing more of it through."""
        sounding = False
        for turn in list(self._replies()):
            self._dropped.append(turn.response_id)
            for spoken in turn.spoken.values():
                spoken.over = spoken.over or not spoken.arrived
            sounding = sounding or turn.sounding
        self._waiting = False
        return [StopPlayback()] if sounding else []

    @property
    def _running(self) -> bool:
        """Whether the server is at work on a reply."""
        return any(not turn.done for turn in self._replies())

    def _replies(self) -> Iterator[AgentTurn]:
        """Replies that go on."""
        for turn in self.turns.open:
            if isinstance(turn, UserTurn) or turn.closed or turn.response_id in self._dropped:
                continue
            yield turn

    def _reportable(self) -> Position | None:
        """What is being played, if the server is to be told."""
        found = self._position and self.turns.find(self._position.part)
        if not self._ours or not found or found[1].over or found[0].session != self._session:
            return None
        return self._position

    def _tell_position(self, position: Position, *, ended: bool = False) -> list[Effect]:
        found = self.turns.find(position.part)
        if not self._ours or not found or found[0].session != self._session:
            return []
        return [Send(messages.append(NOTHING, None, position, ended=ended))]
