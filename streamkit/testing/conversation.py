"""A conversation in simulated time: somebody who speaks, a model, a voice, and a loudspeaker.

`SimulatedConversation` runs a `Conversation` without sockets, threads or sleeping. The person says
what the test says, word for word; the model answers what the test says, token by token; the voice
takes so long for each character; and the client plays what it gets at its own rate and stops
when it is told to. Every effect goes through a `Ledger`.
"""

from __future__ import annotations

import heapq
import itertools
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from streamkit.asr.recognizer import Guidance, RecognitionRequest
from streamkit.audio.clock import SAMPLE_RATE, seconds
from streamkit.audio.loudness import LoudWindows
from streamkit.errors import RecognitionError
from streamkit.llm.chat_model import Delta, Finished, ReplyRequest, TextDelta, Usage
from streamkit.session.captions import CaptionOptions
from streamkit.session.commands import Configure, PlaybackReported, TruncateItem
from streamkit.session.conversation import Conversation, ConversationBounds
from streamkit.session.conversation_effects import (
    ConversationEffect,
    Generate,
    JudgeTurn,
    ReplyHeld,
    ReplyResumed,
    ResponseCreated,
    SendSound,
    SpeechStarted,
    Synthesize,
    TranscribeItem,
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
from streamkit.session.effects import Decode, Hasten
from streamkit.session.events import (
    AudioReceived,
    DecodeFailed,
    HypothesisReady,
    WindowsScored,
)
from streamkit.session.floor import State
from streamkit.testing.captions import ScriptedRecognizer, SpokenWord, scripted_detector
from streamkit.testing.ledger import BrokenPromiseError, Ledger
from streamkit.testing.loudspeaker import Loudspeaker
from streamkit.tts.synthesizer import WordMark
from streamkit.vad.silero import WINDOW_SAMPLES

CHUNK = seconds(0.02)
WORD_SECONDS = 0.25
_MOMENT = 1e-9
"""Times are floats: less than this is nothing."""

_MEMORY = seconds(120)
"""What was said so long ago is not asked for any more."""

MAX_IDLE_WAKES = 3
"""Wakes within one chunk at which a session does nothing; more are a busy loop."""

E = TypeVar("E")

Model = Callable[[ReplyRequest], Sequence[tuple[float, Delta | Exception]]]
"""Seconds after the request, and what comes then; an exception is a failure."""


def say(text: str, after: float = 0.05, each: float = 0.005) -> list[tuple[float, Delta]]:
    """A model's reply: words, one after the other."""
    words = text.split(" ")
    deltas: list[tuple[float, Delta]] = [
        (after + index * each, TextDelta(word if index == 0 else f" {word}"))
        for index, word in enumerate(words)
    ]
    end = after + len(words) * each
    return [*deltas, (end, Finished("stop", Usage(10, len(words))))]


@dataclass(order=True, slots=True)
class _Later:
    at: float
    number: int
    event: ConversationEvent = field(compare=False)


class SimulatedConversation:
    """A conversation with everybody who takes part in it.

    Args:
        options: what the client asked for.
        model: answers requests.
        ears: how captions are made.
        bounds: how long anything may take.
        decode_seconds: for one pass of the recognizer.
        voice_seconds: from a `Synthesize` to its first sound.
        letter_seconds: of sound for each character that is spoken.
        voice_parts: the sound of a piece comes in so many parts,
        part_seconds: each so long after the one before.
        silence_seconds: at the beginning of the sound of each piece.
        marks: the voice tells where its words are.
        truncates: the client says, when it is interrupted, how far it has played.
        reports: seconds between two reports of how far it has played; None: none.
        lag: seconds that the client's loudspeaker is late.
        listens: plays the detector that listens: how sure it is that the turn is over; None: it
            gives no answer.
        fade: seconds at the end of each word in which there is nothing to be heard, though the
            detector takes them for speech; None: nobody looks where the sound is loud.
        captured_from: the client tells when it captured its sound, and began at this Unix time by
            its own clock; None: it does not tell.

    Attributes:
        now: simulated seconds.
        log: (time, effect) of all that the conversation did.
        requests: what the model was asked for.
        ledger: checks every effect.
        loudspeaker: of the client.
        sounds: by item, the words of the sound that was sent, as (start, end, word); the pause
            behind a word belongs to it.
        fail_voice: whatever it is to speak, the voice fails.
        mute_voice: it gives no sound.
        fail_recognizer: whatever it is to hear, the recognizer fails.
        item_seconds: until the sound that came with an item is recognized; None: it never is.
    """

    def __init__(
        self,
        options: ConversationOptions | None = None,
        model: Model = lambda request: say("All right."),
        *,
        ears: CaptionOptions | None = None,
        bounds: ConversationBounds | None = None,
        decode_seconds: float = 0.04,
        voice_seconds: float = 0.01,
        letter_seconds: float = 0.06,
        voice_parts: int = 2,
        part_seconds: float = 0.002,
        silence_seconds: float = 0.0,
        marks: bool = True,
        truncates: bool = False,
        reports: float | None = None,
        lag: float = 0.0,
        listens: Callable[[JudgeTurn], float | None] | None = None,
        fade: float | None = None,
        captured_from: float | None = None,
    ) -> None:
        self.options = options or ConversationOptions()
        counts: dict[str, itertools.count[int]] = {}

        def make_id(kind: str) -> str:
            return f"{kind}_{next(counts.setdefault(kind, itertools.count(1)))}"

        self.session = Conversation(
            self.options,
            ears or CaptionOptions(),
            make_id=make_id,
            listens=listens is not None,
            bounds=bounds,
        )
        self.now = 0.0
        self.log: list[tuple[float, ConversationEffect]] = []
        self.requests: list[ReplyRequest] = []
        self.ledger = Ledger(holds=self.options.holds)
        self.loudspeaker = Loudspeaker(self.options.output_rate, lag)
        self.sounds: dict[str, list[tuple[int, int, str]]] = {}
        self.fail_voice = False
        self.fail_recognizer = False
        self.mute_voice = False
        self.item_seconds: float | None = 0.2
        self._script: list[SpokenWord] = []
        self._recognizer = ScriptedRecognizer(self._script)
        self._loud: list[SpokenWord] = []
        self._detector = scripted_detector(self._loud)
        self._model = model
        self._decode_seconds = decode_seconds
        self._voice_seconds = voice_seconds
        self._letter_seconds = letter_seconds
        self._voice_parts = voice_parts
        self._part_seconds = part_seconds
        self._silence_seconds = silence_seconds
        self._marks = marks
        self._truncates = truncates
        self._reports = reports
        self._reported_at = 0.0
        self._listens = listens
        self._fade = fade
        self._captured_from = captured_from
        self._loud_windows = LoudWindows(WINDOW_SAMPLES)
        self._samples = 0
        self._chunk_at = CHUNK / SAMPLE_RATE
        self._later: list[_Later] = []
        self._numbers = itertools.count()
        self._aloud: set[str] = set()
        self._spoken: dict[int, tuple[int, list[tuple[int, int, str]]]] = {}
        """By generation: samples of its pieces so far, and their words."""
        self._spoken_until = 0

    # What a test does

    def speak(
        self, text: str, *, after: float = 0.0, noise: bool = False, each: float = WORD_SECONDS
    ) -> None:
        """The person will say this, from `after` seconds from now on, while time passes.

        Args:
            text: words.
            after: silence before the first one.
            noise: the detector takes it for speech, and the recognizer hears no word in it.
            each: seconds of each word.
        """
        for said in (self._loud, self._script):
            while said and said[0].end < self._samples - _MEMORY:
                del said[0]
        start = max(self._samples + seconds(after), self._spoken_until)
        length = seconds(each)
        for index, word in enumerate(text.split()):
            at = start + index * length
            self._loud.append(SpokenWord(word, at, at + length))
            if not noise:
                self._script.append(self._loud[-1])
        self._spoken_until = start + len(text.split()) * length

    def run(self, duration: float, *, audio: bool = True) -> None:
        """Let so many seconds pass; without `audio` the client sends none."""
        end = self.now + duration
        while self.now < end - _MOMENT:
            due = self._chunk_at <= end + _MOMENT
            self._advance(self._chunk_at if due else end)
            if not due:
                break
            self._chunk_at += CHUNK / SAMPLE_RATE
            if audio:
                self._send_audio()
            if self._reports is not None and self.now >= self._reported_at + self._reports:
                self.report()

    def run_until(self, condition: Callable[[], bool], limit: float = 60.0) -> None:
        """Let time pass, in steps of a chunk, until something has become true.

        Raises:
            TimeoutError: it has not in `limit` seconds.
        """
        end = self.now + limit
        while not condition():
            if self.now > end:
                raise TimeoutError(f"not in {limit} s; {self.session.state}")
            self.run(CHUNK / SAMPLE_RATE)

    def run_until_quiet(self, limit: float = 120.0) -> None:
        """Let time pass until the person has spoken, and all was answered and played.

        Raises:
            TimeoutError: that has not come in `limit` seconds.
        """
        end = self.now + limit
        while self.now < end:
            self.run(0.1)
            speaking = self._samples < self._spoken_until + seconds(1.0)
            busy = speaking or self._later or self.session.replies
            if not busy and self.session.state is State.IDLE:
                return
        raise TimeoutError(f"still {self.session.state} after {limit} s")

    def give(self, event: ConversationEvent) -> list[ConversationEffect]:
        """Something happens now."""
        if isinstance(event, Configure):
            self.ledger.holds |= event.options.holds
        effects = self.session.receive(event, self.now)
        for effect in effects:
            self.ledger.take(effect)
            self.log.append((self.now, effect))
        for effect in effects:
            self._carry_out(effect)
        return effects

    def report(self) -> None:
        """The client says how far it has played."""
        self._reported_at = self.now
        speaker = self.loudspeaker
        if speaker.item_id is not None and not speaker.stopped:
            played = speaker.position(self.now) * 1000 / speaker.rate
            self.give(PlaybackReported(speaker.item_id, 0, max(0.0, played)))

    def seen(self, kind: type[E]) -> list[E]:
        """All effects of a kind, in order."""
        return [effect for _, effect in self.log if isinstance(effect, kind)]

    def when(self, kind: type[E]) -> list[tuple[float, E]]:
        """All effects of a kind with the times at which they came."""
        return [(at, effect) for at, effect in self.log if isinstance(effect, kind)]

    def heard_words(self, item_id: str, position: float) -> list[str]:
        """The words of an item that were over at a position of its sound."""
        return [word for _, end, word in self.sounds.get(item_id, []) if end <= position]

    # Time

    def _advance(self, to: float) -> None:
        idle = 0
        while True:
            wake = self.session.wake_at
            later = self._later[0].at if self._later else None
            due = min((at for at in (wake, later) if at is not None), default=None)
            if due is None or due > to:
                break
            self.now = max(self.now, due)
            if later is not None and later <= self.now:
                self.give(heapq.heappop(self._later).event)
            else:
                idle = 0 if self.give(TimePassed()) else idle + 1
                if idle > MAX_IDLE_WAKES:
                    raise BrokenPromiseError(
                        f"woken for nothing again and again at {self.now}, in {self.session.state}"
                    )
        self.now = max(self.now, to)

    def _send_audio(self) -> None:
        start, self._samples = self._samples, self._samples + CHUNK
        captured_at = self._captured_from
        if captured_at is not None:
            captured_at += start / SAMPLE_RATE
        self.give(AudioReceived(start, self._samples, self.now, captured_at))
        probabilities = tuple(self._detector(np.zeros(CHUNK, np.float32)))
        loud = self._look_for_sound(start)
        if probabilities:
            self.give(WindowsScored(probabilities, loud))

    def _look_for_sound(self, start: int) -> tuple[int, ...]:
        if self._fade is None:
            return ()
        sound = np.zeros(CHUNK, np.float32)
        for word in self._loud:
            end = word.end - seconds(self._fade)
            sound[max(0, word.start - start) : max(0, end - start)] = 1
        return self._loud_windows.push(sound)

    def _schedule(self, after: float, event: ConversationEvent) -> None:
        heapq.heappush(self._later, _Later(self.now + after, next(self._numbers), event))

    # Engines and client

    def _carry_out(self, effect: ConversationEffect) -> None:
        match effect:
            case Decode():
                self._decode(effect)
            case Generate(generation=generation, request=request):
                self.requests.append(request)
                for after, delta in self._model(request):
                    event = (
                        ReplyFailed(generation, str(delta))
                        if isinstance(delta, Exception)
                        else TokenArrived(generation, delta)
                    )
                    self._schedule(after, event)
            case Synthesize():
                self._synthesize(effect)
            case ResponseCreated(response=response):
                if response.in_conversation:
                    self._aloud.add(response.id)
            case SendSound(place=place, generation=generation, start=start, end=end):
                self.sounds[place.item_id] = self._spoken[generation][1]
                # What belongs to no conversation is for something else than the loudspeaker.
                if place.response_id in self._aloud:
                    self.loudspeaker.play(place.item_id, end - start, self.now)
            case ReplyHeld():
                self.loudspeaker.hold(self.now)
            case ReplyResumed():
                self.loudspeaker.resume(self.now)
            case SpeechStarted():
                self._interrupted()
            case JudgeTurn() if self._listens is not None:
                probability = self._listens(effect)
                if probability is not None:
                    self._schedule(0.03, TurnJudged(effect.pause, probability))
            case TranscribeItem(item_id=item_id, content_index=index):
                if self.item_seconds is not None:
                    said = ItemTranscribed(item_id, index, "what was sent", 1.0)
                    self._schedule(self.item_seconds, said)
            case Hasten():
                pass
            case _:
                pass

    def _interrupted(self) -> None:
        speaker = self.loudspeaker
        unplayed = speaker.unplayed(self.now)
        speaker.stop(self.now)
        for item_id in unplayed if self._truncates else ():
            played = int(speaker.position(self.now, item_id) * 1000 / speaker.rate)
            self._schedule(0.01, TruncateItem(None, item_id, 0, played))

    def _decode(self, effect: Decode) -> None:
        request = RecognitionRequest(
            samples=np.zeros(effect.end - effect.start, np.float32),
            start=effect.start,
            prefix=effect.prefix,
            context=effect.context,
            guidance=Guidance(),
            language=effect.language,
            likely_language=effect.likely_language,
            final=effect.thorough,
        )
        event: ConversationEvent
        try:
            if self.fail_recognizer:
                raise RecognitionError("fails as asked for")
            (hypothesis,) = self._recognizer.recognize([request])
        except RecognitionError as error:
            event = DecodeFailed(effect.request, str(error))
        else:
            event = HypothesisReady(
                effect.request, hypothesis, self.now, self.now + self._decode_seconds
            )
        self._schedule(self._decode_seconds, event)

    def _synthesize(self, effect: Synthesize) -> None:
        if self.mute_voice:
            return
        if self.fail_voice:
            failure = SoundFailed(effect.generation, effect.piece, "fails as asked for")
            self._schedule(self._voice_seconds, failure)
            return
        samples, words, marks = self._sound_of(effect.text)
        before, said = self._spoken.get(effect.generation, (0, []))
        said += [(before + start, before + end, word) for start, end, word in words]
        self._spoken[effect.generation] = before + samples, said
        silence = round(self._silence_seconds * self.options.output_rate)
        for part in range(self._voice_parts):
            start = samples * part // self._voice_parts
            end = samples * (part + 1) // self._voice_parts
            ready = SoundReady(
                effect.generation,
                effect.piece,
                end - start,
                tuple(mark for mark in marks if start <= mark.sample < end),
                max(0, silence - start) if silence < end else None,
                last=part + 1 == self._voice_parts,
            )
            self._schedule(self._voice_seconds + part * self._part_seconds, ready)

    def _sound_of(self, text: str) -> tuple[int, list[tuple[int, int, str]], list[WordMark]]:
        """How the voice says a text: length in samples, when which word is said, and marks."""
        rate = self.options.output_rate
        letter = round(self._letter_seconds * rate)
        silence = round(self._silence_seconds * rate)
        samples = silence + len(text) * letter
        found = [*re.finditer(r"\S+", text)]
        starts = [silence + match.start() * letter for match in found]
        ends = [*starts[1:], samples]
        words = [
            (start, end, match[0]) for start, end, match in zip(starts, ends, found, strict=True)
        ]
        marks = []
        for start, match in zip(starts, found, strict=True):
            core = match[0].strip(string.punctuation)
            if core:
                offset = match.start() + match[0].index(core)
                marks.append(WordMark(offset, len(core), start))
        return samples, words, marks if self._marks else []
