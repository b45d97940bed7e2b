"""A caption session in simulated time.

`SimulatedStream` runs a session over samples without sockets, threads or sleeping:
the clock advances by the audio, decoding takes as long as the caller says. With a
`ScriptedRecognizer` it is a unit test; with the real one it measures words without waiting
for them.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from streamkit.asr.recognizer import (
    Guidance,
    Hypothesis,
    ModelInfo,
    RecognitionRequest,
    Recognizer,
    Word,
)
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.errors import RecognitionError
from streamkit.session.captions import CaptionOptions, CaptionSession
from streamkit.session.effects import Closed, Decode, Effect, Hasten, Output, Transcript
from streamkit.session.events import (
    AudioReceived,
    CloseRequested,
    DecodeFailed,
    Event,
    HypothesisReady,
    WindowsScored,
)
from streamkit.vad.silero import WINDOW_SAMPLES

Samples = npt.NDArray[np.float32]
Detector = Callable[[Samples], Iterable[float]]
"""Takes the next samples, gives the speech probabilities of the windows that they complete."""


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and when it is said, in samples at 16 kHz."""

    text: str
    start: int
    end: int


@dataclass(slots=True)
class ScriptedRecognizer:
    """A `Recognizer` that hears a script: the words whose end lies in the window.

    Attributes:
        script: what is said in the stream.
        garble: changes the words of one answer (number of the call, words), to play an
            unsure recognizer.
        failures: numbers of the calls, from 0, that fail.
        calls: the requests so far.
    """

    script: Sequence[SpokenWord]
    garble: Callable[[int, list[str]], list[str]] | None = None
    failures: frozenset[int] = frozenset()
    calls: list[RecognitionRequest] = field(default_factory=list)

    @property
    def info(self) -> ModelInfo:
        """A model named `scripted`."""
        return ModelInfo(name="scripted")

    def front_end(self, capacity: int) -> None:
        """It needs no features."""

    def batch_key(self, request: RecognitionRequest) -> Hashable | None:
        """Everything fits."""
        return "any"

    def recognize(self, requests: Sequence[RecognitionRequest]) -> list[Hypothesis]:
        """The words of the script after each prefix that end within the window."""
        return [self._recognize(request) for request in requests]

    def _recognize(self, request: RecognitionRequest) -> Hypothesis:
        call = len(self.calls)
        self.calls.append(request)
        if call in self.failures:
            raise RecognitionError(f"call {call} fails as scripted")
        heard = [
            word
            for word in self.script
            if request.start <= (word.start + word.end) // 2 < request.end
            and word.end <= request.end
        ][len(request.prefix) :]
        texts = [word.text for word in heard]
        if self.garble is not None:
            texts = self.garble(call, texts)
        return Hypothesis(
            words=tuple(
                Word(text, word.start, word.end, 1.0)
                for text, word in zip(texts, heard, strict=False)
            ),
            start=request.start,
            end=request.end,
        )


def scripted_detector(script: Sequence[SpokenWord]) -> Detector:
    """A detector that is sure of speech while a word of the script is said."""
    position = 0
    held = 0

    def score(samples: Samples) -> Iterator[float]:
        nonlocal position, held
        held += len(samples)
        while held >= WINDOW_SAMPLES:
            start, position = position, position + WINDOW_SAMPLES
            held -= WINDOW_SAMPLES
            loud = any(word.start < position and word.end > start for word in script)
            yield 0.95 if loud else 0.02

    return score


@dataclass(frozen=True, slots=True)
class Emitted:
    """One output of the session and the simulated second at which it left."""

    at: float
    output: Output


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples [start, end) that the session took for one segment of speech."""

    start: int
    end: int


@dataclass(order=True, slots=True)
class _Answer:
    at: float
    number: int
    event: Event = field(compare=False)


class SimulatedStream:
    """Feeds samples to a session in simulated real time and collects what it says.

    One decoder serves the session, and serves its requests in order: each waits until the
    one before it is done.

    Attributes:
        session: the machine under test.
        now: simulated seconds.
        emitted: outputs so far.
        decodes: number of passes.
    """

    def __init__(
        self,
        recognizer: Recognizer,
        detector: Detector,
        options: CaptionOptions | None = None,
        *,
        decode_seconds: Callable[[RecognitionRequest], float] = lambda request: 0.02,
        guidance: Guidance | None = None,
    ) -> None:
        self.session = CaptionSession(options)
        self.now = 0.0
        self.emitted: list[Emitted] = []
        self.decodes = 0
        self._recognizer = recognizer
        self._detector = detector
        self._decode_seconds = decode_seconds
        self._guidance = guidance or Guidance()
        self._samples: Samples = np.zeros(0, np.float32)
        self._base = 0
        self._answers: list[_Answer] = []
        self._free_at = 0.0
        self._stretches: dict[int, Stretch] = {}

    def feed(self, samples: Samples, chunk: int = 1600) -> None:
        """Play samples (float32, 16 kHz) in chunks, one chunk's time after another."""
        for first in range(0, len(samples), chunk):
            piece = samples[first : first + chunk]
            self._advance(self.now + len(piece) / SAMPLE_RATE)
            start = self._base + len(self._samples)
            self._samples = np.concatenate([self._samples, piece])
            self._receive(AudioReceived(start, start + len(piece), received_at=self.now))
            probabilities = tuple(self._detector(piece))
            if probabilities:
                self._receive(WindowsScored(probabilities))

    def command(self, event: Event) -> None:
        """Give the session an event now."""
        self._receive(event)

    def close(self) -> list[Emitted]:
        """End the stream, let the decoder finish, and return all that was emitted."""
        self._receive(CloseRequested())
        while self._answers:
            self._advance(self._answers[0].at)
        return self.emitted

    @property
    def closed(self) -> bool:
        """The session has said its last word."""
        return any(isinstance(each.output, Closed) for each in self.emitted)

    @property
    def segments(self) -> list[Stretch]:
        """What was decoded for each segment of speech, from its first sample to its last."""
        return list(self._stretches.values())

    @property
    def finals(self) -> list[Transcript]:
        """The final transcripts so far."""
        outputs = (each.output for each in self.emitted)
        return [each for each in outputs if isinstance(each, Transcript) and each.is_final]

    @property
    def words(self) -> list[str]:
        """The words of all finals."""
        return [word.text for final in self.finals for word in final.words]

    def _advance(self, to: float) -> None:
        while self._answers and self._answers[0].at <= to:
            answer = heapq.heappop(self._answers)
            self.now = max(self.now, answer.at)
            self._receive(answer.event)
        self.now = max(self.now, to)

    def _receive(self, event: Event) -> None:
        self._carry_out(self.session.receive(event, self.now))
        keep = self.session.keep_from
        if keep > self._base:
            self._samples = self._samples[keep - self._base :]
            self._base = keep

    def _carry_out(self, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Decode():
                    self._decode(effect)
                case Hasten():
                    pass
                case _:
                    self.emitted.append(Emitted(self.now, effect))

    def _decode(self, effect: Decode) -> None:
        self.decodes += 1
        known = self._stretches.get(effect.segment, Stretch(effect.start, effect.end))
        self._stretches[effect.segment] = Stretch(
            min(known.start, effect.start), max(known.end, effect.end)
        )
        request = RecognitionRequest(
            samples=self._samples[effect.start - self._base : effect.end - self._base],
            start=effect.start,
            prefix=effect.prefix,
            context=effect.context,
            guidance=self._guidance,
            language=self._guidance.language or effect.language,
            likely_language=effect.likely_language,
            final=effect.thorough,
        )
        started = max(self.now, self._free_at)
        self._free_at = started + self._decode_seconds(request)
        event: Event
        try:
            (hypothesis,) = self._recognizer.recognize([request])
        except RecognitionError as error:
            event = DecodeFailed(effect.request, str(error))
        else:
            event = HypothesisReady(effect.request, hypothesis, started, self._free_at)
        heapq.heappush(self._answers, _Answer(self._free_at, effect.request, event))
