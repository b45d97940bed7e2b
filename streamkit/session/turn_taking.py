"""Whose turn it is: when the person has begun, has finished, or wants to interrupt."""

from __future__ import annotations

import dataclasses
from typing import Final

from streamkit.audio.clock import SAMPLE_RATE, seconds
from streamkit.session.captions import CaptionOptions
from streamkit.session.context import Context
from streamkit.session.conversation_effects import (
    AudioCommitted,
    IdleTimeout,
    ItemAdded,
    ItemDone,
    JudgeTurn,
    SpeechStarted,
    SpeechStopped,
    TranscriptionCompleted,
    TranscriptionDelta,
    TranscriptionFailed,
)
from streamkit.session.conversation_options import SemanticVad, ServerVad
from streamkit.session.events import Event
from streamkit.session.floor import State, Trigger
from streamkit.session.hearing import (
    Hearing,
    Occurrence,
    Turn,
    TurnBegan,
    TurnFinished,
    TurnHeard,
    TurnResumed,
)
from streamkit.session.items import Content, Message
from streamkit.session.memory import RefusedError
from streamkit.session.responses import Responses
from streamkit.session.turns import (
    Interjection,
    TurnDetector,
    Verdict,
    judge,
    patience,
)
from streamkit.vad.silero import WINDOW_SAMPLES

MIN_COMMIT: Final = seconds(0.1)
"""Less audio than this is no turn."""

DRAFT_PROBABILITY: Final = 0.5
"""A turn that is over with this probability is worth thinking about a reply."""


class TurnTaking:
    """The person's half of a conversation.

    Args:
        context: of the conversation.
        responses: the other half.
        ears: how captions are made; its endpoints are not used.
        detector: judges by the words whether a turn is over.
        listens: there is also a detector that listens, and answers `JudgeTurn`.

    Attributes:
        hearing: turns out of audio.
    """

    def __init__(
        self,
        context: Context,
        responses: Responses,
        ears: CaptionOptions,
        detector: TurnDetector,
        *,
        listens: bool,
    ) -> None:
        self._context = context
        self._responses = responses
        self._ears = dataclasses.replace(
            ears, vad_events=True, interim_results=True, endpointing=None, utterance_end=None
        )
        self.hearing = Hearing(self._ears, lambda: context.make_id("item"))
        self._detector = detector
        self._listens = listens
        self._to_answer: set[str] = set()
        """Turns that are to be answered when their words are known."""
        self._buffer_start = 0
        self._audio_at = 0.0
        self._doubt_since = 0.0
        self._deaf_until = 0.0
        self._idle_since: float | None = None
        self._idle_position = 0
        self._pause = 0
        self._pause_end: int | None = None
        self._judged: float | None = None

    # What happens

    def receive(self, event: Event, *, audio: bool = False) -> None:
        """Take in what the ears have heard; probabilities one by one."""
        if audio:
            self._audio_at = self._context.now
        self._understand(self.hearing.receive(event, self._context.now))

    def judged(self, pause: int, probability: float) -> None:
        """The detector that listens has judged a pause."""
        if pause == self._pause:
            self._judged = probability
            self.attend()

    def tune(self) -> None:
        """Let the detector of voice activity listen as the client wants it."""
        segmenter = self._ears.segmenter
        detection = self._context.options.turn_detection
        if isinstance(detection, ServerVad):
            segmenter = dataclasses.replace(
                segmenter,
                threshold=detection.threshold,
                release=detection.threshold * segmenter.release / segmenter.threshold,
                pre_roll=seconds(detection.prefix_padding),
            )
        if segmenter != self.hearing.ears.options.segmenter:
            self.hearing.ears.tune(segmenter)
        self._let_go()
        floor = self._context.floor
        if floor.doubtful and (detection is None or not detection.interrupt_response):
            # Nobody will tell any more whether it is an interruption.
            self._false_alarm()

    def commit(self) -> None:
        """The client says that the turn is over.

        Raises:
            RefusedError: there is nothing in it.
        """
        length = self.hearing.ears.received - self._buffer_start
        if length < MIN_COMMIT:
            raise RefusedError(
                "input_audio_buffer_commit_empty",
                f"the input audio buffer holds {length * 1000 // SAMPLE_RATE} ms; accepted: at "
                f"least {MIN_COMMIT * 1000 // SAMPLE_RATE} ms: append audio first",
            )
        self._end(self.hearing.current or self.hearing.begin(self._buffer_start))

    def clear(self) -> None:
        """Forget what was heard and is no turn yet."""
        turn = self.hearing.current
        if turn is not None:
            self._drop(turn)
        self._buffer_start = self.hearing.ears.received

    def close(self) -> None:
        """No more audio comes."""
        self._let_go()
        turn = self.hearing.current
        if turn is not None:
            manual = self._context.options.turn_detection is None
            if turn.announced or (manual and turn.spoken):
                self._end(turn)
            else:
                self._drop(turn)
        self._to_answer.clear()
        self._understand(self.hearing.close(self._context.now))

    @property
    def waiting(self) -> bool:
        """Words are still to come of a turn that is over."""
        return any(not turn.dropped for turn in self.hearing.ending)

    @property
    def speaking(self) -> bool:
        """The person has begun a turn, and it is more than a noise so far."""
        turn, context = self.hearing.current, self._context
        if turn is None or not turn.announced or context.options.turn_detection is None:
            return False
        return bool(turn.text) or context.now < turn.began_at + context.bounds.hold_timeout

    # What is heard

    def _understand(self, occurrences: list[Occurrence]) -> None:
        for occurrence in occurrences:
            match occurrence:
                case TurnBegan(turn=turn):
                    self._began(turn)
                case TurnResumed():
                    self._responses.drop_draft()
                case TurnHeard(turn=turn):
                    self._tell_words(turn)
                case TurnFinished(turn=turn):
                    self._finished(turn)
                case _:
                    self._context.emit(occurrence)

    def _began(self, turn: Turn) -> None:
        floor, now = self._context.floor, self._context.now
        turn.began_at = now
        detection = self._context.options.turn_detection
        if detection is None:
            if floor.state is State.IDLE:
                floor.move(Trigger.SPEECH)
        elif not floor.replying or not detection.interrupt_response:
            self._announce(turn)
        elif not floor.doubtful and now >= self._deaf_until:
            floor.move(Trigger.DOUBT)
            self._doubt_since = now
            self._responses.hold(tell=True)

    def _announce(self, turn: Turn) -> None:
        if turn.announced:
            return
        turn.announced = True
        position = max(0, turn.onset - self.hearing.ears.options.segmenter.pre_roll)
        self._context.emit(SpeechStarted(turn.item_id, position))
        if self._context.floor.state is State.IDLE:
            self._context.floor.move(Trigger.SPEECH)
        self._tell_words(turn)

    def _tell_words(self, turn: Turn) -> None:
        options = self._context.options
        known = turn.announced or options.turn_detection is None
        if turn.dropped or not known or not options.transcription:
            return
        text, words = turn.tell()
        if text:
            self._context.emit(TranscriptionDelta(turn.item_id, 0, text, words, turn.trace))

    # Is it over?

    def attend(self) -> None:
        """Judge, after each window and each word, what the person is about."""
        context = self._context
        turn, detection = self.hearing.current, context.options.turn_detection
        if detection is None or context.closing:
            return
        if turn is None:
            self._prick_up(interruptible=detection.interrupt_response)
            return
        if not turn.announced:
            if context.floor.replying and detection.interrupt_response:
                self._weigh(turn)
                return
            self._announce(turn)
        if not context.floor.replying or not detection.interrupt_response:
            turn.overlap = None
        elif turn.overlap is None:
            turn.overlap = self.hearing.ears.position
        else:
            self._weigh(turn)
        silence = self.hearing.silence
        if silence is None:
            self._responses.drop_draft()
            if self.hearing.ears.position - turn.onset >= seconds(context.bounds.max_turn):
                self._end(turn)
            return
        if self.hearing.ears.candidate:
            return  # Within three windows it is decided whether the person speaks on.
        self._note_pause(turn)
        wait = seconds(self._patience(turn, silence))
        # Rounded down: the detector notices the end of a word a window or so after it.
        if silence >= max(1, wait // WINDOW_SAMPLES) * WINDOW_SAMPLES:
            self._end(turn)

    def _prick_up(self, *, interruptible: bool) -> None:
        """Send nothing while somebody has perhaps begun to speak.

        That costs nothing, since the client holds some sound, and is decided within three windows.
        A client that wants silence at once is told sooner, as soon as it is likely to be speech: if
        it is not, there is a gap of a moment in the reply.
        """
        main = self._responses.main
        if main is None or not self._context.floor.replying:
            return
        now = self._context.now
        if self.hearing.ears.candidate and interruptible and now >= self._deaf_until:
            if not main.held:
                self._doubt_since = now
            self._responses.hold(tell=self.hearing.ears.likely)
        elif main.held:
            self._responses.go_on()

    @property
    def _pricked(self) -> bool:
        """Sending is held because somebody has perhaps begun to speak."""
        main = self._responses.main
        return main is not None and main.held and not self._context.floor.doubtful

    def _let_go(self) -> None:
        """Send on, if only the beginning of what may be speech has held it up."""
        if self._pricked:
            self._responses.go_on()

    def _note_pause(self, turn: Turn) -> None:
        """A new pause is a new question for the detector that listens."""
        end = self.hearing.speech_end
        if end == self._pause_end:
            return
        self._pause_end = end
        self._pause += 1
        self._judged = None
        if self._listens and isinstance(self._context.options.turn_detection, SemanticVad):
            words = (*turn.words, *turn.committed, *turn.tentative)
            self._context.emit(JudgeTurn(self._pause, turn.onset, end, words))

    def _patience(self, turn: Turn, silence: int) -> float:
        """Seconds of silence that this turn is given, by what is known of it now."""
        bounds, detection = self._context.bounds, self._context.options.turn_detection
        assert detection is not None
        if not self.hearing.heard_all:
            return patience(detection, None)
        text = turn.text
        if not text:
            return min(bounds.wordless, patience(detection, None))
        probability = self._detector.finished(text, turn.language)
        if self._listens and isinstance(detection, SemanticVad):
            if self._judged is not None:
                probability = self._judged
            elif silence < seconds(bounds.judge_timeout):
                return patience(detection, None)
        if probability >= DRAFT_PROBABILITY and not self.waiting:
            self._responses.draft(turn, text)
        return patience(detection, probability)

    def _end(self, turn: Turn) -> None:
        """The person has finished; the words of the end may still be on their way."""
        floor, detection = self._context.floor, self._context.options.turn_detection
        if floor.doubtful:
            self._interrupt(turn)
        if detection is not None and turn.spoken:
            self._announce(turn)
        if turn.announced:
            self._context.emit(SpeechStopped(turn.item_id, self.hearing.speech_end))
        if floor.state is State.LISTENING:
            floor.move(Trigger.TURN_OVER)
        self._commit_item(turn.item_id, None)
        if detection is not None and detection.create_response:
            self._to_answer.add(turn.item_id)
        self._understand(self.hearing.end(turn, self._context.now))

    def _commit_item(self, item_id: str, transcript: str | None) -> None:
        """Put what the person said into the conversation."""
        item = Message(item_id, "user", (Content("input_audio", transcript),))
        previous = self._context.memory.history.add(item)
        self._context.emit(AudioCommitted(item_id, previous))
        self._context.emit(ItemAdded(item, previous))
        self._context.emit(ItemDone(item, previous))
        self._buffer_start = self.hearing.ears.received

    def _finished(self, turn: Turn) -> None:
        """All words of a turn are known."""
        if turn.dropped:
            return
        text = turn.text
        self._responses.language = turn.language or self._responses.language
        self._context.memory.set_text(turn.item_id, 0, text)
        if self._context.options.transcription:
            self._tell_transcript(turn, text)
        wanted = turn.item_id in self._to_answer and bool(text) and not self._context.closing
        self._to_answer.discard(turn.item_id)
        # Somebody who has said nothing is silent since then, if that is waited for at all.
        if text:
            self._idle_since = None
        else:
            self._restart_idleness()
        if not wanted or self._context.options.kind != "realtime":
            self._responses.drop_draft()
        elif not self._responses.adopt_draft(turn, text):
            self._responses.answer(turn)

    def _tell_transcript(self, turn: Turn, text: str) -> None:
        delta, words = turn.tell()
        if delta:
            self._context.emit(TranscriptionDelta(turn.item_id, 0, delta, words, turn.trace))
        if turn.failure is not None and not text:
            self._context.emit(TranscriptionFailed(turn.item_id, 0, turn.failure))
            return
        length = max(0, (turn.end or turn.onset) - turn.onset) / SAMPLE_RATE
        self._context.emit(
            TranscriptionCompleted(
                turn.item_id, 0, text, length, tuple(turn.words), turn.language, turn.trace
            )
        )

    # Is it an interruption?

    def _weigh(self, turn: Turn) -> None:
        """Tell whether speech during a reply is an interruption."""
        ears, options = self.hearing.ears, self._context.options.interruption
        silence = self.hearing.silence
        # Of a turn that was there before the reply, what was said since then counts.
        start = turn.onset if turn.overlap is None else turn.overlap
        end = ears.position if silence is None else self.hearing.speech_end
        if end <= start:
            return
        quiet = silence is not None and silence >= seconds(options.resume_after)
        verdict = judge(
            Interjection(
                seconds=(end - start) / SAMPLE_RATE,
                text=turn.text if turn.overlap is None else turn.text_since(start),
                heard_seconds=max(0, min(ears.heard, end) - start) / SAMPLE_RATE,
                over=quiet and self.hearing.heard_all and not ears.candidate,
                language=turn.language,
            ),
            options,
        )
        match verdict:
            case Verdict.INTERRUPTION:
                self._interrupt(turn)
            case Verdict.BACKCHANNEL if not turn.announced:
                self._drop(turn)
            case _:
                pass

    def _interrupt(self, turn: Turn) -> None:
        self._context.floor.move(Trigger.INTERRUPTED)
        self._announce(turn)
        self._responses.interrupt()

    def _drop(self, turn: Turn) -> None:
        """What was heard of this turn is nothing that the conversation should know."""
        floor = self._context.floor
        self._responses.drop_draft()
        self._understand(self.hearing.end(turn, self._context.now, drop=True))
        self._buffer_start = self.hearing.ears.received
        if floor.doubtful:
            self._false_alarm()
        elif floor.state is State.LISTENING:
            floor.move(Trigger.TURN_DROPPED)
            self._restart_idleness()

    def _false_alarm(self) -> None:
        """It was no interruption: the reply goes on where it was held."""
        self._context.floor.move(Trigger.FALSE_ALARM)
        self._responses.go_on()

    # Time

    def time_passed(self) -> None:
        """See what has taken too long."""
        now, bounds = self._context.now, self._context.bounds
        for ending in [*self.hearing.ending]:
            if now >= ending.ended_at + bounds.final_timeout:
                ending.failure = (
                    f"the last words were not recognized within {bounds.final_timeout:g} s"
                )
                self.hearing.give_up(ending)
                self._finished(ending)
        turn = self.hearing.current
        if turn is not None and self._context.options.turn_detection is not None:
            if turn.announced and now >= self._audio_at + bounds.audio_stall:
                self._end(turn)
            elif self._context.floor.doubtful and now >= self._doubt_since + bounds.hold_timeout:
                self._deaf_until = now + bounds.deaf_after_noise
                self._drop(turn)
        elif turn is None and self._pricked and now >= self._doubt_since + bounds.hold_timeout:
            self._let_go()
        if self._idle_at is not None and now >= self._idle_at:
            self._idle_timeout()

    def wake_times(self) -> list[float | None]:
        """When something will have taken too long."""
        bounds = self._context.bounds
        times: list[float | None] = [self._idle_at]
        times += [turn.ended_at + bounds.final_timeout for turn in self.hearing.ending]
        turn = self.hearing.current
        if turn is None and self._pricked:
            times.append(self._doubt_since + bounds.hold_timeout)
        if turn is not None and self._context.options.turn_detection is not None:
            if turn.announced:
                times.append(self._audio_at + bounds.audio_stall)
                if not turn.text and self._context.now < turn.began_at + bounds.hold_timeout:
                    times.append(turn.began_at + bounds.hold_timeout)
            elif self._context.floor.doubtful:
                times.append(self._doubt_since + bounds.hold_timeout)
        return times

    def reply_over(self) -> None:
        """The main reply has left the floor."""
        floor, turn = self._context.floor, self.hearing.current
        self._idle_since = self._context.now
        self._idle_position = self.hearing.ears.received
        if floor.doubtful and turn is not None:
            # There is nothing left to interrupt: it is a turn like any other.
            floor.move(Trigger.INTERRUPTED)
            self._announce(turn)
            self._responses.end_hold()
        elif floor.allows(Trigger.REPLY_OVER):
            floor.move(Trigger.REPLY_OVER)
            self._responses.go_on()
            if turn is None:
                return
            if turn.announced or self._context.options.turn_detection is None:
                floor.move(Trigger.SPEECH)
            else:
                self._announce(turn)

    @property
    def _idle_at(self) -> float | None:
        """When the person has been silent for too long."""
        detection = self._context.options.turn_detection
        if (
            self._idle_since is None
            or not isinstance(detection, ServerVad)
            or detection.idle_timeout is None
            or self._context.floor.state is not State.IDLE
            or self.waiting
            or self._context.options.kind != "realtime"
            or self._context.closing
        ):
            return None
        return self._idle_since + detection.idle_timeout

    def _restart_idleness(self) -> None:
        """Somebody was perhaps there, and has said nothing."""
        if self._idle_since is not None:
            self._idle_since = self._context.now
            self._idle_position = self.hearing.ears.received

    def _idle_timeout(self) -> None:
        self._idle_since = None
        item_id = self._context.make_id("item")
        self._context.emit(IdleTimeout(item_id, self._idle_position, self.hearing.ears.received))
        self._commit_item(item_id, "")
        self._responses.answer(None)
