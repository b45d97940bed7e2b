"""Live captions from a server: audio in, words out, over connections that may drop."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from types import TracebackType

import anyio
import numpy as np
import websockets
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection

from streamkit.client.backoff import Backoff
from streamkit.client.clock_exchange import ClockExchange
from streamkit.client.event_queue import EventQueue
from streamkit.client.events import (
    ClockAnswered,
    Event,
    Finished,
    Reconnected,
    Transcript,
    Word,
    parse_event,
)
from streamkit.client.handshake import CLOSE_SECONDS, place
from streamkit.client.options import StreamOptions
from streamkit.client.reconnect import Reconnector, close_reason
from streamkit.client.replay import BYTES_PER_SAMPLE, KEEP_SECONDS, FinalizeMark, ReplayBuffer
from streamkit.errors import (
    AudioFormatError,
    ConnectionLostError,
)
from streamkit.latency.clock import ClockMap

KEEPALIVE_SECONDS = 4.0
"""Silence of the client after which it says that it is still there (servers wait about 10 s)."""

MAX_UNSENT_SECONDS = 2.0
"""Audio that may wait for the socket before `send` waits (only with `live=False`)."""

FINISH_SILENCE_SECONDS = 120.0
"""After CloseStream, silence of the server for so long counts as a failure."""

FATAL_CLOSE_CODES = frozenset({1002, 1003, 1007, 1008, 1009, 1010})
"""The server refuses what this client sends; sending it again would change nothing."""


class CaptionConnection:
    """One stream of audio to `/v1/listen` of a streamkit or Deepgram server.

    ::

        async with CaptionConnection("ws://127.0.0.1:8000", key=key) as captions:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(feed, captions)  # send(...) and at the end finish()
                async for event in captions:
                    ...

    When the connection drops it is opened again with back-off, and the audio since the
    last final is sent again; all times count from the first sample of the stream. The
    events `Reconnecting` and `Reconnected` tell of it, and of audio that was lost.
    A streamkit server is told which words were committed behind the last final and
    continues them; another one may decode those differently.

    Args:
        url: the server, as `StreamOptions.url` takes it.
        key: API key, sent in the `Authorization` header; None sends none.
        options: what the server is asked for.
        live: True for a source that cannot wait: `send` returns at once, and a buffer
            of `keep_seconds` bridges outages. False for a file: `send` waits for the server.
        keep_seconds: bound on the audio that is kept for a replay.
        backoff: waits between attempts to reconnect.
        chance: source of random numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        options: StreamOptions | None = None,
        live: bool = True,
        keep_seconds: float = KEEP_SECONDS,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.options = options or StreamOptions()
        self.url = self.options.url(url)
        headers = {} if key is None else {"Authorization": f"Token {key}"}
        self._reconnector = Reconnector(
            self.url, headers, live=live, backoff=backoff, chance=chance
        )
        self._live = live
        self._replay = ReplayBuffer(self.options.sample_rate, keep_seconds)
        self._events = EventQueue()
        self._committed: tuple[Word, ...] = ()
        self._clock = ClockExchange()
        self._finishing = False
        self._heard = 0
        self._abandoned: str | None = None
        self._hopeless = False
        self._error: Exception | None = None
        self._work = anyio.Event()
        self._room = anyio.Event()
        self._ended = anyio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> CaptionConnection:
        """Open the connection.

        Raises:
            ConfigurationError: the server refuses this address, key or option (HTTP 4xx).
            ConnectionLostError: the server is not there, or has no room (HTTP 5xx).
        """
        socket = await self._reconnector.open()
        self._task = asyncio.create_task(self._run(socket))
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection; without `finish` before it, what is not final yet is lost."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @property
    def clock(self) -> ClockMap:
        """The server's clock by this machine's, as far as a streamkit server has told it."""
        return self._clock.map

    async def send(
        self, audio: bytes | NDArray[np.int16], captured_at: float | None = None
    ) -> None:
        """Send mono audio at the sample rate of the options.

        Args:
            audio: linear16 bytes (little-endian), or int16 samples of shape (n,).
            captured_at: Unix time of the first sample, for the latency reports.

        Raises:
            AudioFormatError: the audio is neither.
            ConnectionLostError: the connection was lost for good.
            ConfigurationError: the server refused it when it was opened again.
        """
        self._raise_error()
        if self._finishing:
            raise RuntimeError("send() after finish(): the stream has ended")
        self._replay.append(_linear16(audio), captured_at)
        self._work.set()
        await anyio.lowlevel.checkpoint()
        if not self._live:
            bound = MAX_UNSENT_SECONDS * self.options.sample_rate
            while self._replay.unsent > bound and not self._ended.is_set():
                await self._room.wait()
            self._raise_error()

    async def finalize(self) -> None:
        """Ask for a final of everything sent so far; the answer has `from_finalize`."""
        self._raise_error()
        self._replay.finalize()
        self._work.set()
        await anyio.lowlevel.checkpoint()

    async def finish(self) -> None:
        """End the stream; returns when the last finals and `Finished` have arrived.

        Raises:
            ConnectionLostError: the server did not deliver them.
        """
        self._finishing = True
        self._work.set()
        await self._ended.wait()
        self._raise_error()

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Iterate over the events until `Finished`.

        Raises:
            ConnectionLostError: the connection was lost for good.
            ConfigurationError: the server refused it when it was opened again.
            ProtocolError: the server sent what the protocol does not allow.
        """
        while (event := await self._events.get()) is not None:
            yield event
        self._raise_error()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    async def _run(self, socket: ClientConnection) -> None:
        """Keep the stream going over one connection after the other."""
        try:
            while (lost := await self._drive(socket)) is not None:
                socket = await self._reconnect(lost)
        except Exception as error:
            self._error = error
        finally:
            self._events.close()
            self._ended.set()
            self._room.set()
            # A socket full of audio that nobody reads never gets as far as closing politely.
            try:
                with anyio.move_on_after(CLOSE_SECONDS):
                    await socket.close()
            finally:
                # Whoever leaves does not wait for that, and cancels it.
                socket.transport.abort()

    async def _drive(self, socket: ClientConnection) -> str | None:
        """Use one connection until its end: None when the stream is finished, else a reason."""
        self._abandoned = None
        self._clock = ClockExchange()
        return await self._reconnector.use(
            partial(self._send_all, socket), partial(self._receive_all, socket)
        )

    async def _receive_all(self, socket: ClientConnection) -> str | None:
        try:
            while True:
                message = await socket.recv()
                self._heard += 1
                event = parse_event(message, self._replay.offset_seconds, self._replay.utterance)
                if isinstance(event, Finished) and not self._finishing:
                    continue
                if event is None:
                    continue
                if isinstance(event, ClockAnswered):
                    times = (event.sent_at, event.received_at, event.answered_at)
                    self._clock.answered(*times, time.time())
                    continue
                if isinstance(event, Transcript):
                    self._clock.ours = self._clock.ours or event.latency is not None
                    self._reconnector.recovered()
                self._replay.observe(event)
                await self._events.put(event)
                if isinstance(event, Finished):
                    return None
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            reason = self._abandoned or close_reason(closed)
            if self._hopeless or code in FATAL_CLOSE_CODES:
                raise ConnectionLostError(
                    f"the server at {place(self.url)} ended the stream: {reason}; "
                    "the same audio would end the same way, so there was no new attempt"
                ) from closed
            return reason

    async def _send_all(self, socket: ClientConnection) -> None:
        # A connection that ends while sending ends the receiving side too, which tells why.
        with contextlib.suppress(websockets.ConnectionClosed):
            if self._committed:
                await socket.send(_continue(self._committed, self._replay.offset_seconds))
            while True:
                if self._replay.overrun:
                    self._abandoned = "the connection was too slow for the audio"
                    socket.transport.abort()
                    return
                if (clock := self._clock.question(time.time())) is not None:
                    own: dict[str, object] = {"clock": clock}
                    await socket.send(json.dumps({"type": "KeepAlive", "streamkit": own}))
                match self._replay.next():
                    case None if self._finishing:
                        await socket.send('{"type":"CloseStream"}')
                        await self._watch_for_silence(socket)
                        return
                    case None:
                        self._work = anyio.Event()
                        with anyio.move_on_after(KEEPALIVE_SECONDS) as idle:
                            await self._work.wait()
                        if idle.cancelled_caught:
                            await socket.send('{"type":"KeepAlive"}')
                    case FinalizeMark():
                        await socket.send('{"type":"Finalize"}')
                    case piece:
                        if piece.captured_at is not None:
                            own = {"captured_at": piece.captured_at}
                            await socket.send(json.dumps({"type": "KeepAlive", "streamkit": own}))
                        await socket.send(piece.data)
                        self._room.set()
                        self._room = anyio.Event()

    async def _watch_for_silence(self, socket: ClientConnection) -> None:
        heard = -1
        while heard != self._heard:
            heard = self._heard
            await anyio.sleep(FINISH_SILENCE_SECONDS)
        self._abandoned = f"nothing came for {FINISH_SILENCE_SECONDS:.0f} s after its last audio"
        self._hopeless = True
        socket.transport.abort()

    async def _reconnect(self, reason: str) -> ClientConnection:
        self._replay.interrupt()
        socket = await self._reconnector.reopen(reason, self._events.put)
        start = self._replay.restart()
        self._committed = start.committed
        rate = self.options.sample_rate
        await self._events.put(
            Reconnected(self._reconnector.attempt, start.replayed / rate, start.lost / rate)
        )
        return socket


def _continue(words: Sequence[Word], offset: float) -> str:
    """The message that tells a new connection which words stand already."""
    committed = [
        [word.punctuated, round(word.start - offset, 3), round(word.end - offset, 3)]
        for word in words
    ]
    return json.dumps({"type": "KeepAlive", "streamkit": {"committed": committed}})


def _linear16(audio: bytes | NDArray[np.int16]) -> bytes:
    if isinstance(audio, np.ndarray):
        if audio.dtype != np.int16 or audio.ndim != 1:
            raise AudioFormatError(
                f"got an array of {audio.dtype} with shape {audio.shape}; "
                "send int16 samples of shape (n,), one channel"
            )
        return audio.astype("<i2", copy=False).tobytes()
    if len(audio) % BYTES_PER_SAMPLE:
        raise AudioFormatError(
            f"got {len(audio)} bytes; linear16 has two bytes per sample, so send an even number"
        )
    return bytes(audio)
