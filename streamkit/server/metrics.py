"""Counters and latency histograms of one server, for Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from streamkit.asr.recognizer import Hypothesis
from streamkit.latency.trace import Stage, Trace
from streamkit.session.conversation_effects import ResponseState

if TYPE_CHECKING:
    from streamkit.tts.worker.keeper import WorkerStatistics

STAGE_BUCKETS = (
    0.0005, 0.001, 0.002, 0.004, 0.007, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5,
    0.75, 1, 1.5, 2, 3, 5, 10, 30,
)  # fmt: skip
"""Seconds of what the server does with sound, from the detector's half a millisecond to a final
that had to wait; dense where a person begins to notice."""

DECODE_BUCKETS = (
    0.002, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1,
    1.5, 2, 3, 5, 10, 30,
)  # fmt: skip
"""Seconds of a pass: of the bundled model on one core, up to one that is given up."""

TURN_BUCKETS = (
    0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9,
    1, 1.25, 1.5, 2, 2.5, 3, 4, 6, 8, 10, 15, 30, 60,
)  # fmt: skip
"""Seconds of the parts of a silence, and of all of it: most people wait between 0.3 and 3 s; an
unfinished sentence is waited for 8 s, and a model 60 s."""

CAPTURE_BUCKETS = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2, 5, 10,
)  # fmt: skip
"""Seconds from a microphone to the server: a chunk's own length, and the network."""

REALTIME_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
"""Seconds per second of sound; below 1 it is quicker than speech."""


class SpeechMetrics:
    """Of the process that speaks, where there is one."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"streamkit_speech_{name}", meaning, registry=registry)

        self._ready = gauge("process_ready", "1 when the voice's process has its model loaded")
        self._restarts = gauge("process_restarts", "processes that took the place of another one")
        self._retries = gauge("sentences_retried", "sentences that another process had to finish")
        self._memory = gauge("process_memory_bytes", "of the process, and what it has on a device")
        self._active = gauge("sentences_active", "sentences that are being spoken")
        self._waiting = gauge("sentences_waiting", "sentences that wait to be spoken")

    def set(self, statistics: WorkerStatistics) -> None:
        """Take over what is known now."""
        self._ready.set(statistics.ready)
        self._restarts.set(statistics.restarts)
        self._retries.set(statistics.retries)
        self._memory.set(statistics.memory)
        self._active.set(statistics.active)
        self._waiting.set(statistics.waiting)


class Metrics:
    """One registry per server, so that two servers in one process do not mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        # CPU and memory of this process; says nothing where there is no /proc.
        ProcessCollector(registry=registry)
        self.sessions = Gauge("streamkit_sessions", "open sessions", registry=registry)
        self.opened = Counter("streamkit_sessions_opened", "accepted sessions", registry=registry)
        self.refused = Counter(
            "streamkit_sessions_refused", "refused upgrades", ["reason"], registry=registry
        )
        self.closed = Counter(
            "streamkit_sessions_closed", "ended sessions", ["code"], registry=registry
        )
        self.errors = Counter(
            "streamkit_errors", "errors told to clients", ["variant"], registry=registry
        )
        self.audio = Counter("streamkit_audio_seconds", "audio received", registry=registry)
        self.words = Counter("streamkit_words", "words in finals", registry=registry)
        self.requests = Counter(
            "streamkit_http_requests",
            "requests to the audio endpoints by the status of their answer, or gone, or broken",
            ["path", "status"],
            registry=registry,
        )
        self.realtime_factor = Histogram(
            "streamkit_file_realtime_factor",
            "seconds per second of sound to hear a file, the wait for others in it",
            buckets=REALTIME_BUCKETS,
            registry=registry,
        )
        self.spoken = Counter(
            "streamkit_spoken_seconds", "sound in answers to /v1/audio/speech", registry=registry
        )
        self.first_audio = Histogram(
            "streamkit_first_audio_seconds",
            "request for speech to the first bytes of sound",
            buckets=TURN_BUCKETS,
            registry=registry,
        )
        self.passes = Counter(
            "streamkit_decodes", "passes of the recognizer", ["outcome"], registry=registry
        )
        self.decode = Histogram(
            "streamkit_decode_seconds",
            "time of one pass",
            ["kind"],
            buckets=DECODE_BUCKETS,
            registry=registry,
        )
        self.decode_wait = Histogram(
            "streamkit_decode_wait_seconds",
            "a pass was wanted to the recognizer began with it",
            ["kind"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.gate = Counter(
            "streamkit_gate",
            "what became of the recognizer's answers",
            ["decision"],
            registry=registry,
        )
        self.doubts = Counter(
            "streamkit_doubts", "signs against first answers", ["doubt"], registry=registry
        )
        self.stretch = Gauge(
            "streamkit_partial_stretch",
            "how much longer than asked for the interval between partials is",
            registry=registry,
        )
        self.stretch.set(1)
        self.replaced = Gauge(
            "streamkit_replaced_workers", "workers that hung and were replaced", registry=registry
        )
        self.speech = SpeechMetrics(registry)
        self.lost = Gauge(
            "streamkit_trace_records_lost",
            "records of the trace that could not be kept",
            registry=registry,
        )
        self.waiting = Gauge("streamkit_decodes_waiting", "requests in line", registry=registry)
        self.stage = Histogram(
            "streamkit_stage_seconds",
            "reception of a result's last sample to each stage",
            ["stage"],
            buckets=STAGE_BUCKETS,
            registry=registry,
        )
        self.capture = Histogram(
            "streamkit_capture_to_receive_seconds",
            "capture to reception, as far as the client's clock can be trusted",
            buckets=CAPTURE_BUCKETS,
            registry=registry,
        )
        self.turn = Histogram(
            "streamkit_turn_seconds",
            "what the silence before a reply is made of, and voice_to_voice: all of it",
            ["stage"],
            buckets=TURN_BUCKETS,
            registry=registry,
        )
        self.responses = Counter(
            "streamkit_responses",
            "responses that are over",
            ["status", "reason"],
            registry=registry,
        )
        self.interruptions = Counter(
            "streamkit_interruptions",
            "replies that were stopped, and those whose end was cut off after that",
            ["kind"],
            registry=registry,
        )

    def observe_response(self, response: ResponseState) -> None:
        """Record how a response has ended, and how long the person had waited for it."""
        reason = response.reason or response.error_code or ""
        self.responses.labels(response.status, reason).inc()
        if response.status == "cancelled":
            self.interruptions.labels(reason).inc()
        for stage, seconds in response.latency.items():
            self.turn.labels(stage).observe(seconds)

    def observe_hypothesis(self, hypothesis: Hypothesis) -> None:
        """Record how an answer was come by."""
        self.gate.labels(hypothesis.decision.value).inc()
        for doubt in hypothesis.doubts:
            self.doubts.labels(doubt.value).inc()

    def observe_result(self, trace: Trace, emitted_at: float, epoch: float) -> None:
        """Record the way of a result's last sample.

        Args:
            trace: the stages that it passed.
            emitted_at: server's clock.
            epoch: Unix time at which the server's clock was 0.
        """
        for stage in Stage:
            seconds = trace.after_received(stage)
            if seconds is not None:
                self.stage.labels(stage.value).observe(max(0.0, seconds))
        self.stage.labels("emit").observe(emitted_at - trace.received_at)
        if trace.captured_at is not None:
            self.capture.observe(max(0.0, trace.received_at + epoch - trace.captured_at))

    def exposition(self) -> bytes:
        """The text that Prometheus reads."""
        return generate_latest(self.registry)
