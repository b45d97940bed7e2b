"""The replies of one conversation: which are wanted, which are being made, which one is heard.

At most one reply of the conversation is made at a time, the *main* one; it keeps the floor until
it was played. Responses outside of the conversation run beside it. A reply may also be a *draft*,
begun while the turn is not certainly over: it is published when the turn ends with the words that
it answers, and given up when anything else happens.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from streamkit.latency.turn import TurnStage, TurnTrace
from streamkit.llm.chat_model import ReplyRequest, Utterance
from streamkit.llm.prompt import join_instructions
from streamkit.session.commands import PlaybackReported, ResponseOverrides
from streamkit.session.context import Context
from streamkit.session.conversation_effects import (
    Generate,
    Rejected,
    ReplyHeld,
    ReplyResumed,
)
from streamkit.session.floor import Trigger
from streamkit.session.hearing import Turn
from streamkit.session.memory import RefusedError
from streamkit.session.reply import Reply, ReplyPlan

MAX_DRAFTS: Final = 3
"""Replies that are begun for one turn before it is over; a model's work is not free."""


@dataclass(slots=True)
class _Wanted:
    """A response that was asked for and has not begun."""

    overrides: ResponseOverrides
    asked_at: float
    event_id: str | None = None
    turn: Turn | None = None
    asked: bool = True
    """The client has asked for it; otherwise the person has, by what was said or not said."""

    @property
    def answers_all(self) -> bool:
        """The client has asked for it, and it will answer what was said until it begins."""
        overrides = self.overrides
        return (
            self.asked
            and overrides.in_conversation
            and overrides.input is None
            and overrides.modalities is None
        )


@dataclass(slots=True)
class _Draft:
    """A reply to what a turn holds so far."""

    turn: Turn
    text: str
    reply: Reply


class Responses:
    """All replies of one conversation.

    Args:
        context: of the conversation.

    Attributes:
        main: the newest reply of the conversation, from its beginning until it was played.
        language: ISO 639-1 code of what was spoken last; None: not known.
    """

    def __init__(self, context: Context) -> None:
        self.main: Reply | None = None
        self.language: str | None = None
        self._context = context
        self._generation = 0
        self._replies: dict[int, Reply] = {}
        self._wanted: deque[_Wanted] = deque()
        self._draft: _Draft | None = None
        self._drafts: tuple[Turn | None, int] = (None, 0)
        self._told_hold: str | None = None
        """The response with which the client was told to play nothing for the moment."""

    def __len__(self) -> int:
        """Replies that are being made."""
        return len(self._replies)

    @property
    def free(self) -> bool:
        """A reply of the conversation may begin."""
        return self.main is None or self.main.done

    def find(self, generation: int) -> Reply | None:
        """The reply of a generation; None when it is over: whatever comes for it is dropped."""
        return self._replies.get(generation)

    # Wanted

    def want(self, overrides: ResponseOverrides, event_id: str | None) -> None:
        """The client wants a response, as soon as that is possible.

        Raises:
            RefusedError: it cannot be.
        """
        self.drop_draft()
        bound = self._context.bounds.max_responses
        main = self.main
        if overrides.in_conversation and main and not main.done and not main.generated:
            raise RefusedError(
                "conversation_already_has_active_response",
                f"response {main.response_id!r} is in progress; wait for its "
                "response.done, or cancel it first",
            )
        made = sum(not reply.done for reply in self._replies.values())
        if len(self._wanted) + made >= bound:
            raise RefusedError(
                "too_many_responses",
                f"{bound} responses are in progress or waiting; wait for a response.done",
            )
        # Whether the items are there is said now, not when its time has come.
        self._context.memory.turns(overrides.input)
        self._wanted.append(_Wanted(overrides, self._context.now, event_id))

    def answer(self, turn: Turn | None) -> None:
        """Answer a turn, or (None) that nothing is said, as soon as that is possible.

        One answer to all that was said meanwhile is enough: it takes the place of an older one
        that has not begun, and there is none where the client has asked for one itself.
        """
        self.drop_draft()
        if any(each.answers_all for each in self._wanted):
            return
        self.forget_answers()
        wanted = _Wanted(ResponseOverrides(), self._context.now, turn=turn, asked=False)
        self._wanted.append(wanted)

    def begin_wanted(self, *, speaking: bool) -> None:
        """Begin the responses that can be; all words that they need are known.

        Args:
            speaking: the person is saying something, which is to be answered too: nothing is
                said into that.
        """
        left: deque[_Wanted] = deque()
        for wanted in self._wanted:
            if wanted.overrides.in_conversation and (left or speaking or not self.free):
                left.append(wanted)
            else:
                self._begin(wanted)
        self._wanted = left

    def forget_wanted(self) -> None:
        """Begin none of the responses that wait."""
        self._wanted.clear()

    def forget_answers(self) -> None:
        """Begin none of those that wait and that the client has not asked for."""
        self._wanted = deque(each for each in self._wanted if each.asked)

    # Held

    def hold(self, *, tell: bool) -> None:
        """Send nothing more of the main reply for the moment.

        Args:
            tell: the client is to play nothing either, if it wants to know that.
        """
        main, now = self.main, self._context.now
        if main is None:
            return
        main.hold()
        if tell and self._context.options.holds and self._told_hold is None:
            self._told_hold = main.response_id
            main.playout.pause(now)
            # The end of a reply before it may be played still.
            self._context.memory.pause_sounds(now)
            self._context.emit(ReplyHeld(main.response_id))

    def go_on(self) -> None:
        """Go on where it was held."""
        told, now = self._told_hold, self._context.now
        self.end_hold()
        if told is not None:
            self._context.emit(ReplyResumed(told))
        if self.main is not None:
            self.main.resume(now)

    def end_hold(self) -> None:
        """The client knows by other means that it need not wait any more."""
        self._told_hold = None
        self._context.memory.resume_sounds(self._context.now)
        if self.main is not None:
            self.main.playout.go_on(self._context.now)

    # Ended

    def cancel(self, response_id: str | None) -> None:
        """The client wants no more of a response.

        Args:
            response_id: of the response; None: the one in progress.

        Raises:
            RefusedError: it is not in progress.
        """
        active = [reply for reply in self._replies.values() if reply.published and not reply.done]
        if response_id is None:
            active = [reply for reply in active if reply is self.main] or active[-1:]
        else:
            active = [reply for reply in active if reply.response_id == response_id]
        if not active and response_id is None and self._wanted:
            # It waits for the words that it is to answer: it begins, and that was it.
            reply = self._make_wanted(self._wanted.popleft())
            reply.publish(self._context.now)
            active = [reply]
        if not active:
            what = "" if response_id is None else f" with the id {response_id!r}"
            raise RefusedError(
                "response_cancel_not_active", f"there is no response{what} in progress"
            )
        active[0].cancel("client_cancelled", self._context.now)

    def interrupt(self) -> None:
        """The person has taken the floor: nothing more of the main reply is wanted."""
        self.forget_answers()
        main, self.main = self.main, None
        if main is None:
            return
        now = self._context.now
        # The end of a reply before it may be played still.
        self._context.memory.stop_sounds(now)
        main.playout.stop(now)
        self.end_hold()
        main.cancel("turn_detected", now)

    def stopped(self, item_id: str) -> None:
        """The client plays no more of an item: if it is being said, no more is said."""
        main = self.main
        if main is not None and main.item_id == item_id:
            main.cancel("client_cancelled", self._context.now)

    def played(self, report: PlaybackReported) -> None:
        """The client has said how far it has played an item; one that is not known is ignored."""
        memory, now = self._context.memory, self._context.now
        sound = memory.sound(report.item_id)
        if sound is None or report.content_index != 0:
            return
        playout = sound.playout
        position = report.audio_end_ms * playout.rate / 1000
        main = self.main if self.main and self.main.item_id == report.item_id else None
        # Who has played all that there is so far may only be waiting for more.
        starving = main is not None and not main.done and position >= playout.sent
        ended = report.ended and not starving
        playout.report(position, now, ended=ended)
        if main is not None:
            audible = main.first_audible
            if audible is not None and position > audible:
                main.trace.mark(TurnStage.PLAYED, now - (position - audible) / playout.rate)
        if ended and playout.position(now) < playout.length:
            self.stopped(report.item_id)
            memory.keep_heard(report.item_id, now)

    # Drafts

    def draft(self, turn: Turn, text: str) -> None:
        """Begin to think about a reply to a turn that is perhaps over."""
        options, detection = self._context.options, self._context.options.turn_detection
        if (
            not options.preemptive
            or options.kind != "realtime"
            or detection is None
            or not detection.create_response
            or not self.free
            or self._context.floor.replying
            or self._context.untranscribed
            or self._wanted
        ):
            return
        if self._draft is not None:
            if self._draft.turn is turn and same_words(self._draft.text, text):
                return
            self.drop_draft()
        of_turn, count = self._drafts
        count = count + 1 if of_turn is turn else 1
        if count > MAX_DRAFTS:
            return
        self._drafts = (turn, count)
        self.language = turn.language or self.language
        trace = _trace_of(turn, self._context.now)
        request = self._request(ResponseOverrides(), said=text)
        reply = self._make(ResponseOverrides(), trace)
        self._draft = _Draft(turn, text, reply)
        self._context.emit(Generate(reply.generation, request))

    def drop_draft(self) -> None:
        """The turn goes on, or something else has changed."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.reply.cancel("turn_detected", self._context.now)

    def adopt_draft(self, turn: Turn, text: str) -> bool:
        """A turn is to be answered: publish the draft, if there is one for these words."""
        draft, self._draft = self._draft, None
        if draft is None:
            return False
        right = draft.turn is turn and same_words(draft.text, text)
        if not right or draft.reply.done or not self.free:
            draft.reply.cancel("turn_detected", self._context.now)
            return False
        _mark_turn(draft.reply.trace, turn, self._context.now)
        self._begin_main(draft.reply)
        return True

    # Time

    def advance(self) -> None:
        """Let all replies go on."""
        for reply in [*self._replies.values()]:
            reply.advance(self._context.now)
        main = self.main
        if main is not None and main.item_id is not None and main.plan.audio:
            self._context.memory.hold_sound(main.item_id, main.spoken, main.playout)

    def forget_done(self) -> None:
        """Replies that are over need no more attention."""
        self._replies = {g: reply for g, reply in self._replies.items() if not reply.done}

    def wake_times(self) -> list[float | None]:
        """When something will be due."""
        now = self._context.now
        times = [reply.wake_at(now) for reply in self._replies.values()]
        if self.main is not None and self.main.done:
            times.append(self.main.over_at(now, self._context.bounds.playback_timeout))
        return times

    # Making

    def _begin(self, wanted: _Wanted) -> None:
        try:
            request = self._request(wanted.overrides)
        except RefusedError as refused:
            # An item that it names was deleted while it waited.
            self._context.emit(Rejected(wanted.event_id, refused.code, str(refused), refused.param))
            return
        reply = self._make_wanted(wanted)
        if wanted.overrides.in_conversation:
            self._begin_main(reply)
        else:
            reply.publish(self._context.now)
        self._context.emit(Generate(reply.generation, request))

    def _make_wanted(self, wanted: _Wanted) -> Reply:
        turn = wanted.turn
        if turn is None:
            trace = TurnTrace(None, wanted.asked_at)
        else:
            trace = _trace_of(turn, wanted.asked_at)
            _mark_turn(trace, turn, wanted.asked_at)
        return self._make(wanted.overrides, trace)

    def _begin_main(self, reply: Reply) -> None:
        floor = self._context.floor
        self.main = reply
        if floor.allows(Trigger.REPLY):
            floor.move(Trigger.REPLY)
        if floor.doubtful or self._told_hold is not None:
            reply.hold()
        if self._told_hold is not None:
            reply.playout.pause(self._context.now)
        reply.publish(self._context.now)

    def _make(self, overrides: ResponseOverrides, trace: TurnTrace) -> Reply:
        """Begin to make a reply; nobody hears of it yet."""
        context = self._context
        options = context.options
        self._generation += 1
        not_before = 0.0
        if self.main is not None and overrides.in_conversation:
            playout = self.main.playout
            not_before = playout.reaches(playout.sent, context.now)
        reply = Reply(
            self._generation,
            context.make_id("resp"),
            ReplyPlan(
                audio="audio" in (overrides.modalities or options.modalities),
                voice=overrides.voice or options.voice,
                speed=options.speed,
                language=options.language or self.language,
                rate=options.output_rate,
                lead=options.lead,
                in_conversation=overrides.in_conversation,
                max_output_tokens=self._token_bound(overrides),
                metadata=None if overrides.metadata is None else dict(overrides.metadata),
                reply_timeout=context.bounds.reply_timeout,
                sound_timeout=context.bounds.sound_timeout,
                playback_timeout=context.bounds.playback_timeout,
            ),
            context.memory.history,
            trace,
            context.emit,
            lambda: context.make_id("item"),
            context.now,
            not_before=not_before,
        )
        self._replies[reply.generation] = reply
        return reply

    def _request(self, overrides: ResponseOverrides, said: str = "") -> ReplyRequest:
        options = self._context.options
        turns = self._context.memory.turns(overrides.input)
        if said:
            turns = (*turns, Utterance("user", said))
        instructions = options.instructions
        if overrides.instructions is not None:
            instructions = overrides.instructions
        if "audio" in (overrides.modalities or options.modalities):
            instructions = join_instructions(instructions)
        parallel = overrides.parallel_tool_calls
        return ReplyRequest(
            turns=turns,
            instructions=instructions,
            tools=options.tools if overrides.tools is None else overrides.tools,
            tool_choice=overrides.tool_choice or options.tool_choice,
            parallel_tool_calls=options.parallel_tool_calls if parallel is None else parallel,
            max_output_tokens=self._token_bound(overrides),
        )

    def _token_bound(self, overrides: ResponseOverrides) -> int | None:
        if overrides.unlimited_tokens:
            return None
        return overrides.max_output_tokens or self._context.options.max_output_tokens


def _trace_of(turn: Turn, asked_at: float) -> TurnTrace:
    return TurnTrace(turn.speech_end_at, asked_at, turn.captured_at, turn.sound_end)


def _mark_turn(trace: TurnTrace, turn: Turn, final_at: float) -> None:
    trace.mark(TurnStage.ENDPOINT, turn.ended_at)
    trace.mark(TurnStage.FINAL, final_at)


def same_words(one: str, other: str) -> bool:
    """Two texts have the same words, whatever their punctuation and case."""

    def words(text: str) -> list[str]:
        return "".join(c if c.isalnum() else " " for c in text.casefold()).split()

    return words(one) == words(other)
