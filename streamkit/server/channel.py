"""One channel of a session: samples in, session events out, decoding on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

import anyio
import anyio.abc
import numpy as np
import numpy.typing as npt

from streamkit.asr.cadence import Pace
from streamkit.asr.recognizer import Guidance, RecognitionRequest
from streamkit.asr.scheduler import SupersededError, Ticket
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.resample import StreamingResampler
from streamkit.audio.ring import RingBuffer
from streamkit.errors import RecognitionError
from streamkit.server.state import ServerState
from streamkit.session.captions import CaptionOptions, CaptionSession, StreamState
from streamkit.session.effects import Decode, Effect, Hasten, Output
from streamkit.session.events import (
    AudioReceived,
    DecodeFailed,
    DecodeSkipped,
    Event,
    HypothesisReady,
    PaceChanged,
    WindowsScored,
)
from streamkit.vad.silero import VadStream

Samples = npt.NDArray[np.float32]

DIGEST_SAMPLES = 2 * SAMPLE_RATE
"""More than is ever digested at once."""


@dataclass(frozen=True, slots=True)
class Heard:
    """Samples at 16 kHz and the probabilities of the windows that they complete."""

    samples: Samples
    probabilities: tuple[float, ...]


class Channel:
    """The pure session of one channel and the machinery that carries out its effects.

    Args:
        state: of the server.
        tasks: decoding runs here; cancelling it ends all.
        options: for the session.
        source_rate: Hz of the samples that will come.
        guidance: what the client knows about the speech.
        output: takes what the client should get.
        session_id: the same for all channels of a client.
    """

    def __init__(
        self,
        state: ServerState,
        tasks: anyio.abc.TaskGroup,
        options: CaptionOptions,
        source_rate: int,
        guidance: Guidance,
        output: Callable[[Output], None],
        session_id: Hashable,
    ) -> None:
        self.session = CaptionSession(options)
        self.closed = anyio.Event()
        self._state = state
        self._tasks = tasks
        self._guidance = guidance
        self._output = output
        self._session = session_id
        self._resampler = StreamingResampler(source_rate)
        capacity = round(state.settings.ring_seconds * SAMPLE_RATE)
        self._ring = RingBuffer(capacity)
        # What is digested waits outside the ring when that is full.
        self._features = state.scheduler.recognizer.front_end(capacity + DIGEST_SAMPLES)
        self._pace = Pace()
        self._vad = VadStream()
        self._tickets: dict[int, Ticket] = {}
        self._progress = anyio.Event()

    def digest(self, samples: Samples | None) -> Heard:
        """Resample and look for speech; None ends the stream. Runs in a worker thread."""
        resampler = self._resampler
        inside = resampler.flush() if samples is None else resampler.process(samples)
        if self._features is not None:
            self._features.push(inside)
        probabilities = self._state.vad.process(self._vad, inside)
        return Heard(inside, tuple(probabilities.tolist()))

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
        self.receive(AudioReceived(start, start + len(samples), received_at, captured_at))
        pace = self._state.scheduler.cadence.look(time.monotonic())
        if pace != self._pace:
            self._pace = pace
            self.receive(PaceChanged(pace.stretch, pace.overloaded))
        if heard.probabilities:
            self.receive(WindowsScored(heard.probabilities))

    def receive(self, event: Event) -> None:
        """Let something happen to the session and carry out what it wants."""
        for effect in self.session.receive(event, time.monotonic()):
            self._carry_out(effect)
        self._ring.release(min(self.session.keep_from, self._ring.end))
        if self.session.state is StreamState.CLOSED:
            self.closed.set()
        self._progress.set()
        self._progress = anyio.Event()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Decode():
                samples = self._ring.read(effect.start, effect.end)
                features = self._features
                request = RecognitionRequest(
                    samples=samples,
                    start=effect.start,
                    prefix=effect.prefix,
                    context=effect.context,
                    guidance=self._guidance,
                    language=self._guidance.language or effect.language,
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
                self._tasks.start_soon(self._answer, effect.request, ticket)
            case Hasten(request=number):
                if number in self._tickets:
                    self._state.scheduler.queue.hasten(self._tickets[number])
            case _:
                self._output(effect)

    async def _answer(self, number: int, ticket: Ticket) -> None:
        metrics = self._state.metrics
        event: Event
        try:
            decoded = await self._state.scheduler.result(ticket)
        except SupersededError:
            metrics.passes.labels("superseded").inc()
            event = DecodeSkipped(number)
        except RecognitionError as error:
            metrics.passes.labels("failed").inc()
            event = DecodeFailed(number, str(error))
        else:
            metrics.passes.labels("done").inc()
            metrics.observe_hypothesis(decoded.hypothesis)
            kind = "final" if ticket.request.final else "partial"
            metrics.decode.labels(kind).observe(decoded.ended_at - decoded.started_at)
            event = HypothesisReady(
                number, decoded.hypothesis, decoded.started_at, decoded.ended_at
            )
        finally:
            self._tickets.pop(number, None)
        self.receive(event)
