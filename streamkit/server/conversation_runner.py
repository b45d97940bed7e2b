"""Runs one `/v1/realtime` session: the socket on one side, the pure conversation on the other.

One task reads and feeds, one writes, one gives the conversation its time; each reply has a task
that thinks and one that speaks, each pass of the recognizer one that waits. All of them are
children of one task group, so that nothing is left when the connection is gone. The order in which
things are told is the conversation's; here they are only carried out.

The person's sound goes the way it goes in `/v1/listen`, with the same bounds: the reader waits
while the ring is full, and while the client does not read what it is told. The model waits for
such a client as well. Sound does not, since it is due when it is due: a client to which messages
come later than `send_timeout` is left.
"""

from __future__ import annotations

import contextlib
import logging
from functools import partial

import anyio
import anyio.abc
from anyio.lowlevel import checkpoint
from anyio.to_thread import run_sync as in_thread
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from streamkit.asr.recognizer import Guidance, Task
from streamkit.audio.clock import seconds
from streamkit.protocols.openai_realtime import (
    AppendAudio,
    ClientEvent,
    EventError,
    NewItem,
    SessionConfig,
    SessionUpdate,
    check_whole_samples,
    parse,
)
from streamkit.server.channel import MAX_PIECE_SECONDS, Channel, Heard, Samples
from streamkit.server.clocked import Clocked
from streamkit.server.endings import GONE, RESTART, Ending
from streamkit.server.identifiers import make_id
from streamkit.server.item_audio import ItemAudio
from streamkit.server.limits import TokenBucket
from streamkit.server.options import conversation_options
from streamkit.server.replies import Replies
from streamkit.server.sound import LAYOUTS
from streamkit.server.state import ServerState
from streamkit.server.teller import Teller
from streamkit.server.tracing import SessionTrace
from streamkit.server.voice import Speaker
from streamkit.session.commands import ClearAudio, CommitAudio, Configure
from streamkit.session.conversation import Conversation
from streamkit.session.conversation_effects import (
    Abandon,
    ConversationClosed,
    ForgetAudio,
    Generate,
    JudgeTurn,
    Said,
    SendSound,
    Synthesize,
    TranscribeItem,
)
from streamkit.session.conversation_events import ConversationEvent, TimePassed, TurnJudged
from streamkit.session.events import CloseRequested
from streamkit.vad.smart_turn import LOOK_BACK

logger = logging.getLogger("streamkit.realtime")

SILENCE = seconds(0.2)
"""After a turn that the detector of turns is given too; so much was there when it learned."""

THREAD_CHARACTERS = 1 << 16
"""A longer event is read in a worker thread: megabytes of base64 take a while."""

VOICE = '"voice"'
"""An event that has one is read there too: names of voices are looked up by an engine."""

Effect = Generate | Synthesize | Abandon | JudgeTurn | TranscribeItem | ForgetAudio | Said
"""What a conversation wants of its runner; decoding is the channel's business."""


class ConversationSession:
    """One connection.

    Args:
        state: of the server.
        websocket: accepted.
        config: what the session begins with.
    """

    def __init__(self, state: ServerState, websocket: WebSocket, config: SessionConfig) -> None:
        settings = state.settings
        self._state = state
        self._websocket = websocket
        self._config = config
        self._trace = SessionTrace.of(state, config.session_id)
        self._teller = Teller(state, websocket, self._trace)
        self._bucket = TokenBucket(settings.max_speed, settings.audio_burst)
        self._conversation = Clocked(
            Conversation(
                config.options,
                conversation_options(state),
                make_id=make_id,
                listens=state.turn_detector is not None,
            ),
            state.clock,
        )
        self._heard_seconds = 0.0
        self._draining = False
        self._waiting = anyio.CancelScope()
        self._life = anyio.CancelScope()

    def drain(self) -> None:
        """The server is going down: finish what is being said, and leave."""
        self._draining = True
        self._waiting.cancel()

    def abort(self) -> None:
        """Leave at once, whatever is left to say."""
        self._life.cancel()

    async def run(self) -> None:
        """Serve until the end."""
        started = self._state.clock()
        if self._trace is not None:
            self._trace.begin(
                started,
                "realtime",
                recognizer=self._state.scheduler.recognizer.info.name,
                reply_model=self._state.reply_model(self._config.model),
                voice=self._state.speech.name,
            )
        ending = GONE
        try:
            with self._life:
                async with anyio.create_task_group() as tasks:
                    self._open(tasks)
                    ending = await self._serve()
                    tasks.cancel_scope.cancel()
        finally:
            self._state.metrics.closed.labels(str(ending.code)).inc()
            if self._trace is not None:
                self._trace.end(self._state.clock(), ending.code, self._heard_seconds)
            logger.info(
                "session %s ended with %d after %.1f s, %.1f s of audio",
                self._config.session_id,
                ending.code,
                self._state.clock() - started,
                self._heard_seconds,
            )

    def _open(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks
        state, session_id = self._state, self._config.session_id
        self._channel: Channel[ConversationEvent, Effect] = Channel(
            state,
            tasks,
            self._conversation,
            self._config.input_rate,
            self._guidance,
            self._carry_out,
            session_id,
            history=0 if state.turn_detector is None else LOOK_BACK,
            trace=self._trace,
        )
        self._replies = Replies(
            tasks,
            state.chat_model,
            Speaker(state.speech, threads=state.voice_threads),
            state.settings.llm_context_tokens,
            self._channel.receive,
            self._teller.room,
            state.settings.llm_models,
        )
        self._item_audio = ItemAudio(state, tasks, self._channel.receive, session_id)

    async def _serve(self) -> Ending:
        written = anyio.Event()
        self._tasks.start_soon(self._write, written)
        self._tasks.start_soon(self._keep_time)
        self._teller.created(self._config)
        try:
            ending = await self._read()
            self._teller.close()
            await written.wait()
            await self._close(ending)
        except WebSocketDisconnect:
            return GONE
        return ending

    async def _write(self, written: anyio.Event) -> None:
        """Send; a client that has left, or does not take what it is told, ends the session."""
        try:
            await self._teller.write()
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            self.abort()
        finally:
            written.set()

    # Reading

    async def _read(self) -> Ending:
        """Take events until something ends the session."""
        settings = self._state.settings
        deadline = anyio.current_time() + settings.max_conversation_seconds
        leaving = False
        while True:
            if self._draining and not leaving:
                leaving = True
                self._channel.receive(CloseRequested())
            if self._channel.closed.is_set():
                return RESTART
            if anyio.current_time() >= deadline:
                return self._expired()
            message: dict[str, object] | None = None
            with anyio.move_on_at(deadline) as self._waiting:
                message = dict(await self._websocket.receive())
            if message is None:
                continue
            if message["type"] == "websocket.disconnect":
                code = message.get("code")
                raise WebSocketDisconnect(code if isinstance(code, int) else 1006)
            if leaving:
                # What is being said is said to its end, and nothing new begins.
                continue
            ending = await self._take(message, self._state.clock())
            if ending is not None:
                return ending
            await self._teller.room()

    async def _take(self, message: dict[str, object], received_at: float) -> Ending | None:
        text = message.get("text")
        limit = self._state.settings.max_event_bytes
        try:
            if not isinstance(text, str):
                raise EventError(
                    "a binary frame was given; accepted: events as JSON in text frames, with "
                    "sound in base64 in input_audio_buffer.append",
                    code="invalid_event",
                )
            if len(text) > limit:
                return self._oversized(len(text), limit)
            await self._obey(await self._parse(text), received_at)
        except EventError as error:
            self._teller.error(error)
        return None

    async def _parse(self, text: str) -> ClientEvent:
        if len(text) > THREAD_CHARACTERS or VOICE in text:
            return await in_thread(parse, text, make_id, self._config)
        return parse(text, make_id, self._config)

    async def _obey(self, event: ClientEvent, received_at: float) -> None:
        match event:
            case SessionUpdate(event_id=event_id):
                await self._update(event)
                self._channel.receive(Configure(event_id, self._config.options))
            case AppendAudio():
                await self._append(event, received_at)
            case NewItem(command=command):
                self._item_audio.offer(event, self._config, self._guidance)
                self._channel.receive(command)
                self._item_audio.decline()
            case CommitAudio() | ClearAudio():
                # The end of what was said must not wait for what comes next.
                heard = await in_thread(self._channel.digest, None)
                await self._channel.hear(heard, received_at)
                self._channel.receive(event)
            case _:
                self._channel.receive(event)

    async def _update(self, update: SessionUpdate) -> None:
        """Take over a changed session.

        Raises:
            EventError: it cannot be had; everything stays as it was.
        """
        try:
            # Names of voices are looked up by an engine.
            config = await in_thread(self._config.update, update.patch)
        except EventError as error:
            raise error.caused_by(update.event_id) from None
        if config.input_rate != self._config.input_rate:
            self._channel.change_rate(config.input_rate)
        self._config = config
        self._channel.guidance = self._guidance
        self._teller.updated(config)

    @property
    def _guidance(self) -> Guidance:
        """What the client has said about the person's speech."""
        config = self._config
        return Guidance(
            config.options.language,
            Task.TRANSCRIBE,
            config.transcription_keywords,
            config.transcription_prompt,
        )

    async def _append(self, event: AppendAudio, received_at: float) -> None:
        if event.clock is not None:
            self._teller.compare_clocks(event.clock, received_at)
        for report in event.played:
            self._channel.receive(report)
        encoding, rate = self._config.input_encoding, self._config.input_rate
        try:
            check_whole_samples(event.audio, encoding)
        except EventError as error:
            raise error.caused_by(event.event_id) from None
        width = LAYOUTS[encoding].width
        step = round(MAX_PIECE_SECONDS * rate) * width
        captured_at = event.captured_at
        for first in range(0, len(event.audio), step):
            piece = event.audio[first : first + step]
            duration = len(piece) / (width * rate)
            wait = self._bucket.take(duration, self._state.clock())
            if wait > 0:
                await anyio.sleep(wait)
            self._heard_seconds += duration
            self._state.metrics.audio.inc(duration)
            heard = await in_thread(partial(self._digest, piece, encoding))
            await self._channel.hear(heard, received_at, captured_at)
            if captured_at is not None:
                captured_at += duration

    def _digest(self, piece: bytes, encoding: str) -> Heard:
        return self._channel.digest(LAYOUTS[encoding].to_float(piece))

    # Time

    async def _keep_time(self) -> None:
        """Tell the conversation when its time has come."""
        while True:
            await self._conversation.due()
            self._channel.receive(TimePassed())
            # Others have their turn, even if there is more to do at once.
            await checkpoint()

    # Carrying out

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Generate():
                self._replies.begin(effect, self._config)
            case Synthesize():
                self._replies.say(effect)
            case Abandon(generation=generation):
                self._replies.abandon(generation)
            case JudgeTurn(pause=pause, start=start, end=end):
                turn = self._channel.recall(max(start, end - LOOK_BACK), end + SILENCE)
                self._tasks.start_soon(self._judge, pause, turn)
            case TranscribeItem():
                self._item_audio.transcribe(effect)
            case ForgetAudio(item_id=item_id):
                self._item_audio.forget(item_id)
            case SendSound():
                self._teller.play(effect, *self._replies.take(effect))
            case ConversationClosed():
                self._waiting.cancel()
            case _:
                self._teller.say(effect, self._config)

    async def _judge(self, pause: int, turn: Samples) -> None:
        """Let the network hear a turn; one that fails leaves it to the words."""
        detector = self._state.turn_detector
        assert detector is not None
        try:
            probability = await in_thread(detector.probability, turn)
        except Exception as error:
            logger.warning("the turn detector failed with %s", type(error).__name__)
        else:
            self._channel.receive(TurnJudged(pause, probability))

    # Ending

    def _oversized(self, length: int, limit: int) -> Ending:
        text = f"an event of {length} characters was given; accepted: up to {limit}: send less"
        self._teller.error(EventError(text, code="event_too_large"))
        return Ending(1009, "message too big")

    def _expired(self) -> Ending:
        limit = self._state.settings.max_conversation_seconds
        text = f"a session lasts at most {limit:g} s; connect again"
        self._teller.error(EventError(text, code="session_expired"))
        return Ending(1008, text)

    async def _close(self, ending: Ending) -> None:
        if self._websocket.client_state is WebSocketState.CONNECTED:
            # The peer may have left between our last message and this.
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._websocket.close(ending.code, ending.reason)
