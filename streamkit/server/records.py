"""What the trace file holds of a turn and of a response: ids, times and codes, and no words.

Only somebody who asks for them (`trace_words`) gets the words as well. Times are Unix seconds by
the server's clock, durations are seconds.
"""

from __future__ import annotations

from typing import Any

from streamkit.latency.trace import Stage, Trace
from streamkit.session.conversation_effects import (
    ResponseDone,
    ResponseState,
    Said,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.items import Message


def record(effect: Said, session: str, at: float, *, words: bool) -> dict[str, Any] | None:
    """What the file gets for something that the client is told; None: nothing."""
    match effect:
        case TranscriptionCompleted() | TranscriptionFailed():
            return turn_record(effect, session, at, words=words)
        case ResponseDone(response=response):
            return response_record(response, session, at, words=words)
        case _:
            return None


def turn_record(
    turn: TranscriptionCompleted | TranscriptionFailed, session: str, at: float, *, words: bool
) -> dict[str, Any]:
    """What a person has said, and how late the recognizer was.

    Args:
        turn: as the client is told of it.
        session: id.
        at: when it is told.
        words: put in the transcript too.
    """
    written: dict[str, Any] = {
        "kind": "turn",
        "at": round(at, 3),
        "session": session,
        "item": turn.item_id,
    }
    if isinstance(turn, TranscriptionFailed):
        return written | {"status": "failed"}
    written |= {
        "status": "completed",
        "seconds": round(turn.seconds, 3),
        "words": len(turn.words),
        "language": turn.language,
    }
    if turn.trace is not None:
        written["latency"] = _stages(turn.trace)
    if words:
        written["transcript"] = turn.transcript
    return written


def response_record(
    response: ResponseState, session: str, at: float, *, words: bool
) -> dict[str, Any]:
    """What became of a response, and what the silence before it was made of.

    Args:
        response: as it has ended.
        session: id.
        at: when it has.
        words: put in what it says too.
    """
    usage = response.usage
    written: dict[str, Any] = {
        "kind": "response",
        "at": round(at, 3),
        "session": session,
        "response": response.id,
        "status": response.status,
        "reason": response.reason,
        "error": response.error_code,
        "items": [item.id for item in response.output],
        "modalities": list(response.modalities),
        "audio_seconds": round(response.audio_seconds, 3),
        "input_tokens": None if usage is None else usage.input_tokens,
        "output_tokens": None if usage is None else usage.output_tokens,
        "latency": {stage: round(seconds, 4) for stage, seconds in response.latency.items()},
    }
    if words:
        said = (item.text for item in response.output if isinstance(item, Message))
        written["text"] = " ".join(said)
    return written


def _stages(trace: Trace) -> dict[str, float]:
    """Seconds from reception to each stage that was passed."""
    passed = ((stage, trace.after_received(stage)) for stage in Stage)
    return {stage.value: round(seconds, 4) for stage, seconds in passed if seconds is not None}
