"""Spans for OpenTelemetry out of the records of a trace.

A session is a span; its turns and its passes of the recognizer are its children, and the stages of
a turn are children of that. All of them are made of records, when they are over, with the times
that the records hold. Chunks are no spans and no events: there are fifty a second, and the limit
of events on a span is 128. They are in the trace file, as is what was said, which spans never hold:
they go to another machine.

Where they go is said by the usual variables: `OTEL_EXPORTER_OTLP_*`, `OTEL_TRACES_EXPORTER`,
`OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_*`, ….
"""

from __future__ import annotations

import logging
import math
import os
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from typing import Any, Final

from streamkit import __version__
from streamkit.errors import ConfigurationError
from streamkit.latency.turn import TurnStage
from streamkit.server.records import Note, Record, record_of
from streamkit.server.trace_thread import TraceThread

try:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.trace import Span, SpanKind, StatusCode, set_span_in_context
except ImportError as error:
    raise ConfigurationError(
        "OpenTelemetry is not installed: `pip install 'streamkit[otel]'`, or leave out --otel"
    ) from error

logger = logging.getLogger("streamkit.trace")

CLOSE_SECONDS: Final = 3.0
"""How long the server waits for the last spans to be taken at its end."""

MAX_CHUNKS: Final = 4096
"""Of a session that are remembered, to know when the beginning of a turn was received."""

FAILURES: Final = frozenset({1008, 1009, 1011})
"""Close codes of sessions that went wrong."""

EXPORTERS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
"""How packages call their exporters for the protocols of `OTEL_EXPORTER_OTLP_PROTOCOL`."""

Attributes = Mapping[str, Any]


class OpenTelemetrySink:
    """Makes spans of records (a `TraceSink`).

    Args:
        provider: of spans; it is shut down with the sink.
        exporter: through which its spans leave, if what it cannot deliver is to be counted.
    """

    def __init__(self, provider: TracerProvider, exporter: CountingExporter | None = None) -> None:
        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("streamkit", __version__)
        self._sessions: dict[str, _Session] = {}
        self._thread = TraceThread("otel", self._take, lambda: None, lambda: None)

    @classmethod
    def from_environment(cls) -> OpenTelemetrySink:
        """A sink that sends where the `OTEL_*` variables say.

        Raises:
            ConfigurationError: they name an exporter that is not installed, or hold nonsense.
        """
        try:
            exporter = CountingExporter(_exporter())
            # `close` is called by the server, which waits for it as long as it has time.
            provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
            provider.add_span_processor(BatchSpanProcessor(exporter))
        except ValueError as error:
            raise ConfigurationError(
                f"OpenTelemetry cannot be set up from the OTEL_* variables: {error}"
            ) from error
        return cls(provider, exporter)

    @property
    def lost(self) -> int:
        """Records that found no place, and spans that could not be delivered."""
        return self._thread.lost + (0 if self._exporter is None else self._exporter.lost)

    def write(self, note: Note) -> None:
        """Note what has happened; spans are made of that in a thread. Never waits."""
        self._thread.write(note)

    def _take(self, note: Note) -> None:
        self._tell(record_of(note))

    def _tell(self, record: Record) -> None:
        """Take a record; the span is made when what it tells of is over."""
        kind, name = record["kind"], record["session"]
        if kind == "begin":
            self._sessions[name] = self._begin(record)
            return
        session = self._sessions.get(name)
        if session is None:
            return
        match kind:
            case "chunk":
                if record["channel"] == 0:
                    session.chunks.append((record["end"], record["received_at"]))
            case "clock":
                session.span.set_attribute("streamkit.clock.offset", record["offset"])
                if record["error"] is not None:
                    session.span.set_attribute("streamkit.clock.error", record["error"])
            case "hypothesis":
                self._hypothesis(session, record)
            case "turn":
                self._leave(session)
                session.turn = record
            case "response":
                self._response(session, record)
            case "end":
                self._leave(session)
                self._end(session, record)
                del self._sessions[name]

    def close(self) -> None:
        """Deliver what waits; waits for that, `CLOSE_SECONDS` at most."""
        self._thread.close()
        thread = threading.Thread(target=self._provider.shutdown, name="otel-end", daemon=True)
        thread.start()
        thread.join(CLOSE_SECONDS)
        if thread.is_alive() and self._exporter is not None:
            logger.warning("OpenTelemetry did not take the last spans in %g s", CLOSE_SECONDS)
            # It would try again for a while.
            self._exporter.shutdown()

    def _begin(self, record: Record) -> _Session:
        served = {
            f"streamkit.{name}": record[name]
            for name in ("recognizer", "reply_model", "voice")
            if name in record
        }
        span = self._tracer.start_span(
            f"streamkit {record['endpoint']}",
            kind=SpanKind.SERVER,
            start_time=nanoseconds(record["at"]),
            attributes={
                "session.id": record["session"],
                "url.path": f"/v1/{record['endpoint']}",
                **served,
            },
        )
        return _Session(record, span)

    def _end(self, session: _Session, record: Record) -> None:
        code = record["code"]
        session.span.set_attribute("streamkit.close_code", code)
        session.span.set_attribute("streamkit.audio_seconds", record["audio_seconds"])
        if code in FAILURES:
            session.span.set_status(StatusCode.ERROR)
            session.span.set_attribute("error.type", str(code))
        session.span.end(nanoseconds(record["at"]))

    def _hypothesis(self, session: _Session, record: Record) -> None:
        """A pass; of the session, since it is heard before anybody knows whose turn it is in."""
        began = record["started_at"] or record["asked_at"]
        attributes = {
            "streamkit.channel": record["channel"],
            "streamkit.segment": record["segment"],
            "streamkit.window.start": record["start"],
            "streamkit.window.end": record["end"],
            "streamkit.final": record["final"],
            "streamkit.outcome": record["outcome"],
            "streamkit.word_count": record["word_count"],
            "streamkit.committed_count": record["committed_count"],
            "streamkit.wait_seconds": round(began - record["asked_at"], 4),
        }
        if record["decision"] is not None:
            attributes["streamkit.decision"] = record["decision"]
            attributes["streamkit.doubts"] = record["doubts"]
        span = self._child(session.span, "recognize", began, attributes)
        if record["outcome"] == "failed":
            span.set_status(StatusCode.ERROR)
        span.end(_after(began, record["ended_at"]))

    def _leave(self, session: _Session) -> None:
        """What a person said and nobody answered is a turn of its own."""
        turn, session.turn = session.turn, None
        if turn is None:
            return
        began = session.turn_began(turn)
        span = self._child(session.span, "turn", began, _turn_attributes(turn))
        if turn["status"] == "failed":
            span.set_status(StatusCode.ERROR)
        self._speech(span, turn, began, turn.get("received_at"))
        span.end(_after(began, turn["at"]))

    def _response(self, session: _Session, record: Record) -> None:
        """A response, with the turn of the person's that it answers, if it answers one."""
        turn: Record | None = None
        waited: float = record["at"] if record["began_at"] is None else record["began_at"]
        if record["speech"] is not None:
            turn, session.turn = session.turn, None
        began = waited if turn is None else min(waited, session.turn_began(turn))
        attributes = {
            **({} if turn is None else _turn_attributes(turn)),
            **_response_attributes(session.begin, record),
        }
        name = "response" if record["speech"] is None else "turn"
        span = self._child(session.span, name, began, attributes)
        if record["status"] == "failed":
            span.set_status(StatusCode.ERROR)
            span.set_attribute("error.type", record["error"] or "failed")
        self._speech(span, turn, began, waited)
        reached = self._stages(span, waited, record["stages"])
        if "audio" in record["modalities"] and "first_audible" in record["stages"]:
            reply = self._child(span, "reply", reached, {})
            reply.end(_after(reached, record["at"]))
        span.end(_after(began, record["at"]))

    def _speech(self, parent: Span, turn: Record | None, began: float, end: float | None) -> None:
        """While the person speaks, as far as it was received."""
        if turn is not None and end is not None and end > began:
            self._child(parent, "speech", began, {}).end(nanoseconds(end))

    def _stages(self, parent: Span, began: float, stages: Mapping[str, float]) -> float:
        """What the wait was made of; returns when the reply could be heard.

        As in `latency.turn`: a stage that was passed before the one ahead of it costs nothing.
        """
        reached = began
        audible = stages.get(TurnStage.FIRST_AUDIBLE.value, math.inf)
        heard = began
        for stage in TurnStage:
            at = stages.get(stage.value)
            if at is None:
                continue
            passed = at if stage is TurnStage.PLAYED else min(at, audible)
            span = self._child(parent, stage.value, reached, {"streamkit.early": passed < reached})
            span.end(_after(reached, passed))
            reached = max(reached, passed)
            if stage is not TurnStage.PLAYED:
                heard = reached
        return heard

    def _child(self, parent: Span, name: str, began: float, attributes: Attributes) -> Span:
        return self._tracer.start_span(
            name,
            context=set_span_in_context(parent),
            start_time=nanoseconds(began),
            attributes=attributes,
        )


class CountingExporter(SpanExporter):
    """Counts what another exporter could not deliver.

    Args:
        inner: does the work.
    """

    def __init__(self, inner: SpanExporter) -> None:
        self.lost = 0
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Deliver spans."""
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        """Nothing more will come."""
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Deliver what waits."""
        return self._inner.force_flush(timeout_millis)


@dataclass(slots=True)
class _Session:
    """A session that is open.

    Attributes:
        begin: its first record.
        span: of it.
        chunks: position after each of its newest ones, and when it was received.
        turn: what the person has said and nobody has answered yet.
    """

    begin: Record
    span: Span
    chunks: deque[tuple[int, float]] = field(default_factory=lambda: deque(maxlen=MAX_CHUNKS))
    turn: Record | None = None

    def turn_began(self, turn: Record) -> float:
        """When the first sample of a turn's first word was received; Unix seconds."""
        start = turn.get("start")
        if start is not None:
            for end, received_at in self.chunks:
                if end > start:
                    return received_at
        began: float = turn["received_at"] if "received_at" in turn else turn["at"]
        return began


def nanoseconds(seconds: float) -> int:
    """A time of a record as OpenTelemetry wants it: nothing below 0.1 ms, as in the record."""
    return round(seconds * 10_000) * 100_000


def _after(began: float, ended: float) -> int:
    """The end of a span, which is never before its begin."""
    return nanoseconds(max(began, ended))


def _turn_attributes(turn: Record) -> dict[str, Any]:
    known = {
        "streamkit.turn.item": turn["item"],
        "streamkit.turn.seconds": turn.get("seconds"),
        "streamkit.turn.words": turn.get("words"),
        "streamkit.turn.language": turn.get("language"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _response_attributes(begin: Record, record: Record) -> dict[str, Any]:
    known = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": record["session"],
        "gen_ai.response.id": record["response"],
        "gen_ai.request.model": begin.get("reply_model"),
        "gen_ai.output.type": "speech" if "audio" in record["modalities"] else "text",
        "gen_ai.usage.input_tokens": record["input_tokens"],
        "gen_ai.usage.output_tokens": record["output_tokens"],
        "streamkit.status": record["status"],
        "streamkit.reason": record["reason"],
        "streamkit.audio_seconds": record["audio_seconds"],
        "streamkit.voice_to_voice": record["latency"].get("voice_to_voice"),
    }
    return {name: value for name, value in known.items() if value is not None}


def _resource() -> Resource:
    """Who sends; what the variables say of it goes before our own words."""
    attributes = dict(Resource.create().attributes)
    if str(attributes["service.name"]).startswith("unknown_service"):
        attributes["service.name"] = "streamkit"
    attributes.setdefault("service.version", __version__)
    return Resource(attributes)


def _exporter() -> SpanExporter:
    """The exporter that the variables name, as packages make them known."""
    name = os.environ.get("OTEL_TRACES_EXPORTER") or "otlp"
    if name == "otlp":
        protocol = (
            os.environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
            or os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
            or "http/protobuf"
        )
        name = EXPORTERS.get(protocol, protocol)
    found = entry_points(group="opentelemetry_traces_exporter")
    for each in found:
        if each.name == name:
            exporter: SpanExporter = each.load()()
            return exporter
    raise ConfigurationError(
        f"OTEL_TRACES_EXPORTER and OTEL_EXPORTER_OTLP_PROTOCOL ask for the exporter {name}; "
        f"installed: {', '.join(sorted(found.names)) or 'none'}; change them, or install "
        "the package of that exporter (opentelemetry-exporter-…)"
    )
