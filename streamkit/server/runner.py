"""Runs one `/v1/listen` session: the socket on one side, pure sessions on the other.

One task reads and feeds, one task writes, one per pass waits for the recognizer. However the
session ends (the client says so, leaves, sends rubbish, falls silent, the server goes down),
it ends here: what was heard is decoded and sent as finals first, as long as there is
somebody to send it to.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass

import anyio
import anyio.abc
import numpy as np
from anyio.to_thread import run_sync as in_thread
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamkit.asr.recognizer import Word
from streamkit.audio.clock import SAMPLE_RATE
from streamkit.audio.decoders import decode, open_decoder
from streamkit.audio.pcm import RAW_ENCODINGS, SampleDecoder
from streamkit.errors import AudioFormatError, ProtocolError
from streamkit.latency.clock import ClockReport
from streamkit.protocols import deepgram
from streamkit.protocols.deepgram import Message
from streamkit.server.channel import MAX_PIECE_SECONDS, Channel, Heard, Samples
from streamkit.server.client_clock import ClientClock
from streamkit.server.endings import (
    ENDED,
    GONE,
    RESTART,
    Ending,
    bad_audio,
    idle,
    incomplete,
    oversized,
    too_long,
)
from streamkit.server.limits import TokenBucket
from streamkit.server.options import caption_options, recognition_guidance
from streamkit.server.outbox import Outbox
from streamkit.server.state import ServerState
from streamkit.server.tracing import SessionTrace
from streamkit.session.captions import CaptionSession
from streamkit.session.effects import (
    Closed,
    Output,
    RangeFailed,
    SpeechBegan,
    Transcript,
    UtteranceEnded,
)
from streamkit.session.events import (
    CloseRequested,
    Event,
    FinalizeRequested,
    WordsCommitted,
)

logger = logging.getLogger("streamkit.listen")


@dataclass(frozen=True, slots=True)
class _Outgoing:
    """A message that is made when it is sent, so that it can tell how late it is."""

    make: Callable[[float], Message]


class ListenSession:
    """One connection.

    Args:
        state: of the server.
        websocket: to be accepted before `run`.
        options: what the client asked for.
        request_id: of the connection.
    """

    def __init__(
        self,
        state: ServerState,
        websocket: WebSocket,
        options: deepgram.ListenOptions,
        request_id: str,
    ) -> None:
        self._state = state
        self._websocket = websocket
        self._options = options
        self._encoder = deepgram.Encoder(
            request_id, state.scheduler.recognizer.info, state.model_uuid, options, state.epoch
        )
        self._request_id = request_id
        self._trace = SessionTrace.of(state, request_id)
        self._clock = ClientClock(state.epoch, self._trace)
        self._created = datetime.datetime.now(datetime.timezone.utc)
        self._outbox: Outbox[_Outgoing] = Outbox(state.settings.outbox_messages)
        self._bucket = TokenBucket(state.settings.max_speed, state.settings.audio_burst)
        self._decoder: SampleDecoder = open_decoder(
            options.encoding, options.sample_rate, options.channels
        )
        self._channels: list[Channel[Event, Output]] = []
        self._digest = hashlib.sha256()
        self._heard_seconds = 0.0
        self._captured_at: float | None = None
        self._last_sign = 0.0
        self._draining = False
        self._waiting = anyio.CancelScope()
        self._life = anyio.CancelScope()

    def drain(self) -> None:
        """The server is going down: say the last words and leave."""
        self._draining = True
        self._waiting.cancel()

    def abort(self) -> None:
        """Leave at once, whatever is left to say."""
        self._life.cancel()

    async def run(self) -> None:
        """Serve until the end."""
        started = self._state.clock()
        if self._trace is not None:
            recognizer = self._state.scheduler.recognizer.info.name
            self._trace.begin(started, "listen", recognizer=recognizer)
        ending = GONE
        try:
            with self._life:
                async with anyio.create_task_group() as tasks:
                    self._tasks = tasks
                    ending = await self._serve()
                    tasks.cancel_scope.cancel()
        finally:
            self._decoder.close()
            self._state.metrics.closed.labels(str(ending.code)).inc()
            if self._trace is not None:
                self._trace.end(self._state.clock(), ending.code, self._heard_seconds)
            logger.info(
                "session %s ended with %d after %.1f s, %.1f s of audio",
                self._request_id,
                ending.code,
                self._state.clock() - started,
                self._heard_seconds,
            )

    async def _serve(self) -> Ending:
        written = anyio.Event()
        self._tasks.start_soon(self._write, written)
        rate, channels = self._decoder.sample_rate, self._decoder.channels
        if rate is not None and channels is not None:
            self._open_channels(channels, rate)
        try:
            ending = await self._read()
            await self._finish(ending)
            self._outbox.close()
            await written.wait()
            await self._close(ending)
        except WebSocketDisconnect:
            return GONE
        return ending

    # Reading

    async def _read(self) -> Ending:
        """Feed the channels until something ends the session."""
        settings = self._state.settings
        deadline = anyio.current_time() + settings.max_session_seconds
        self._last_sign = anyio.current_time()
        while True:
            now = anyio.current_time()
            if now >= deadline:
                return too_long(settings.max_session_seconds)
            if self._draining:
                return RESTART
            message: dict[str, object] | None = None
            wait = min(self._last_sign + settings.idle_timeout, deadline) - now
            with anyio.move_on_after(wait) as self._waiting:
                message = dict(await self._websocket.receive())
            if message is None:
                if anyio.current_time() >= self._last_sign + settings.idle_timeout:
                    return idle(settings.idle_timeout)
                continue
            ending = await self._take(message)
            if ending is not None:
                return ending

    async def _take(self, message: dict[str, object]) -> Ending | None:
        received_at = self._state.clock()
        if message["type"] == "websocket.disconnect":
            code = message.get("code")
            raise WebSocketDisconnect(code if isinstance(code, int) else 1006)
        limit = self._state.settings.max_message_bytes
        data, text = message.get("bytes"), message.get("text")
        if isinstance(data, bytes):
            if len(data) > limit:
                return oversized(len(data), limit)
            if not data:
                return ENDED
            self._digest.update(data)
            ending = await self._feed(data)
            self._last_sign = anyio.current_time()
            return ending
        assert isinstance(text, str)
        if len(text) > limit:
            return oversized(len(text), limit)
        try:
            command = deepgram.parse_command(text)
        except ProtocolError as error:
            self._tell(deepgram.error("SchemaError", str(error)))
            await self._outbox.room()
            return None
        self._last_sign = anyio.current_time()
        match command:
            case deepgram.KeepAlive(captured_at=captured_at, committed=committed, clock=clock):
                self._captured_at = captured_at or self._captured_at
                if clock is not None:
                    self._compare_clocks(clock, received_at)
                if committed:
                    self._continue(committed)
            case deepgram.Finalize():
                for channel in self._channels:
                    channel.receive(FinalizeRequested())
            case deepgram.Configure():
                self._tell(self._encoder.configure_failure())
            case deepgram.CloseStream():
                return ENDED
        await self._outbox.room()
        return None

    def _compare_clocks(self, report: ClockReport, received_at: float) -> None:
        clock = self._clock
        clock.take(report, received_at)
        self._outbox.put(
            _Outgoing(lambda now: self._encoder.clock(report, received_at, now, clock.map))
        )

    def _continue(self, words: tuple[Word, ...]) -> None:
        """Take over what an earlier connection had committed."""
        if self._heard_seconds or len(self._channels) != 1:
            self._tell(
                deepgram.error(
                    "SchemaError",
                    "KeepAlive.streamkit.committed came after audio, or the audio is not one "
                    "channel of a raw encoding; accepted: before the first audio of one",
                )
            )
            return
        self._channels[0].receive(WordsCommitted(words))

    async def _feed(self, data: bytes | None) -> Ending | None:
        """Take the next audio bytes, or with None the end of them, all the way in."""
        received_at = self._state.clock()
        captured_at, self._captured_at = self._captured_at, None
        pieces = decode(self._decoder, data)
        raw = self._options.encoding in RAW_ENCODINGS
        try:
            while True:
                # Raw samples are only looked at differently; everything else is work.
                frames = next(pieces, None) if raw else await in_thread(next, pieces, None)
                if frames is None:
                    return None
                await self._hear(frames, received_at, captured_at)
                if captured_at is not None:
                    captured_at += len(frames) / (self._decoder.sample_rate or SAMPLE_RATE)
        except AudioFormatError as error:
            return bad_audio(str(error))

    async def _hear(self, frames: Samples, received_at: float, captured_at: float | None) -> None:
        rate = self._decoder.sample_rate
        assert rate is not None
        if not self._channels:
            self._open_channels(frames.shape[1], rate)
        if not self._options.multichannel and frames.shape[1] > 1:
            frames = frames.mean(axis=1, keepdims=True, dtype=np.float32)
        step = round(MAX_PIECE_SECONDS * rate)
        for first in range(0, len(frames), step):
            piece = frames[first : first + step]
            duration = len(piece) / rate
            wait = self._bucket.take(duration, self._state.clock())
            if wait > 0:
                await anyio.sleep(wait)
            self._heard_seconds += duration
            self._state.metrics.audio.inc(duration)
            heard = await in_thread(self._digest_piece, piece)
            for channel, each in zip(self._channels, heard, strict=True):
                await channel.hear(each, received_at, captured_at)
            if captured_at is not None:
                captured_at += duration
            await self._outbox.room()

    def _digest_piece(self, piece: Samples) -> list[Heard]:
        return [
            channel.digest(np.ascontiguousarray(piece[:, index]))
            for index, channel in enumerate(self._channels)
        ]

    def _open_channels(self, count: int, rate: int) -> None:
        count = count if self._options.multichannel else 1
        self._encoder.channels = count
        options = caption_options(self._options, self._state)
        guidance = recognition_guidance(self._options)
        for index in range(count):

            def output(effect: Output, index: int = index) -> None:
                self._put(effect, index)

            self._channels.append(
                Channel(
                    self._state,
                    self._tasks,
                    CaptionSession(options),
                    rate,
                    guidance,
                    output,
                    self._request_id,
                    trace=self._trace,
                    number=index,
                )
            )

    # Ending

    async def _finish(self, ending: Ending) -> None:
        """Decode what was heard, then say what was wrong, then `Metadata`."""
        timeout = self._state.settings.finish_timeout
        errors = [ending.error]
        with anyio.move_on_after(timeout) as deadline:
            if ending.audio_ends:
                left = self._decoder.pending_bytes
                late = await self._feed(None)
                if late is not None:
                    errors.append(late.error)
                elif left and self._options.encoding in RAW_ENCODINGS:
                    errors.append(incomplete(left, self._options))
            for channel in self._channels:
                await channel.hear(channel.digest(None), self._state.clock())
                channel.receive(CloseRequested())
            for channel in self._channels:
                await channel.closed.wait()
        if deadline.cancelled_caught:
            text = f"the last words were not decoded within {timeout:g} s"
            errors.append(deepgram.error("Timeout", text))
        for error in filter(None, errors):
            self._tell(error)
        self._tell(
            self._encoder.metadata(
                self._heard_seconds,
                self._created.isoformat().replace("+00:00", "Z"),
                self._digest.hexdigest(),
            )
        )

    async def _close(self, ending: Ending) -> None:
        if self._websocket.client_state is WebSocketState.CONNECTED:
            # The peer may have left between our last message and this.
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close(ending.code, ending.reason)

    # Writing

    def _put(self, output: Output, channel: int) -> None:
        """Queue what a session says; interim transcripts give way to newer ones."""
        match output:
            case Transcript():
                replaces = None if output.is_final else channel
                self._outbox.put(
                    _Outgoing(lambda now: self._results(output, channel, now)), replaces
                )
            case SpeechBegan():
                self._tell(self._encoder.speech_started(output, channel))
            case UtteranceEnded():
                self._tell(self._encoder.utterance_end(output, channel))
            case RangeFailed(start=start, end=end, reason=reason):
                self._tell(
                    deepgram.error(
                        "RecognitionFailed",
                        f"{deepgram.in_seconds(start)} to {deepgram.in_seconds(end)} s: {reason}",
                    )
                )
            case Closed():
                pass

    def _tell(self, message: Message) -> None:
        if message["type"] == "Error":
            self._state.metrics.errors.labels(message["variant"]).inc()
        self._outbox.put(_Outgoing(lambda now: message))

    def _results(self, output: Transcript, channel: int, now: float) -> Message:
        if output.trace is not None and output.words:
            trace = self._clock.by_server(output.trace)
            self._state.metrics.observe_result(trace, now, self._state.epoch)
        if output.is_final:
            self._state.metrics.words.inc(len(output.words))
        if self._trace is not None:
            self._trace.caption(output, channel, now)
        return self._encoder.results(output, channel, now)

    async def _write(self, written: anyio.Event) -> None:
        """Send what is queued; a peer that does not take it in time ends the session."""
        timeout = self._state.settings.send_timeout
        try:
            while (outgoing := await self._outbox.get()) is not None:
                message = outgoing.make(self._state.clock())
                with anyio.fail_after(timeout):
                    await self._websocket.send_text(json.dumps(message, separators=(",", ":")))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            self.abort()
        finally:
            written.set()
