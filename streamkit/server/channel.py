"""One channel of a session: samples in, session events out, decoding on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import anyio.abc
import numpy as np
import numpy.typing as npt

from streamkit.asr.recognizer import RecognitionRequest
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
    WindowsScored,
)
from streamkit.vad.silero import VadStream

Samples = npt.NDArray[np.float32]


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
        language: ISO 639-1 code, None to detect.
        output: takes what the client should get.
    """

    def __init__(
        self,
        state: ServerState,
        tasks: anyio.abc.TaskGroup,
        options: CaptionOptions,
        source_rate: int,
        language: str | None,
        output: Callable[[Output], None],
    ) -> None:
        self.session = CaptionSession(options)
        self.closed = anyio.Event()
        self._state = state
        self._tasks = tasks
        self._language = language
        self._output = output
        self._resampler = StreamingResampler(source_rate)
        self._ring = RingBuffer(round(state.settings.ring_seconds * SAMPLE_RATE))
        self._vad = VadStream()
        self._tickets: dict[int, Ticket] = {}
        self._progress = anyio.Event()

    def digest(self, samples: Samples | None) -> Heard:
        """Resample and look for speech; None ends the stream. Runs in a worker thread."""
        resampler = self._resampler
        inside = resampler.flush() if samples is None else resampler.process(samples)
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
                request = RecognitionRequest(
                    samples=self._ring.read(effect.start, effect.end),
                    start=effect.start,
                    prefix=effect.prefix,
                    language=self._language or effect.language,
                    final=effect.thorough,
                )
                key = (id(self), effect.segment)
                ticket = self._state.scheduler.submit(key, request, urgent=effect.urgent)
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
            kind = "final" if ticket.request.final else "partial"
            metrics.decode.labels(kind).observe(decoded.ended_at - decoded.started_at)
            event = HypothesisReady(
                number, decoded.hypothesis, decoded.started_at, decoded.ended_at
            )
        finally:
            self._tickets.pop(number, None)
        self.receive(event)
