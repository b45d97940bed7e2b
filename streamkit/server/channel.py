"""One stream of somebody's sound: samples in, session events out, decoding on the way."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import anyio
import anyio.abc
import numpy as np
import numpy.typing as npt

from streamkit.asr.cadence import Pace
from streamkit.asr.recognizer import Guidance, RecognitionRequest
from streamkit.asr.scheduler import Decoded, SupersededError, Ticket
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.loudness import LoudWindows
from streamkit.audio.resample import SourcePlaces, StreamingResampler
from streamkit.audio.ring import RingBuffer
from streamkit.errors import RecognitionError
from streamkit.server.records import Outcome, Pass
from streamkit.server.state import ServerState
from streamkit.server.tracing import SessionTrace
from streamkit.session.effects import Decode, Hasten
from streamkit.session.events import (
    AudioReceived,
    DecodeFailed,
    DecodeSkipped,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
)
from streamkit.vad.silero import WINDOW_SAMPLES, VadStream

Samples = npt.NDArray[np.float32]

MAX_PIECE_SECONDS = 1.0
"""Audio that is worked on at once; between two pieces other sessions have their turn."""

DIGEST_SAMPLES = 2 * SAMPLE_RATE
"""More than is ever digested at once."""


HeardEvent = (
    AudioReceived | WindowsScored | HypothesisReady | DecodeFailed | DecodeSkipped | PaceChanged
)
"""What a channel itself tells its session."""

EventT = TypeVar("EventT", contravariant=True)
OutputT = TypeVar("OutputT", covariant=True)


class HearingSession(Protocol[EventT, OutputT]):
    """A pure session that listens to one stream."""

    @property
    def keep_from(self) -> int:
        """Samples before this position will not be asked for again."""

    @property
    def committed_until(self) -> int | None:
        """Up to where words were committed when the newest hypothesis had been taken in."""

    @property
    def closed(self) -> bool:
        """Everything was said."""

    def receive(
        self, event: HeardEvent | EventT, now: float
    ) -> Sequence[Decode | Hasten | OutputT]:
        """Take in one event; returns what is to be done, in order."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples at 16 kHz and the probabilities of the windows that they complete.

    `loud` and `span` are as in `WindowsScored` and `AudioReceived`.
    """

    samples: Samples
    probabilities: tuple[float, ...]
    loud: tuple[int, ...] = ()
    span: tuple[int, int] | None = None


class Channel(Generic[EventT, OutputT]):
    """A pure session and the machinery that lets it hear: one stream of sound, mono.

    Args:
        state: of the server.
        tasks: decoding runs here; cancelling it ends all.
        session: what listens.
        source_rate: Hz of the samples that will come.
        guidance: what the client knows about the speech.
        output: takes what the session wants and the channel cannot do, in order.
        session_id: the same for all channels of a client.
        history: samples at 16 kHz that are kept longer than the session asks for, for `recall`.
        trace: of the client's session; None: nobody wants one.
        number: which of the client's channels this is.

    Attributes:
        closed: set when the session has said everything.
        guidance: for the passes from now on.
    """

    def __init__(
        self,
        state: ServerState,
        tasks: anyio.abc.TaskGroup,
        session: HearingSession[EventT, OutputT],
        source_rate: int,
        guidance: Guidance,
        output: Callable[[OutputT], None],
        session_id: Hashable,
        history: int = 0,
        trace: SessionTrace | None = None,
        number: int = 0,
    ) -> None:
        self.closed = anyio.Event()
        self.guidance = guidance
        self._hearing = session
        self._state = state
        self._tasks = tasks
        self._output = output
        self._session = session_id
        self._history = history
        self._trace = trace
        self._number = number
        self._resampler = StreamingResampler(source_rate)
        self._rest: Samples = np.zeros(0, np.float32)
        capacity = round(state.settings.ring_seconds * SAMPLE_RATE) + history
        self._ring = RingBuffer(capacity)
        # What is digested waits outside the ring when that is full.
        self._features = state.scheduler.recognizer.front_end(capacity + DIGEST_SAMPLES)
        self._pace = Pace()
        self._vad = VadStream()
        self._loud = LoudWindows(WINDOW_SAMPLES)
        self._places = SourcePlaces(source_rate)
        self._tickets: dict[int, Ticket] = {}
        self._progress = anyio.Event()

    def change_rate(self, source_rate: int) -> None:
        """From now on the samples come at another rate."""
        self._rest = np.concatenate([self._rest, self._resampler.flush()])
        self._resampler = StreamingResampler(source_rate)
        self._places.change_rate(source_rate, len(self._rest))

    def digest(self, samples: Samples | None) -> Heard:
        """Resample and look for speech. Runs in a worker thread.

        Args:
            samples: the next ones of the stream; None: no more are coming for the moment, so
                nothing is to be held back.
        """
        if samples is None:
            self.change_rate(self._resampler.source_rate)
            samples = np.zeros(0, np.float32)
        inside = self._resampler.process(samples)
        if len(self._rest):
            inside, self._rest = np.concatenate([self._rest, inside]), self._rest[:0]
        if self._features is not None:
            self._features.push(inside)
        probabilities = self._state.vad.process(self._vad, inside)
        span = self._places.span(len(samples), len(inside))
        return Heard(inside, tuple(probabilities.tolist()), self._loud.push(inside), span)

    async def hear(
        self, heard: Heard, received_at: float, captured_at: float | None = None
    ) -> None:
        """Give the session what was digested, waiting while the buffer is full."""
        samples = heard.samples
        while self._ring.free < len(samples):
            # Back-pressure: the decoder is behind, and what it has not heard is kept.
            await self._progress.wait()
        start = self._ring.end
        self._ring.write(samples)
        end = start + len(samples)
        self.receive(AudioReceived(start, end, received_at, captured_at, heard.span))
        now = self._state.clock()
        if self._trace is not None:
            span = heard.span or (start, end)
            times = (captured_at, received_at, now)
            self._trace.chunk(self._number, span, times, samples, heard.probabilities)
        pace = self._state.scheduler.cadence.look(now)
        if pace != self._pace:
            self._pace = pace
            self.receive(PaceChanged(pace.stretch, pace.overloaded))
        if heard.probabilities:
            self.receive(WindowsScored(heard.probabilities, heard.loud))

    def recall(self, start: int, end: int) -> Samples:
        """What was heard from `start` to `end`, as far as it is still there."""
        start = max(start, self._ring.start)
        return self._ring.read(start, max(start, min(end, self._ring.end)))

    def receive(self, event: HeardEvent | EventT) -> None:
        """Let something happen to the session and carry out what it wants."""
        for effect in self._hearing.receive(event, self._state.clock()):
            self._carry_out(effect)
        keep_from = max(0, self._hearing.keep_from - self._history)
        self._ring.release(min(keep_from, self._ring.end))
        if self._hearing.closed:
            self.closed.set()
        self._progress.set()
        self._progress = anyio.Event()

    def _carry_out(self, effect: Decode | Hasten | OutputT) -> None:
        match effect:
            case Decode():
                samples = self._ring.read(effect.start, effect.end)
                features = self._features
                request = RecognitionRequest(
                    samples=samples,
                    start=effect.start,
                    prefix=effect.prefix,
                    context=effect.context,
                    guidance=self.guidance,
                    language=self.guidance.language or effect.language,
                    likely_language=effect.likely_language,
                    final=effect.thorough,
                    features=None if features is None else features.window(samples, effect.start),
                )
                ticket = self._state.scheduler.submit(
                    (id(self), effect.segment),
                    request,
                    urgent=effect.urgent,
                    session=self._session,
                )
                self._tickets[effect.request] = ticket
                self._tasks.start_soon(self._answer, effect, ticket, self._state.clock())
            case Hasten(request=number):
                if number in self._tickets:
                    self._state.scheduler.queue.hasten(self._tickets[number])
            case _:
                self._output(effect)

    async def _answer(self, asked: Decode, ticket: Ticket, asked_at: float) -> None:
        metrics, number = self._state.metrics, asked.request
        event: HeardEvent
        outcome: Outcome = "done"
        decoded: Decoded | None = None
        try:
            decoded = await self._state.scheduler.result(ticket)
        except SupersededError:
            outcome = "superseded"
            event = DecodeSkipped(number)
        except RecognitionError as error:
            outcome = "failed"
            event = DecodeFailed(number, str(error))
        else:
            metrics.observe_hypothesis(decoded.hypothesis)
            kind = "final" if ticket.request.final else "partial"
            metrics.decode.labels(kind).observe(decoded.ended_at - decoded.started_at)
            metrics.decode_wait.labels(kind).observe(max(0.0, decoded.started_at - asked_at))
            event = HypothesisReady(
                number, decoded.hypothesis, decoded.started_at, decoded.ended_at
            )
        finally:
            self._tickets.pop(number, None)
        metrics.passes.labels(outcome).inc()
        self.receive(event)
        if self._trace is not None:
            self._trace.hypothesis(self._pass(asked, asked_at, outcome, decoded))

    def _pass(
        self, asked: Decode, asked_at: float, outcome: Outcome, decoded: Decoded | None
    ) -> Pass:
        """What a trace gets of a pass that the session has heard the end of."""
        return Pass(
            channel=self._number,
            segment=asked.segment,
            start=asked.start,
            end=asked.end,
            final=asked.thorough,
            asked_at=asked_at,
            started_at=None if decoded is None else decoded.started_at,
            ended_at=self._state.clock() if decoded is None else decoded.ended_at,
            outcome=outcome,
            hypothesis=None if decoded is None else decoded.hypothesis,
            committed_until=None if decoded is None else self._hearing.committed_until,
        )
