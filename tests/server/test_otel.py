"""Spans out of records: with the SDK's own memory, and over HTTP as a collector gets them."""

from __future__ import annotations

import gzip
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from streamkit import __version__
from streamkit.audio.pcm import to_linear16
from streamkit.config import Settings
from streamkit.errors import ConfigurationError
from streamkit.server import otel
from streamkit.server.otel import CountingExporter, OpenTelemetrySink, nanoseconds
from streamkit.server.records import Record
from streamkit.server.testing import LiveServer
from streamkit.server.testing_realtime import RATE, RealtimeClient
from streamkit.server.tracing import open_sinks

Samples = npt.NDArray[np.float32]
Speak = Callable[..., Samples]
StartTalk = Callable[..., LiveServer]

T = 1_790_000_000.0
BEGIN: Record = {
    "kind": "begin",
    "session": "s",
    "at": T,
    "endpoint": "realtime",
    "recognizer": "whisper",
    "reply_model": "parrot",
    "voice": "espeak",
}
END: Record = {"kind": "end", "session": "s", "at": T + 60, "code": 1000, "audio_seconds": 12.5}
PASS: Record = {
    "kind": "hypothesis",
    "session": "s",
    "channel": 0,
    "segment": 2,
    "start": 0,
    "end": 20_000,
    "asked_at": T + 1.0,
    "started_at": T + 1.0123,
    "ended_at": T + 1.25,
    "final": True,
    "outcome": "done",
    "decision": "mended",
    "doubts": ["loop"],
    "word_count": 2,
    "committed_count": 1,
    "committed_until": 8000,
    "words": [["canary", 0, 8000, True]],
}
TURN: Record = {
    "kind": "turn",
    "session": "s",
    "at": T + 2.4,
    "item": "item_1",
    "status": "completed",
    "seconds": 1.5,
    "words": 2,
    "language": "en",
    "start": 700,
    "end": 20_000,
    "received_at": T + 2.0,
    "latency": {"commit": 0.3},
    "transcript": "Canary.",
}
RESPONSE: Record = {
    "kind": "response",
    "session": "s",
    "at": T + 5,
    "response": "resp_1",
    "status": "completed",
    "reason": None,
    "error": None,
    "items": ["item_2"],
    "modalities": ["audio"],
    "audio_seconds": 2.5,
    "input_tokens": 7,
    "output_tokens": 5,
    "latency": {"voice_to_voice": 0.5},
    "speech": {"end": 20_000, "captured_at": None, "received_at": T + 2.1},
    "began_at": T + 2.1,
    "stages": {
        "endpoint": T + 2.35,
        "final": T + 2.4,
        "first_token": T + 2.3,
        "first_byte": T + 2.5,
        "first_audible": T + 2.6,
        "played": T + 2.75,
    },
    "audible_sent_at": T + 2.6,
    "text": "Canary.",
}


def chunk(end: int, received_at: float) -> Record:
    return {
        "kind": "chunk",
        "session": "s",
        "channel": 0,
        "start": end - 320,
        "end": end,
        "received_at": received_at,
    }


def give(sink: OpenTelemetrySink, *records: Record) -> None:
    """All that it will get."""
    for record in records:
        sink._tell(record)
    sink.close()


def spans_of(*records: Record) -> dict[str, ReadableSpan]:
    """The spans of one session, by their names."""
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    sink = OpenTelemetrySink(provider)
    give(sink, BEGIN, *records, END)
    spans = memory.get_finished_spans()
    assert len({span.name for span in spans}) == len(spans)
    return {span.name: span for span in spans}


def times(span: ReadableSpan) -> tuple[float, float]:
    """Seconds after T."""
    assert span.start_time is not None
    assert span.end_time is not None
    begin = round(T) * 10**9
    return (span.start_time - begin) / 1e9, (span.end_time - begin) / 1e9


def parent_of(spans: dict[str, ReadableSpan], name: str) -> str:
    parent = spans[name].parent
    assert parent is not None
    return next(
        each.name
        for each in spans.values()
        if each.context is not None and each.context.span_id == parent.span_id
    )


def test_a_session_is_a_span() -> None:
    clock = {"kind": "clock", "session": "s", "at": T + 1, "offset": 0.25, "error": 0.001}
    spans = spans_of(clock)
    [span] = spans.values()
    assert span.name == "streamkit realtime"
    assert span.kind is SpanKind.SERVER
    assert times(span) == (0.0, 60.0)
    assert dict(span.attributes or {}) == {
        "session.id": "s",
        "url.path": "/v1/realtime",
        "streamkit.recognizer": "whisper",
        "streamkit.reply_model": "parrot",
        "streamkit.voice": "espeak",
        "streamkit.clock.offset": 0.25,
        "streamkit.clock.error": 0.001,
        "streamkit.close_code": 1000,
        "streamkit.audio_seconds": 12.5,
    }


@pytest.mark.parametrize(("code", "status"), [(1006, StatusCode.UNSET), (1011, StatusCode.ERROR)])
def test_a_session_that_failed_is_an_error(code: int, status: StatusCode) -> None:
    memory = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    sink = OpenTelemetrySink(provider)
    give(sink, BEGIN, {**END, "code": code}, {**END, "session": "somebody else's"})
    [span] = memory.get_finished_spans()
    assert span.status.status_code is status


def test_a_pass_is_a_child_of_its_session() -> None:
    spans = spans_of(PASS)
    span = spans["recognize"]
    assert parent_of(spans, "recognize") == "streamkit realtime"
    assert times(span) == pytest.approx((1.0123, 1.25), abs=1e-9)
    attributes = dict(span.attributes or {})
    assert attributes["streamkit.wait_seconds"] == 0.0123
    assert attributes["streamkit.decision"] == "mended"
    assert attributes["streamkit.doubts"] == ("loop",)
    assert attributes["streamkit.outcome"] == "done"
    assert span.status.status_code is StatusCode.UNSET


def test_a_pass_that_failed_is_an_error() -> None:
    failed = {**PASS, "outcome": "failed", "started_at": None, "decision": None, "doubts": []}
    span = spans_of(failed)["recognize"]
    assert times(span) == (1.0, 1.25)
    assert span.status.status_code is StatusCode.ERROR


def test_a_turn_holds_the_speech_the_stages_and_the_reply() -> None:
    spans = spans_of(
        chunk(320, T + 0.5), chunk(640, T + 0.52), chunk(960, T + 0.54), TURN, RESPONSE
    )
    turn = spans["turn"]
    assert parent_of(spans, "turn") == "streamkit realtime"
    # From the chunk that held the first word, to the end of the response.
    assert times(turn) == pytest.approx((0.54, 5.0), abs=1e-9)
    expected = {
        "speech": (0.54, 2.1),
        "endpoint": (2.1, 2.35),
        "final": (2.35, 2.4),
        # It was there before the endpoint: nobody has waited for it.
        "first_token": (2.4, 2.4),
        "first_byte": (2.4, 2.5),
        "first_audible": (2.5, 2.6),
        "played": (2.6, 2.75),
        "reply": (2.6, 5.0),
    }
    for name, when in expected.items():
        assert times(spans[name]) == pytest.approx(when, abs=1e-9), name
        assert parent_of(spans, name) == "turn"
    early = {name for name, span in spans.items() if (span.attributes or {}).get("streamkit.early")}
    assert early == {"first_token"}
    attributes = dict(turn.attributes or {})
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.conversation.id"] == "s"
    assert attributes["gen_ai.response.id"] == "resp_1"
    assert attributes["gen_ai.request.model"] == "parrot"
    assert attributes["gen_ai.output.type"] == "speech"
    assert (attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]) == (
        7,
        5,
    )
    assert attributes["streamkit.turn.language"] == "en"
    assert attributes["streamkit.voice_to_voice"] == 0.5


def test_a_response_that_nobody_spoke_for_is_no_turn() -> None:
    asked: Record = {
        **RESPONSE,
        "speech": None,
        "modalities": ["text"],
        "stages": {"first_token": T + 2.3},
        "status": "failed",
        "error": "model_failed",
    }
    spans = spans_of(asked)
    assert set(spans) == {"response", "first_token", "streamkit realtime"}
    assert times(spans["response"]) == pytest.approx((2.1, 5.0), abs=1e-9)
    assert spans["response"].status.status_code is StatusCode.ERROR
    attributes = spans["response"].attributes or {}
    assert attributes["error.type"] == "model_failed"
    assert attributes["gen_ai.output.type"] == "text"


def test_what_nobody_answered_is_a_turn_too() -> None:
    spans = spans_of(chunk(960, T + 0.54), TURN)
    assert set(spans) == {"turn", "speech", "streamkit realtime"}
    assert times(spans["turn"]) == pytest.approx((0.54, 2.4), abs=1e-9)
    failed = {"kind": "turn", "session": "s", "at": T + 2, "item": "item_1", "status": "failed"}
    turn = spans_of(failed)["turn"]
    assert turn.status.status_code is StatusCode.ERROR


def test_no_word_is_in_a_span() -> None:
    for span in spans_of(PASS, TURN, RESPONSE).values():
        assert "canary" not in span.to_json().lower()


def test_times_are_those_of_the_record() -> None:
    assert nanoseconds(1_790_000_000.1234) == 1_790_000_000_123_400_000


def test_what_was_not_delivered_is_counted() -> None:
    class Broken(SpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            return SpanExportResult.FAILURE

    provider = TracerProvider(shutdown_on_exit=False)
    exporter = CountingExporter(Broken())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = OpenTelemetrySink(provider, exporter)
    give(sink, BEGIN, PASS, END)
    assert sink.lost == 2


@dataclass
class Collector:
    """What a collector was sent."""

    endpoint: str
    paths: set[str] = field(default_factory=set)
    requests: list[ExportTraceServiceRequest] = field(default_factory=list)

    def spans(self) -> list[Any]:
        return [
            span
            for request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def resource(self) -> dict[str, str]:
        attributes = self.requests[0].resource_spans[0].resource.attributes
        return {each.key: each.value.string_value for each in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers.get("content-encoding") == "gzip":
                body = gzip.decompress(body)
            collector.paths.add(self.path)
            collector.requests.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = Collector(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No `OTEL_*` variables of the machine's own, and no proxy."""
    for name in os.environ:
        if name.startswith("OTEL_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch


def test_a_server_sends_its_spans_to_a_collector(
    start_talk: StartTalk, speak: Speak, plain: pytest.MonkeyPatch
) -> None:
    speech = to_linear16(
        np.concatenate(
            [speak("The bus to Berlin is eight minutes late.", RATE), np.zeros(RATE, np.float32)]
        )
    )
    with collecting() as collector:
        plain.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        plain.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        plain.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")
        server = start_talk(otel=True, trace_words=True)
        with RealtimeClient(server) as client:
            client.update(audio={"input": {"transcription": {"model": "whisper-1"}}})
            client.append(speech)
            done = client.until("response.done")["response"]
        with server.listen(encoding="linear16", sample_rate=16000) as listener:
            listener.close_stream()
        server.wait_until_empty()
        assert server.server.state.trace is not None
        server.portal.call(server.server.state.trace.close)
        assert server.server.state.trace.lost == 0
    assert collector.paths == {"/v1/traces"}
    resource = collector.resource()
    assert resource["service.name"] == "streamkit"
    assert resource["service.version"] == __version__
    assert resource["deployment.environment"] == "test"
    spans = collector.spans()
    assert {span.name for span in spans} >= {
        "streamkit realtime", "streamkit listen", "recognize", "turn", "speech", "endpoint",
        "final", "first_token", "first_byte", "first_audible", "reply",
    }  # fmt: skip
    [turn] = (span for span in spans if span.name == "turn")
    attributes = {each.key: each.value for each in turn.attributes}
    assert attributes["gen_ai.response.id"].string_value == done["id"]
    assert attributes["streamkit.turn.words"].int_value == 8
    children = [span for span in spans if span.parent_span_id == turn.span_id]
    stages = [span for span in children if span.name not in ("speech", "reply", "played")]
    stages.sort(key=lambda span: (span.start_time_unix_nano, span.end_time_unix_nano))
    silence = stages[-1].end_time_unix_nano - stages[0].start_time_unix_nano
    told = attributes["streamkit.voice_to_voice"].double_value
    assert silence / 1e9 == pytest.approx(told, abs=1e-3)
    assert not any(b"Berlin" in request.SerializeToString() for request in collector.requests)


def test_a_collector_that_is_not_there_is_no_reason_not_to_end(
    plain: pytest.MonkeyPatch, start_talk: StartTalk
) -> None:
    # The fixtures are in this order, so that the server ends before this does.
    plain.setattr(otel, "CLOSE_SECONDS", 0.2)
    # Nobody listens on the port of a socket that was closed.
    with collecting() as collector:
        pass
    plain.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
    server = start_talk(otel=True)
    with server.listen(encoding="linear16", sample_rate=16000) as client:
        client.close_stream()
    assert client.closed[0] == 1000


def test_an_exporter_that_is_not_installed_is_named(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    with pytest.raises(ConfigurationError, match=r"otlp_proto_grpc.*installed: .*otlp_proto_http"):
        OpenTelemetrySink.from_environment()


def test_variables_that_make_no_sense_are_refused(plain: pytest.MonkeyPatch) -> None:
    plain.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0")
    with pytest.raises(ConfigurationError, match="OTEL_"):
        OpenTelemetrySink.from_environment()


def test_spans_can_be_switched_off_by_their_own_variable(plain: pytest.MonkeyPatch) -> None:
    with collecting() as collector:
        plain.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint)
        plain.setenv("OTEL_SDK_DISABLED", "true")
        sink = OpenTelemetrySink.from_environment()
        give(sink, BEGIN, PASS, TURN, RESPONSE, END)
    assert collector.requests == []


def test_without_the_extra_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.delitem(sys.modules, "streamkit.server.otel")
    with pytest.raises(ConfigurationError, match=r"pip install 'streamkit\[otel\]'"):
        open_sinks(Settings(otel=True))
