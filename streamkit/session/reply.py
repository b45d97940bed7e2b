"""One reply: tokens in, items, text and paced sound out.

The way of a reply: the model's tokens are cut into pieces that can be said; the voice speaks one
piece after the other, the next one while the last is being played; the sound leaves in small
steps, so that the client never holds more than its lead; and the text leaves with the sound that
says it. A reply may be made before it is wanted (`publish` comes later): then it thinks and
speaks all the same, and the client hears nothing of it.

A reply ends exactly once: completed, incomplete, cancelled or failed. Its sound may be played
for a while after that; what was heard of it can be told at any time.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from streamkit.latency.turn import TurnStage, TurnTrace
from streamkit.llm.chat_model import CallDelta, Delta, Finished, TextDelta
from streamkit.llm.sentences import Piece, PieceCutter
from streamkit.session.conversation_effects import (
    Abandon,
    ArgumentsAdded,
    ArgumentsDone,
    ContentPartAdded,
    ContentPartDone,
    ConversationEffect,
    ItemAdded,
    ItemDone,
    OutputItemAdded,
    OutputItemDone,
    Place,
    ResponseCreated,
    ResponseDone,
    ResponseState,
    ResponseStatus,
    SendSound,
    SoundDone,
    StatusReason,
    Synthesize,
    TextAdded,
    TextDone,
    TranscriptAdded,
    TranscriptDone,
)
from streamkit.session.conversation_events import SoundReady
from streamkit.session.items import (
    Content,
    ContentKind,
    FunctionCall,
    History,
    Item,
    Message,
    Status,
)
from streamkit.session.playout import HALF_SAMPLE, Playout, SpokenText

STEP_SECONDS: Final = 0.1
"""Sound of one message to the client."""

AHEAD_SECONDS: Final = 8.0
"""So much sound may wait before the next piece is spoken."""

REASONS: Final[Mapping[str, StatusReason]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}
"""Why a reply is incomplete, by the reason for which the model has ended it."""


@dataclass(frozen=True, slots=True)
class ReplyPlan:
    """How one reply is to be made; fixed when it begins.

    Attributes:
        audio: it is spoken, not only written.
        voice: name; None: the language's default.
        speed: of the voice.
        language: ISO 639-1 code of what it will be in, as far as known.
        rate: of the sound, in Hz.
        lead: seconds of sound that the client may hold.
        in_conversation: its items become part of the conversation.
        max_output_tokens: None: no bound.
        metadata: of the client's.
        reply_timeout: seconds that the model may be silent.
        sound_timeout: seconds that the voice may be.
        playback_timeout: seconds that the client may say that it plays nothing.
    """

    audio: bool = True
    voice: str | None = None
    speed: float = 1.0
    language: str | None = None
    rate: int = 24000
    lead: float = 0.5
    in_conversation: bool = True
    max_output_tokens: int | None = None
    metadata: dict[str, str] | None = None
    reply_timeout: float = 60.0
    sound_timeout: float = 15.0
    playback_timeout: float = 30.0


@dataclass(slots=True)
class _Output:
    """An item that the reply is making."""

    item: Item
    place: Place
    text: str = ""
    """Of a message: what the client has got of it."""
    closed: bool = False


@dataclass(slots=True)
class _Voice:
    """Which pieces wait for the voice, and which it is at."""

    waiting: deque[Piece] = field(default_factory=deque)
    count: int = 0
    asked_at: float | None = None
    """When it was asked for the piece that it is at, or gave the last sound of it."""


class Reply:
    """A reply being made.

    Args:
        generation: number of the reply; engines answer with it.
        response_id: of the response.
        plan: how to make it.
        history: of the conversation.
        trace: when the turn that it answers passed its stages.
        emit: takes effects.
        make_id: makes ids of items.
        now: seconds.
        not_before: when the sound before this one will have been played.

    Attributes:
        done: `ResponseDone` has been told, or the reply was given up unpublished.
        spoken: its text and where in the sound it is.
        playout: how far it has been played.
    """

    def __init__(
        self,
        generation: int,
        response_id: str,
        plan: ReplyPlan,
        history: History,
        trace: TurnTrace,
        emit: Callable[[ConversationEffect], None],
        make_id: Callable[[], str],
        now: float,
        *,
        not_before: float = 0.0,
    ) -> None:
        self.generation = generation
        self.response_id = response_id
        self.plan = plan
        self.trace = trace
        self.done = False
        self.published = False
        self.held = False
        self.spoken = SpokenText(plan.rate)
        self.playout = Playout(plan.rate, not_before)
        self.first_audible: int | None = None
        self._history = history
        self._emit = emit
        self._make_id = make_id
        self._early: list[Delta] = []
        self._outputs: list[_Output] = []
        self._message: _Output | None = None
        self._calls: dict[int, _Output] = {}
        self._blank = ""
        self._cutter = PieceCutter(plan.language)
        self._voice = _Voice()
        self._finished: Finished | None = None
        self._sign_at = now
        self._over_by = now
        self._stalled_at: float | None = None
        """When it will be too long that the client has made no room for more."""

    # What others want to know

    @property
    def item_id(self) -> str | None:
        """Of its message; None while there is none."""
        return self._message.item.id if self._message else None

    @property
    def generated(self) -> bool:
        """The model has said all that it has to say."""
        return self._finished is not None

    @property
    def sounding(self) -> bool:
        """Some of its sound was sent."""
        return self.playout.sent > 0

    def over(self, now: float, patience: float) -> bool:
        """It is done, and was played, or should have been `patience` seconds ago."""
        return self.done and (
            self.playout.held(now) < HALF_SAMPLE or now >= self._over_by + patience
        )

    def over_at(self, now: float, patience: float) -> float:
        """When it will be over, if the client says nothing else; it is done."""
        latest = self._over_by + patience
        if self.playout.paused:
            return latest
        return min(self.playout.reaches(self.playout.sent, now), latest)

    @property
    def state(self) -> ResponseState:
        """The response as it stands."""
        return self._state("in_progress")

    def wake_at(self, now: float) -> float | None:
        """When there will be something to do, if nothing happens before."""
        if self.done:
            return None
        times = []
        if not self.generated:
            times.append(self._sign_at + self.plan.reply_timeout)
        if self._voice.asked_at is not None:
            times.append(self._voice.asked_at + self.plan.sound_timeout)
        step = self._step()
        if step and self.published and not self.held:
            # Whichever is sooner: with a lead that is shorter than a step, nothing is left before.
            times.append(now + max(0.0, (step - self._room(now)) / self.plan.rate))
            times.append(self.playout.reaches(self.playout.sent, now))
            if self._stalled_at is not None:
                times.append(self._stalled_at)
        return min(times, default=None)

    # What happens

    def publish(self, now: float) -> None:
        """The reply is wanted: tell the client of it, and begin to send."""
        self.published = True
        self._emit(ResponseCreated(self.state))
        early, self._early = self._early, []
        for delta in early:
            self._tell(delta)
        self.advance(now)

    def receive(self, delta: Delta, now: float) -> None:
        """The model has said more."""
        if self.done or self.generated:
            return
        self._sign_at = now
        self.trace.mark(TurnStage.FIRST_TOKEN, now)
        if isinstance(delta, Finished):
            self._finished = delta
        if self.plan.audio:
            match delta:
                case TextDelta(text=text):
                    self._voice.waiting.extend(self._cutter.feed(text))
                case Finished():
                    self._voice.waiting.extend(self._cutter.finish())
                case CallDelta():
                    pass
            if self._voice.waiting:
                self.trace.mark(TurnStage.FIRST_PIECE, now)
        if self.published:
            self._tell(delta)
        else:
            self._early.append(delta)
        self.advance(now)

    def hear(self, event: SoundReady, now: float) -> None:
        """The voice has given sound."""
        if self.done or event.piece != self._voice.count - 1 or self._voice.asked_at is None:
            return
        if event.samples:
            self.trace.mark(TurnStage.FIRST_BYTE, now)
        if event.audible is not None and event.samples and self.first_audible is None:
            self.first_audible = self.spoken.samples + event.audible
        self.spoken.extend(event.samples, event.marks, last=event.last)
        self._voice.asked_at = None if event.last else now
        self.advance(now)

    def fail(self, code: str, reason: str, now: float) -> None:
        """Something that the reply needs has failed."""
        self._end("failed", now, error=reason, error_code=code)

    def cancel(self, reason: StatusReason, now: float) -> None:
        """Stop at once."""
        self._end("cancelled", now, reason=reason)

    def hold(self) -> None:
        """Send nothing more for the moment; everything else goes on."""
        self.held = True
        self._stalled_at = None

    def resume(self, now: float) -> None:
        """Go on where it was held."""
        self.held = False
        self.advance(now)

    def advance(self, now: float) -> None:
        """Speak, send and end, as far as is due."""
        if self.done:
            return
        if not self.generated and now >= self._sign_at + self.plan.reply_timeout:
            text = f"the model has said nothing for {self.plan.reply_timeout:g} s"
            self.fail("model_timeout", text, now)
            return
        asked_at = self._voice.asked_at
        if asked_at is not None and now >= asked_at + self.plan.sound_timeout:
            text = f"the voice has given no sound for {self.plan.sound_timeout:g} s"
            self.fail("voice_timeout", text, now)
            return
        self._speak(now)
        if not self.published or self.held:
            return
        self._send(now)
        if self._stalled_at is not None and now >= self._stalled_at:
            self.playout.stop(now)
            text = f"the client has played nothing for {self.plan.playback_timeout:g} s"
            self.fail("playback_timeout", text, now)
            return
        self._maybe_complete(now)

    # The voice

    def _speak(self, now: float) -> None:
        voice = self._voice
        while voice.waiting and voice.asked_at is None:
            unsent = self.spoken.samples - self.playout.sent
            if unsent > AHEAD_SECONDS * self.plan.rate:
                return
            piece = voice.waiting.popleft()
            self.spoken.add(piece)
            voice.count += 1
            if not piece.spoken.strip():
                self.spoken.extend(0, (), last=True)
                continue
            voice.asked_at = now
            self._emit(
                Synthesize(
                    generation=self.generation,
                    piece=voice.count - 1,
                    text=piece.spoken,
                    voice=self.plan.voice,
                    language=self.plan.language,
                    speed=self.plan.speed,
                    first=self.first_audible is None,
                )
            )

    def _room(self, now: float) -> float:
        """Samples that may be sent now."""
        return self.plan.lead * self.plan.rate - self.playout.held(now)

    def _step(self) -> int:
        """Samples of the next message; 0: there is nothing to send."""
        unsent = self.spoken.samples - self.playout.sent
        return min(unsent, round(STEP_SECONDS * self.plan.rate))

    def _send(self, now: float) -> None:
        while self._message is not None and (step := self._step()):
            # A lead shorter than a step is no reason to send nothing for ever.
            if math.ceil(self._room(now)) < step and self.playout.ahead(now) >= HALF_SAMPLE:
                if self._stalled_at is None:
                    played = self.playout.reaches(self.playout.sent, now)
                    self._stalled_at = played + self.plan.playback_timeout
                return
            self._stalled_at = None
            start = self.playout.sent
            text, words = self.spoken.tell(start + step)
            self._tell_spoken(text)
            audible = self.first_audible is not None and start <= self.first_audible < start + step
            if audible:
                self.trace.mark(TurnStage.FIRST_AUDIBLE, now)
            self._emit(
                SendSound(
                    self._message.place,
                    self.generation,
                    start,
                    start + step,
                    words,
                    self.state if audible else None,
                )
            )
            self.playout.send(step, now)

    def _tell_spoken(self, text: str) -> None:
        if text and self._message is not None:
            self._message.text += text
            self._emit(TranscriptAdded(self._message.place, text))

    # Items

    def _tell(self, delta: Delta) -> None:
        """Pass on what the model has said, as far as it does not wait for its sound."""
        match delta:
            case TextDelta(text=text):
                self._tell_text(text)
            case CallDelta():
                self._tell_call(delta)
            case Finished(reason=reason):
                # A call that was cut off must not be carried out.
                whole = reason not in REASONS
                for call in self._calls.values():
                    self._close_call(call, "completed" if whole else "incomplete")

    def _tell_text(self, text: str) -> None:
        if self._message is None:
            # Models like to begin a reply that is only a call with a blank line.
            self._blank += text
            if not self._blank.strip():
                return
            text, self._blank = self._blank, ""
            kind: ContentKind = "output_audio" if self.plan.audio else "output_text"
            item = Message(self._make_id(), "assistant", (), "in_progress")
            self._message = self._open(item)
            self._emit(ContentPartAdded(self._message.place, Content(kind, "")))
        if not self.plan.audio:
            self._message.text += text
            self._emit(TextAdded(self._message.place, text))

    def _tell_call(self, delta: CallDelta) -> None:
        call = self._calls.get(delta.index)
        if call is None:
            call_id = delta.call_id or self._make_id().replace("item_", "call_", 1)
            item = FunctionCall(self._make_id(), call_id, delta.name, "", "in_progress")
            call = self._calls[delta.index] = self._open(item)
        if delta.arguments:
            assert isinstance(call.item, FunctionCall)
            call.text += delta.arguments
            self._emit(ArgumentsAdded(call.place, call.item.call_id, delta.arguments))

    def _open(self, item: Item) -> _Output:
        index = len(self._outputs)
        output = _Output(item, Place(self.response_id, item.id, index))
        self._outputs.append(output)
        self._emit(OutputItemAdded(self.response_id, index, item))
        if self.plan.in_conversation:
            self._emit(ItemAdded(item, self._history.add(item)))
        return output

    def _close_call(self, call: _Output, status: Status) -> None:
        if call.closed:
            return
        assert isinstance(call.item, FunctionCall)
        call.item = dataclasses.replace(call.item, arguments=call.text, status=status)
        if status == "completed":
            self._emit(ArgumentsDone(call.place, call.item.call_id, call.item.name, call.text))
        self._close(call)

    def _close_message(self, message: _Output, status: Status, heard: str | None = None) -> None:
        if message.closed:
            return
        assert isinstance(message.item, Message)
        kind: ContentKind = "output_audio" if self.plan.audio else "output_text"
        part = Content(kind, message.text)
        if self.plan.audio:
            self._emit(SoundDone(message.place))
            self._emit(TranscriptDone(message.place, message.text))
        else:
            self._emit(TextDone(message.place, message.text))
        self._emit(ContentPartDone(message.place, part))
        message.item = dataclasses.replace(message.item, content=(part,), status=status)
        self._close(message)
        if heard is not None:
            self.remember(heard)

    def _close(self, output: _Output) -> None:
        output.closed = True
        # The client may have deleted it in the meantime.
        if self.plan.in_conversation and output.item.id in self._history:
            self._history.replace(output.item)
            self._emit(ItemDone(output.item, self._history.previous(output.item.id)))
        self._emit(OutputItemDone(self.response_id, output.place.output_index, output.item))

    def remember(self, heard: str) -> None:
        """Let the conversation hold only what was heard."""
        message = self._message
        if message is None or not self.plan.in_conversation or not self.plan.audio:
            return
        if message.item.id in self._history:
            item = self._history.get(message.item.id)
            assert isinstance(item, Message)
            content = (Content("output_audio", heard),)
            self._history.replace(dataclasses.replace(item, content=content))

    # Ending

    def _maybe_complete(self, now: float) -> None:
        if self._finished is None or self._voice.waiting or self._voice.asked_at is not None:
            return
        if self.plan.audio and self.playout.sent < self.spoken.samples:
            return
        reason = REASONS.get(self._finished.reason)
        if self.plan.audio:
            self._tell_spoken(self.spoken.tell(self.spoken.samples)[0])
        self._end("incomplete" if reason else "completed", now, reason=reason)

    def _end(
        self,
        status: ResponseStatus,
        now: float,
        *,
        reason: StatusReason | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> None:
        if self.done:
            return
        self.done = True
        self._over_by = self.playout.reaches(self.playout.sent, now)
        whole = status == "completed"
        if status in ("cancelled", "failed"):
            self._emit(Abandon(self.generation))
        if not self.published:
            return
        for output in self._outputs:
            if output is self._message:
                cut_off = status in ("cancelled", "failed") or self.playout.stopped
                heard = self._heard_at_last(now) if cut_off else None
                self._close_message(output, "completed" if whole else "incomplete", heard)
            else:
                self._close_call(output, "incomplete")
        self._emit(ResponseDone(self._state(status, reason, error, error_code)))

    def _heard_at_last(self, now: float) -> str:
        """What the person will have heard of it; a client that was not stopped plays all it has."""
        playout = self.playout
        return self.spoken.heard(playout.position(now) if playout.stopped else playout.sent)

    def _state(
        self,
        status: ResponseStatus,
        reason: StatusReason | None = None,
        error: str | None = None,
        error_code: str | None = None,
    ) -> ResponseState:
        latency = {stage.value: seconds for stage, seconds in self.trace.parts().items()}
        if self.trace.voice_to_voice is not None:
            latency["voice_to_voice"] = self.trace.voice_to_voice
        return ResponseState(
            id=self.response_id,
            status=status,
            modalities=("audio",) if self.plan.audio else ("text",),
            output=tuple(output.item for output in self._outputs),
            in_conversation=self.plan.in_conversation,
            reason=reason,
            error=error,
            error_code=error_code,
            voice=self.plan.voice,
            max_output_tokens=self.plan.max_output_tokens,
            metadata=self.plan.metadata,
            usage=self._finished.usage if self._finished else None,
            audio_seconds=self.playout.sent / self.plan.rate,
            latency=latency,
            speech_end=self.trace.position,
            speech_received_at=self.trace.begin if self.trace.spoken else None,
            speech_captured_at=self.trace.captured_at,
            began_at=self.trace.begin,
            stages={stage.value: at for stage, at in self.trace.stages.items()},
        )
