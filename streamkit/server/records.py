"""What a trace holds of a session: ids, positions, times and codes, and no words.

Only somebody who asks for them (`trace_words`) gets the words as well. Times are Unix seconds by
the server's clock, rounded to 0.1 ms; durations are seconds; positions are samples at 16 kHz.
docs/observability.md says what each field means.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from streamkit import __version__
from streamkit.asr.recognizer import Hypothesis, join
from streamkit.latency.trace import Stage, Trace
from streamkit.session.conversation_effects import (
    ResponseState,
    TranscriptionCompleted,
    TranscriptionFailed,
)
from streamkit.session.effects import Transcript
from streamkit.session.items import Message

Record = dict[str, Any]
"""One line of a trace: what JSON can hold."""

Note = tuple[Any, ...]
"""What has happened, before a record is made of it: its kind, and the arguments of the function
that makes it, see `record_of`."""

Samples = npt.NDArray[np.float32]

QUIET: Final = -120.0
"""dBFS; what is more quiet than this is not told apart."""

FORMAT: Final = 2
"""Of the records; 1 had turns and responses only."""

Endpoint = Literal["listen", "realtime"]
Outcome = Literal["done", "superseded", "failed"]


class Pass(NamedTuple):
    """A pass of the recognizer and what came of it; times are the server's clock.

    Attributes:
        channel: of the stream.
        segment: which stretch of speech it belongs to.
        start: of its window.
        end: of its window.
        final: its answer may become a final.
        asked_at: when it was wanted.
        started_at: when the recognizer began with it; None: it never did, or failed.
        ended_at: when its answer, or the news that there is none, was there.
        outcome: what came of it.
        hypothesis: the answer.
        committed_until: up to where the segment's words are committed, now that it was heard.
    """

    channel: int
    segment: int
    start: int
    end: int
    final: bool
    asked_at: float
    started_at: float | None
    ended_at: float
    outcome: Outcome
    hypothesis: Hypothesis | None = None
    committed_until: int | None = None


def level_dbfs(samples: Samples) -> float:
    """RMS of samples between -1 and 1, in dBFS; `QUIET` at least."""
    power = float(np.dot(samples, samples)) / max(1, len(samples))
    return max(QUIET, 10 * math.log10(power)) if power > 0 else QUIET


def moment(seconds: float | None) -> float | None:
    """A time as records hold it."""
    return None if seconds is None else round(seconds, 4)


def begin_record(session: str, at: float, endpoint: Endpoint, served: Mapping[str, str]) -> Record:
    """A session begins.

    Args:
        session: id.
        at: when.
        endpoint: which protocol it speaks.
        served: who serves it: `recognizer`, `reply_model`, `voice`.
    """
    return {
        "kind": "begin",
        "format": FORMAT,
        "session": session,
        "at": moment(at),
        "endpoint": endpoint,
        "side": "server",
        "version": __version__,
        **served,
    }


def end_record(session: str, at: float, code: int, audio_seconds: float) -> Record:
    """A session is over; `code` is that of the WebSocket's close."""
    return {
        "kind": "end",
        "session": session,
        "at": moment(at),
        "code": code,
        "audio_seconds": round(audio_seconds, 3),
    }


def clock_record(session: str, at: float, offset: float, error: float | None) -> Record:
    """The client's clock is known better: server's minus client's, in seconds, give or take."""
    return {
        "kind": "clock",
        "session": session,
        "at": moment(at),
        "offset": round(offset, 6),
        "error": None if error is None else round(error, 6),
    }


def chunk_record(
    session: str,
    channel: int,
    start: int,
    end: int,
    captured_at: float | None,
    received_at: float,
    scored_at: float,
    sound: Samples | float,
    probabilities: Sequence[float],
    epoch: float,
    offset: float | None,
) -> Record:
    """A piece of sound was received and scored.

    Args:
        session: id.
        channel: of the stream.
        start: position of its first sample.
        end: position after its last one.
        captured_at: when the first one was captured, Unix seconds by the client's clock; None: it
            did not say.
        received_at: server's clock.
        scored_at: server's clock.
        sound: what was scored of it, at 16 kHz, or the level of that.
        probabilities: of speech in the windows that it completed, if it completed some.
        epoch: Unix time at which the server's clock was 0.
        offset: seconds that the server's clock is ahead of the client's; None: not known.
    """
    level = sound if isinstance(sound, float) else level_dbfs(sound)
    record: Record = {
        "kind": "chunk",
        "session": session,
        "channel": channel,
        "start": start,
        "end": end,
        "captured_at": None if captured_at is None else moment(captured_at + (offset or 0.0)),
        "received_at": moment(received_at + epoch),
        "scored_at": moment(scored_at + epoch),
        "level": round(level, 1),
        "speech": round(max(probabilities), 3) if probabilities else None,
    }
    if captured_at is not None and offset is None:
        record["mapped"] = False
    return record


def hypothesis_record(session: str, heard: Pass, epoch: float, words: bool) -> Record:
    """What the recognizer answered, when, and how much of it is settled.

    Args:
        session: id.
        heard: the pass.
        epoch: Unix time at which the server's clock was 0.
        words: put in the words too.
    """
    hypothesis, until = heard.hypothesis, heard.committed_until
    answer = () if hypothesis is None else hypothesis.words
    committed = [until is not None and word.end <= until for word in answer]
    record: Record = {
        "kind": "hypothesis",
        "session": session,
        "channel": heard.channel,
        "segment": heard.segment,
        "start": heard.start,
        "end": heard.end,
        "asked_at": moment(heard.asked_at + epoch),
        "started_at": None if heard.started_at is None else moment(heard.started_at + epoch),
        "ended_at": moment(heard.ended_at + epoch),
        "final": heard.final,
        "outcome": heard.outcome,
        "decision": None if hypothesis is None else hypothesis.decision.value,
        "doubts": [] if hypothesis is None else sorted(d.value for d in hypothesis.doubts),
        "word_count": len(answer),
        "committed_count": sum(committed),
        "committed_until": until,
    }
    if words:
        record["words"] = [
            [word.text, word.start, word.end, firm]
            for word, firm in zip(answer, committed, strict=True)
        ]
    return record


def caption_record(
    session: str, channel: int, told: Transcript, at: float, epoch: float, words: bool
) -> Record:
    """A transcript as a client of captions gets it, and the way of its last word.

    Args:
        session: id.
        channel: of the stream.
        told: what is sent.
        at: when.
        epoch: Unix time at which the server's clock was 0.
        words: put in the text too.
    """
    latency: dict[str, float | None] | None = None
    if told.trace is not None and told.words:
        received_at = told.trace.received_at + epoch
        latency = {"received_at": moment(received_at)} | _stages(told.trace)
        latency["emit"] = moment(at - received_at)
    record: Record = {
        "kind": "caption",
        "session": session,
        "channel": channel,
        "at": moment(at),
        "start": told.start,
        "end": told.end,
        "is_final": told.is_final,
        "speech_final": told.speech_final,
        "word_count": len(told.words),
        "committed_count": told.committed,
        "latency": latency,
    }
    if words:
        record["text"] = join(told.words)
    return record


def turn_record(
    turn: TranscriptionCompleted | TranscriptionFailed,
    session: str,
    at: float,
    epoch: float,
    words: bool,
) -> Record:
    """What a person has said, and how late the recognizer was.

    Args:
        turn: as the client is told of it.
        session: id.
        at: when it is told.
        epoch: Unix time at which the server's clock was 0.
        words: put in the transcript too.
    """
    written: Record = {
        "kind": "turn",
        "at": moment(at),
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
    if turn.words:
        written |= {"start": turn.words[0].start, "end": turn.words[-1].end}
    if turn.trace is not None:
        written["received_at"] = moment(turn.trace.received_at + epoch)
        written["latency"] = _stages(turn.trace)
    if words:
        written["transcript"] = turn.transcript
    return written


def response_record(
    response: ResponseState,
    session: str,
    at: float,
    epoch: float,
    words: bool,
    offset: float | None = None,
) -> Record:
    """What became of a response, and what the silence before it was made of.

    Args:
        response: as it has ended.
        session: id.
        at: when it has.
        epoch: Unix time at which the server's clock was 0.
        words: put in what it says too.
        offset: seconds that the server's clock is ahead of the client's; None: not known.
    """
    usage = response.usage

    def server_time(seconds: float | None) -> float | None:
        return None if seconds is None else moment(seconds + epoch)

    written: Record = {
        "kind": "response",
        "at": moment(at),
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
        "latency": _rounded(response.latency),
        "speech": None,
        "began_at": server_time(response.began_at),
        "stages": {stage: server_time(passed) for stage, passed in response.stages.items()},
        "audible_sent_at": server_time(response.stages.get("first_audible")),
    }
    if response.speech_received_at is not None:
        captured_at = response.speech_captured_at
        speech: Record = {
            "end": response.speech_end,
            "captured_at": None if captured_at is None else moment(captured_at + (offset or 0.0)),
            "received_at": server_time(response.speech_received_at),
        }
        if captured_at is not None and offset is None:
            speech["mapped"] = False
        written["speech"] = speech
    if words:
        said = (item.text for item in response.output if isinstance(item, Message))
        written["text"] = " ".join(said)
    return written


def _rounded(durations: Mapping[str, float]) -> dict[str, float]:
    return {stage: round(seconds, 4) for stage, seconds in durations.items()}


def _stages(trace: Trace) -> dict[str, float | None]:
    """Seconds from reception to each stage that was passed."""
    passed = ((stage, trace.after_received(stage)) for stage in Stage)
    return {stage.value: round(seconds, 4) for stage, seconds in passed if seconds is not None}


_MAKERS: Final[Mapping[str, Callable[..., Record]]] = {
    "begin": begin_record,
    "end": end_record,
    "clock": clock_record,
    "chunk": chunk_record,
    "hypothesis": hypothesis_record,
    "caption": caption_record,
    "turn": turn_record,
    "response": response_record,
}


def record_of(note: Note) -> Record:
    """The record of something that has happened."""
    kind, *arguments = note
    return _MAKERS[kind](*arguments)
