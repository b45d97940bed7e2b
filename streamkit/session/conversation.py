"""A conversation as a pure machine: sound, words, tokens and commands in, effects out.

`TurnTaking` is the person's half, `Responses` the agent's, the `Floor` says whose turn it is, and
`Memory` holds what was said. This module is the door: it takes events in, gives each to the part
that it concerns, and lets all parts go on.

Everything about the person's speech is measured in samples, as in `CaptionSession`; what concerns
the playing of replies, and every timeout, in seconds. The owner gives it a `TimePassed` when
`wake_at` has come.
"""

from __future__ import annotations

from collections.abc import Callable

from streamkit.session.captions import CaptionOptions
from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    PlaybackReported,
    RetrieveItem,
    TruncateItem,
)
from streamkit.session.context import Context, ConversationBounds
from streamkit.session.conversation_effects import (
    AudioCleared,
    ConversationClosed,
    ConversationEffect,
    ForgetAudio,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    ItemTruncated,
    Rejected,
    TranscribeItem,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.conversation_events import (
    ConversationEvent,
    ItemTranscribed,
    ReplyFailed,
    SoundFailed,
    SoundReady,
    TimePassed,
    TokenArrived,
    TurnJudged,
)
from streamkit.session.conversation_options import ConversationOptions
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    DecodeFailed,
    DecodeSkipped,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
)
from streamkit.session.floor import State, Trigger
from streamkit.session.memory import Memory, RefusedError
from streamkit.session.responses import Responses
from streamkit.session.turn_taking import TurnTaking
from streamkit.session.turns import TurnDetector, WordsTurnDetector

__all__ = ["Conversation", "ConversationBounds"]


class Conversation:
    """One conversation.

    Args:
        options: what the client asked for.
        ears: how captions are made; its endpoints are not used.
        make_id: makes an id of a kind: "item" or "resp".
        detector: judges by the words whether a turn is over.
        listens: there is also a detector that listens, and answers `JudgeTurn`.
        bounds: how long anything may take.

    Attributes:
        closed: everything was said.
        wake_at: when a `TimePassed` is due; None: whenever something happens.
    """

    def __init__(
        self,
        options: ConversationOptions,
        ears: CaptionOptions,
        *,
        make_id: Callable[[str], str],
        detector: TurnDetector | None = None,
        listens: bool = False,
        bounds: ConversationBounds | None = None,
    ) -> None:
        self.closed = False
        self.wake_at: float | None = None
        self._context = Context(options, bounds or ConversationBounds(), make_id)
        self._responses = Responses(self._context)
        self._turns = TurnTaking(
            self._context,
            self._responses,
            ears,
            detector or WordsTurnDetector(),
            listens=listens,
        )
        self._untranscribed = self._context.untranscribed
        self._turns.tune()

    @property
    def options(self) -> ConversationOptions:
        """What the client asked for."""
        return self._context.options

    @property
    def state(self) -> State:
        """Who has the floor."""
        return self._context.floor.state

    @property
    def memory(self) -> Memory:
        """What was said."""
        return self._context.memory

    @property
    def keep_from(self) -> int:
        """Samples before this position will not be asked for again."""
        return self._turns.hearing.ears.keep_from

    @property
    def committed_until(self) -> int | None:
        """Up to where the person's words are committed; see `CaptionSession`."""
        return self._turns.hearing.ears.committed_until

    @property
    def replies(self) -> int:
        """Replies that are being made."""
        return len(self._responses)

    def receive(self, event: ConversationEvent, now: float) -> list[ConversationEffect]:
        """Take in one event.

        Args:
            event: what happened.
            now: seconds on the caller's monotonic clock, never decreasing.

        Returns:
            What is to be done, in order.
        """
        context = self._context
        context.effects = []
        context.now = now
        if not self.closed:
            self._take(event)
            self._settle()
        return context.effects

    def _take(self, event: ConversationEvent) -> None:
        match event:
            case WindowsScored() | AudioReceived() if self._context.closing:
                pass  # It was on its way when the stream was closed.
            case WindowsScored(probabilities=probabilities, loud=loud):
                for index, probability in enumerate(probabilities):
                    one = WindowsScored((probability,), loud[index : index + 1])
                    self._turns.receive(one)
                    self._turns.attend()
            case AudioReceived():
                self._turns.receive(event, audio=True)
            case HypothesisReady() | DecodeFailed() | DecodeSkipped() | PaceChanged():
                self._turns.receive(event)
                self._turns.attend()
            case TurnJudged(pause=pause, probability=probability):
                self._turns.judged(pause, probability)
            case TokenArrived() | ReplyFailed() | SoundReady() | SoundFailed():
                self._take_reply(event)
            case ItemTranscribed():
                self._item_transcribed(event)
            case TimePassed():
                self._time_passed()
            case CloseRequested():
                self._close()
            case _:
                self._take_command(event)

    def _take_reply(self, event: TokenArrived | ReplyFailed | SoundReady | SoundFailed) -> None:
        """What an engine has to say for a reply; for one that is over it is dropped here."""
        reply, now = self._responses.find(event.generation), self._context.now
        if reply is None:
            return
        match event:
            case TokenArrived(delta=delta):
                reply.receive(delta, now)
            case ReplyFailed(reason=reason):
                reply.fail("model_failed", reason, now)
            case SoundReady():
                reply.hear(event, now)
            case SoundFailed(reason=reason):
                reply.fail("voice_failed", reason, now)

    # Commands

    def _take_command(self, command: Command) -> None:
        if isinstance(command, PlaybackReported):
            self._responses.played(command)
            return
        try:
            self._carry_out(command)
        except RefusedError as refused:
            self._context.emit(
                Rejected(command.event_id, refused.code, str(refused), refused.param)
            )

    def _carry_out(self, command: Command) -> None:
        emit = self._context.emit
        match command:
            case Configure(options=options):
                self._context.options = options
                self._responses.drop_draft()
                self._turns.tune()
                self._turns.attend()
            case CommitAudio() | CreateResponse() if self._context.closing:
                raise RefusedError(
                    "session_closing", "the session is being closed; nothing new begins in it"
                )
            case CommitAudio():
                self._turns.commit()
            case ClearAudio():
                self._turns.clear()
                emit(AudioCleared())
            case CreateItem():
                self._create_item(command)
            case RetrieveItem(item_id=item_id):
                emit(ItemRetrieved(self.memory.get(item_id)))
            case DeleteItem(item_id=item_id):
                self._delete_item(item_id)
            case TruncateItem(item_id=item_id, content_index=index, audio_end_ms=end):
                self.memory.truncate(item_id, index, end, self._context.now)
                self._responses.stopped(item_id)
                self._responses.drop_draft()
                emit(ItemTruncated(item_id, index, end))
            case CreateResponse(overrides=overrides, event_id=event_id):
                if self.options.kind == "transcription":
                    raise RefusedError(
                        "invalid_session_type",
                        "a transcription session gives no responses; connect without "
                        "intent=transcription for a conversation",
                        "type",
                    )
                self._responses.want(overrides, event_id)
            case CancelResponse(response_id=response_id):
                self._responses.cancel(response_id)
            case _:
                pass

    def _create_item(self, command: CreateItem) -> None:
        previous = self.memory.add(command.item, command.after)
        self._responses.drop_draft()
        self._context.emit(ItemAdded(command.item, previous))
        self._context.emit(ItemDone(command.item, previous))
        for index, sound in enumerate(command.audio):
            if sound:
                self._untranscribed[command.item.id, index] = self._context.now
                self._context.emit(TranscribeItem(command.item.id, index))

    def _delete_item(self, item_id: str) -> None:
        self.memory.delete(item_id)
        self._responses.drop_draft()
        self._tell_deleted(item_id)

    def _tell_deleted(self, item_id: str) -> None:
        places = [place for place in self._untranscribed if place[0] == item_id]
        for place in places:
            del self._untranscribed[place]
        if places:
            self._context.emit(ForgetAudio(item_id))
        self._context.emit(ItemDeleted(item_id))

    def _item_transcribed(self, event: ItemTranscribed) -> None:
        place = (event.item_id, event.content_index)
        if self._untranscribed.pop(place, None) is None:
            return
        if not any(item_id == event.item_id for item_id, _ in self._untranscribed):
            self._context.emit(ForgetAudio(event.item_id))
        self.memory.set_text(*place, event.transcript or "")
        if not self.options.transcription:
            return
        if event.transcript is None:
            self._context.emit(TranscriptionFailed(*place, event.reason))
        else:
            self._context.emit(TranscriptionCompleted(*place, event.transcript, event.seconds))

    # Time

    def _time_passed(self) -> None:
        timeout = self._context.bounds.final_timeout
        self._turns.time_passed()
        for place, since in [*self._untranscribed.items()]:
            if self._context.now >= since + timeout:
                reason = f"not recognized within {timeout:g} s"
                self._item_transcribed(ItemTranscribed(*place, None, reason=reason))

    def _close(self) -> None:
        """No more audio comes; what is being said is said to its end."""
        self._context.closing = True
        self._responses.drop_draft()
        self._responses.forget_wanted()
        self._turns.close()

    def _settle(self) -> None:
        """Let everything go on as far as it can, and see when the next thing is due."""
        responses, context = self._responses, self._context
        responses.advance()
        self._move_floor()
        if not self._turns.waiting and not self._untranscribed:
            responses.begin_wanted(speaking=self._turns.speaking)
        responses.forget_done()
        for item_id in self.memory.forget_oldest(context.bounds.max_items):
            self._tell_deleted(item_id)
        if context.closing and not len(responses) and self._turns.hearing.closed:
            self.closed = True
            context.floor.move(Trigger.CLOSE)
            context.emit(ConversationClosed())
        self.wake_at = None if self.closed else self._next_time()

    def _move_floor(self) -> None:
        main, floor = self._responses.main, self._context.floor
        if main is None:
            return
        if main.sounding and floor.allows(Trigger.SOUND):
            floor.move(Trigger.SOUND)
        if main.done and main.over(self._context.now, self._context.bounds.playback_timeout):
            self._responses.main = None
            self._turns.reply_over()

    def _next_time(self) -> float | None:
        times = [*self._turns.wake_times(), *self._responses.wake_times()]
        timeout = self._context.bounds.final_timeout
        times += [since + timeout for since in self._untranscribed.values()]
        return min((each for each in times if each is not None), default=None)
