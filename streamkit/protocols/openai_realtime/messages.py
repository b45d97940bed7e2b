"""What the server says: one or two messages for each thing that a session has to tell."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from streamkit import __version__
from streamkit.latency.clock import ClockMap, ClockReport
from streamkit.protocols.openai_realtime import heard_words
from streamkit.protocols.openai_realtime.config import SessionConfig
from streamkit.protocols.openai_realtime.errors import INVALID_REQUEST
from streamkit.protocols.openai_realtime.heard_words import in_milliseconds
from streamkit.protocols.openai_realtime.items import MakeId
from streamkit.protocols.openai_realtime.plain_messages import Message, place, plain
from streamkit.protocols.openai_realtime.responses import response_wire
from streamkit.protocols.timing import CLOCK, clock_answer, reply_timing, trace_latency
from streamkit.session import conversation_effects as effects

SERVER_ERROR = "server_error"

_TRANSCRIPTION = "conversation.item.input_audio_transcription"
_Transcription = (
    effects.TranscriptionDelta | effects.TranscriptionCompleted | effects.TranscriptionFailed
)


class Encoder:
    """Server messages of one connection.

    Args:
        make_id: makes the ids of events.
        epoch: Unix time at which the server's monotonic clock was 0.
    """

    def __init__(self, make_id: MakeId, epoch: float = 0.0) -> None:
        self._make_id = make_id
        self._epoch = epoch

    def session_created(self, config: SessionConfig) -> Message:
        """The first message of a connection."""
        return self._event(
            "session.created", session=config.wire(), streamkit={"version": __version__}
        )

    def session_updated(self, config: SessionConfig) -> Message:
        """The whole session after a change."""
        return self._event("session.updated", session=config.wire())

    def error(
        self,
        message: str,
        *,
        code: str | None,
        event_id: str | None = None,
        param: str | None = None,
        type: str = INVALID_REQUEST,
    ) -> Message:
        """Something that was asked for, or was to be told, cannot be had.

        Args:
            message: for people.
            code: for programs.
            event_id: of the client's event that is to blame.
            param: path of the field in it.
            type: `invalid_request_error` or `server_error`.
        """
        error = {
            "type": type,
            "code": code,
            "message": message,
            "param": param,
            "event_id": event_id,
        }
        return self._event("error", error=error)

    def clock(
        self, report: ClockReport, received_at: float, sent_at: float, clock: ClockMap
    ) -> Message:
        """The answer to a client that wants to compare clocks; see `timing.clock_answer`.

        Args:
            report: what it has said.
            received_at: when that came, by the server's monotonic clock.
            sent_at: the same clock as the answer leaves.
            clock: what is known of the client's.
        """
        times = (received_at + self._epoch, sent_at + self._epoch)
        return self._event(CLOCK, **clock_answer(report, *times, clock))

    def encode(
        self,
        effect: effects.Said,
        config: SessionConfig,
        sound: bytes = b"",
        streamkit: Mapping[str, Any] | None = None,
        *,
        emit: float | None = None,
    ) -> list[Message]:
        """All messages for one thing that the session has to tell, in order.

        Args:
            effect: what to tell.
            config: of the session.
            sound: of a `SendSound`, in the session's output format.
            streamkit: more of what is ours, put beside what the encoder knows of itself (in
                `response.done` within the response).
            emit: the server's monotonic clock now, for the latency of the person's words.

        Returns:
            Nothing for `ConversationClosed`, which the end of the connection tells.

        Raises:
            ValueError: a `SendSound` comes without its sound.
        """
        messages = self._messages(effect, config, sound, emit)
        if streamkit and messages:
            first = messages[0]
            holder = first["response"] if isinstance(effect, effects.ResponseDone) else first
            holder["streamkit"] = {**holder.get("streamkit", {}), **streamkit}
        return messages

    def _messages(
        self, effect: effects.Said, config: SessionConfig, sound: bytes, emit: float | None
    ) -> list[Message]:
        match effect:
            case (
                effects.TranscriptionDelta()
                | effects.TranscriptionCompleted()
                | effects.TranscriptionFailed()
            ):
                return [self._transcription(effect, config, emit)]
            case effects.ResponseCreated(state):
                return [self._event("response.created", response=response_wire(state, config))]
            case effects.ResponseDone(state):
                response = response_wire(state, config)
                response["streamkit"] = {
                    **reply_timing(state, self._epoch),
                    "audio_ms": round(state.audio_seconds * 1000, 3),
                }
                return [
                    self._event("response.done", response=response),
                    # There are no such limits, but OpenAI's clients may wait for this message.
                    self._event("rate_limits.updated", rate_limits=[]),
                ]
            case effects.SendSound():
                return [self._sound(effect, config, sound)]
            case effects.Rejected(event_id, code, text, param):
                return [self.error(text, code=code, event_id=event_id, param=param)]
            case effects.Trouble(code, text):
                return [self.error(text, code=code, type=SERVER_ERROR)]
            case effects.ConversationClosed():
                return []
            case _:
                return [self._event(**plain(effect))]

    def _transcription(
        self, effect: _Transcription, config: SessionConfig, emit: float | None
    ) -> Message:
        part = {"item_id": effect.item_id, "content_index": effect.content_index}
        if isinstance(effect, effects.TranscriptionFailed):
            error = {
                "type": "transcription_error",
                "code": "transcription_failed",
                "message": effect.reason,
            }
            return self._event(f"{_TRANSCRIPTION}.failed", **part, error=error)
        own: Message = {
            "words": heard_words.timed(effect.words),
            "latency": trace_latency(effect.trace, self._epoch, emit),
        }
        if isinstance(effect, effects.TranscriptionDelta):
            told = self._event(f"{_TRANSCRIPTION}.delta", **part, delta=effect.delta)
            text = effect.delta
        else:
            usage = {"type": "duration", "seconds": round(effect.seconds, 3)}
            text = effect.transcript
            told = self._event(f"{_TRANSCRIPTION}.completed", **part, transcript=text, usage=usage)
            own["language"] = effect.language
            if effect.language is not None:
                told["languages"] = [{"code": effect.language}]
        if config.logprobs:
            told["logprobs"] = heard_words.logprobs(effect.words, text)
        return {**told, "streamkit": own}

    def _sound(self, effect: effects.SendSound, config: SessionConfig, sound: bytes) -> Message:
        if not sound:
            raise ValueError(
                f"the samples [{effect.start}, {effect.end}) are to be sent, and no sound was "
                "given; pass their encoded bytes"
            )
        rate = config.output_rate
        own = {
            "start_ms": in_milliseconds(effect.start, rate),
            "end_ms": in_milliseconds(effect.end, rate),
            "words": [[in_milliseconds(at, rate), word] for at, word in effect.words],
        }
        if effect.response is not None:
            own |= reply_timing(effect.response, self._epoch)
        return self._event(
            "response.output_audio.delta",
            **place(effect.place),
            delta=base64.b64encode(sound).decode("ascii"),
            streamkit=own,
        )

    def _event(self, type: str, **members: Any) -> Message:
        return {"type": type, "event_id": self._make_id("event"), **members}
