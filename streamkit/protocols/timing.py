"""What all protocols tell of times: how late words and replies are, and what the clocks say.

Messages hold Unix seconds and milliseconds; the server's monotonic clock stays inside.
"""

from __future__ import annotations

from typing import Any

from streamkit.audio.clock import SAMPLE_RATE
from streamkit.latency.clock import ClockMap, ClockReport
from streamkit.latency.trace import Stage, Trace
from streamkit.latency.turn import TurnStage
from streamkit.session.conversation_effects import ResponseState

CLOCK = "streamkit.clock"
"""Type of the answer to a client's `clock`; nobody else is sent one."""


def trace_latency(trace: Trace | None, epoch: float, emit: float | None) -> dict[str, Any] | None:
    """How late the newest word is; stages are milliseconds after its reception.

    Args:
        trace: the way of its last sample.
        epoch: Unix time at which the server's monotonic clock was 0.
        emit: the server's monotonic clock as the message leaves.
    """
    if trace is None:
        return None
    stages = {f"{stage.value}_ms": _milliseconds(trace.after_received(stage)) for stage in Stage}
    return {
        "captured_at": trace.captured_at,
        "received_at": _unix(trace.received_at, epoch),
        **stages,
        "emit_ms": None if emit is None else _milliseconds(emit - trace.received_at),
    }


def reply_timing(response: ResponseState, epoch: float) -> dict[str, Any]:
    """What the silence before a reply is made of, between which two moments.

    Args:
        response: as it stands.
        epoch: Unix time at which the server's monotonic clock was 0.
    """
    speech = None
    if response.speech_received_at is not None:
        end = response.speech_end
        speech = {
            "end_ms": None if end is None else round(end * 1000 / SAMPLE_RATE, 3),
            "captured_at": response.speech_captured_at,
            "received_at": _unix(response.speech_received_at, epoch),
        }
    return {
        "latency": {stage: _milliseconds(part) for stage, part in response.latency.items()},
        "speech": speech,
        "audible_sent_at": _unix(response.stages.get(TurnStage.FIRST_AUDIBLE.value), epoch),
    }


def clock_answer(
    report: ClockReport, received_at: float, sent_at: float, clock: ClockMap
) -> dict[str, Any]:
    """The answer to a client that wants to compare clocks; all times are Unix seconds.

    Args:
        report: what it has said.
        received_at: when that came.
        sent_at: as the answer leaves.
        clock: what is known of the client's clock.
    """
    return {
        "client_sent_at": report.sent_at,
        "received_at": round(received_at, 6),
        "sent_at": round(sent_at, 6),
        "offset_ms": _exact_milliseconds(clock.offset),
        "error_ms": _exact_milliseconds(clock.error),
    }


def _unix(seconds: float | None, epoch: float) -> float | None:
    return None if seconds is None else round(epoch + seconds, 6)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)


def _exact_milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
