"""What one client of a conversation is told: in a line, in order, and in time or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import anyio
from starlette.websockets import WebSocket

from streamkit.latency.clock import ClockReport
from streamkit.protocols.openai_realtime import Encoder, EventError, Message, SessionConfig
from streamkit.server.client_clock import ClientClock
from streamkit.server.identifiers import make_id
from streamkit.server.outbox import Outbox
from streamkit.server.replies import MadeReply
from streamkit.server.state import ServerState
from streamkit.server.tracing import SessionTrace
from streamkit.session.conversation_effects import (
    ItemTruncated,
    Rejected,
    ResponseDone,
    Said,
    SendSound,
    TranscriptionCompleted,
    TranscriptionFailed,
    Trouble,
)


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """What to send, made when it is sent.

    Attributes:
        make: takes the server's clock.
        since: when it was put in the line, by the server's clock.
        wanted: asked before: sound of a reply that was cut off is not sent any more.
    """

    make: Callable[[float], list[Message]]
    since: float
    wanted: Callable[[], bool] = lambda: True


class Teller:
    """Tells one client what a session has to say.

    Args:
        state: of the server.
        websocket: accepted.
        trace: of the session; None: nobody wants one.
    """

    def __init__(
        self, state: ServerState, websocket: WebSocket, trace: SessionTrace | None
    ) -> None:
        self._state = state
        self._websocket = websocket
        self._trace = trace
        self._clock = ClientClock(state.epoch, trace)
        self._encoder = Encoder(make_id, state.epoch)
        self._outbox: Outbox[_Outgoing] = Outbox(state.settings.outbox_messages)

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._outbox)

    async def room(self) -> None:
        """Wait while too many messages wait."""
        await self._outbox.room()

    def close(self) -> None:
        """Nothing more will be told; `write` ends when all is sent."""
        self._outbox.close()

    def say(self, effect: Said, config: SessionConfig) -> None:
        """Tell what the session says."""
        self._outbox.put(_Outgoing(partial(self._encode, effect, config, b""), self._state.clock()))

    def play(self, effect: SendSound, sound: bytes, reply: MadeReply) -> None:
        """Send sound of a reply, if that is still wanted when its turn has come."""
        made = partial(self._encode, effect, reply.config, sound)
        self._outbox.put(_Outgoing(made, self._state.clock(), lambda: reply.wanted))

    def created(self, config: SessionConfig) -> None:
        """The first message; clients choose models by OpenAI's names, so it tells the real ones."""
        message = self._encoder.session_created(config)
        message["streamkit"] |= {
            "recognizer": self._state.scheduler.recognizer.info.name,
            "reply_model": self._state.reply_model(config.model),
        }
        self._put(message)

    def updated(self, config: SessionConfig) -> None:
        """The whole session after a change."""
        self._put(self._encoder.session_updated(config))

    def error(self, error: EventError) -> None:
        """Something that the client has asked for, or done, cannot be."""
        self._state.metrics.errors.labels(error.code).inc()
        self._put(
            self._encoder.error(
                str(error),
                code=error.code,
                event_id=error.event_id,
                param=error.param,
                type=error.type,
            )
        )

    def compare_clocks(self, report: ClockReport, received_at: float) -> None:
        """Answer a client that says what its clock shows; that came at `received_at`."""
        clock = self._clock
        clock.take(report, received_at)
        self._outbox.put(
            _Outgoing(
                lambda now: [self._encoder.clock(report, received_at, now, clock.map)],
                self._state.clock(),
            )
        )

    async def write(self) -> None:
        """Send what waits until `close`.

        Raises:
            TimeoutError: the client does not take its messages in time.
            WebSocketDisconnect: it has left, as RuntimeError says too.
        """
        timeout = self._state.settings.send_timeout
        while (outgoing := await self._outbox.get()) is not None:
            now = self._state.clock()
            if now > outgoing.since + timeout:
                raise TimeoutError
            if not outgoing.wanted():
                continue
            for message in outgoing.make(now):
                with anyio.fail_after(timeout):
                    await self._websocket.send_text(json.dumps(message, separators=(",", ":")))

    def _put(self, message: Message) -> None:
        self._outbox.put(_Outgoing(lambda now: [message], self._state.clock()))

    def _encode(
        self, effect: Said, config: SessionConfig, sound: bytes, now: float
    ) -> list[Message]:
        self._note(effect, now)
        return self._encoder.encode(effect, config, sound, emit=now)

    def _note(self, effect: Said, now: float) -> None:
        """Count what the client is told, and write it down for those who asked for a trace."""
        metrics, epoch = self._state.metrics, self._state.epoch
        match effect:
            case TranscriptionCompleted(words=words, trace=trace):
                metrics.words.inc(len(words))
                if trace is not None and words:
                    metrics.observe_result(self._clock.by_server(trace), now, epoch)
            case TranscriptionFailed():
                metrics.errors.labels("transcription_failed").inc()
            case ResponseDone(response=response):
                metrics.observe_response(response)
            case ItemTruncated():
                metrics.interruptions.labels("truncated").inc()
            case Rejected(code=code) | Trouble(code=code):
                metrics.errors.labels(code).inc()
            case _:
                return
        if self._trace is not None:
            self._trace.said(effect, now)
