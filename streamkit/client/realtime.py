"""A conversation's connection to a Realtime server, which may drop and come back."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from types import TracebackType
from urllib.parse import urlencode, urlsplit, urlunsplit

import anyio
import websockets
from websockets.asyncio.client import ClientConnection

from streamkit.client.backoff import Backoff
from streamkit.client.clock_exchange import ClockExchange
from streamkit.client.events import ClockAnswered, Reconnected
from streamkit.client.handshake import place
from streamkit.client.realtime_events import RealtimeEvent, SessionConfigured, parse_event
from streamkit.client.realtime_messages import Message, ask_clock
from streamkit.client.reconnect import Reconnector, close_reason
from streamkit.errors import ConfigurationError, ConnectionLostError
from streamkit.latency.clock import ClockMap

REALTIME_PATH = "/v1/realtime"

MAX_UNSENT = 512
"""Messages that may wait for the socket: some 15 s of sound. A server that lags so far behind
is left, and a new connection begins with what is said then."""

MAX_EVENTS = 256
"""Events that may wait for the caller; then the socket is not read either."""

LEAVE_SECONDS = 0.3
"""Bound on the closing handshake: whoever leaves a conversation leaves at once."""

FATAL_CLOSE_CODES = frozenset({1002, 1003, 1007, 1008, 1009, 1010, 3000, 4000})
"""The server refuses this client; coming back would change nothing."""

_SCHEMES = {"ws": "ws", "wss": "wss", "http": "ws", "https": "wss"}


def realtime_url(server: str, model: str | None = None) -> str:
    """Return the WebSocket address of a conversation with `model` on `server`.

    Args:
        server: `ws://`, `wss://`, `http://` or `https://` and a host; `/v1/realtime` is added
            where the address has no path of its own.
        model: name of the server's; None: the server chooses.

    Raises:
        ConfigurationError: the address is none.
    """
    parts = urlsplit(server)
    scheme = _SCHEMES.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ConfigurationError(
            f"{server!r} is no server address; give one like ws://127.0.0.1:8000 "
            "or https://talk.example.org"
        )
    path = parts.path if parts.path.strip("/") else REALTIME_PATH
    asked = urlencode({"model": model}) if model else ""
    query = "&".join(filter(None, [parts.query, asked]))
    return urlunsplit((scheme, parts.netloc, path, query, ""))


class RealtimeConnection:
    """Messages to a Realtime server, and its events.

    ::

        async with RealtimeConnection("ws://127.0.0.1:8000", opening=lambda: [update]) as talk:
            talk.send(append(samples, captured_at, None, ended=False))
            async for event in talk:
                ...

    When the connection drops it is opened again with back-off; `Reconnecting` and `Reconnected`
    tell of it. The server knows nothing of the session before, so each connection begins with the
    messages that `opening` returns then; what is sent while there is none is dropped, since
    nobody wants an answer to what was said a minute ago.

    Args:
        url: the server, as `realtime_url` takes it.
        key: API key, sent in the `Authorization` header; None sends none.
        model: name of the server's model; None: the server chooses.
        opening: makes the messages that begin every connection.
        backoff: waits between attempts to reconnect.
        chance: source of random numbers in [0, 1) for the jitter.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        model: str | None = None,
        opening: Callable[[], Iterable[Message]] = tuple,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.url = realtime_url(url, model)
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        self._reconnector = Reconnector(
            self.url, headers, live=True, backoff=backoff, chance=chance
        )
        self._opening = opening
        self._unsent: deque[Message] = deque()
        self._work = anyio.Event()
        self._connected = False
        self._clock = ClockExchange()
        self._abandoned: str | None = None
        self._error: Exception | None = None
        self._events: asyncio.Queue[RealtimeEvent | None] = asyncio.Queue(MAX_EVENTS)
        self._task: asyncio.Task[None] | None = None
        self._socket: ClientConnection

    async def __aenter__(self) -> RealtimeConnection:
        """Open the connection.

        Raises:
            ConfigurationError: the server refuses this address or key (HTTP 4xx).
            ConnectionLostError: the server is not there, or has no room (HTTP 5xx).
        """
        self._socket = await self._reconnector.open()
        self._begin()
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connection at once."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    @property
    def connected(self) -> bool:
        """Whether what is sent now goes out."""
        return self._connected

    @property
    def clock(self) -> ClockMap:
        """The server's clock by this machine's, as far as a streamkit server has told it."""
        return self._clock.map

    def send(self, message: Message) -> bool:
        """Send a message as soon as the socket takes it; False: there is no connection.

        Why there is none, and whether it may come back, the iteration over the events tells.
        """
        if not self._connected:
            return False
        self._unsent.append(message)
        if len(self._unsent) > MAX_UNSENT:
            self._abandoned = "the server did not take the sound as fast as it came"
            self._connected = False
            self._socket.transport.abort()
        self._work.set()
        return True

    async def __aiter__(self) -> AsyncIterator[RealtimeEvent]:
        """Iterate over the events; ends only with an error.

        Raises:
            ConnectionLostError: the connection was lost for good.
            ConfigurationError: the server refused it when it was opened again.
            ProtocolError: the server sent what the protocol does not allow.
        """
        while (event := await self._events.get()) is not None:
            yield event
        if self._error is not None:
            raise self._error

    def _begin(self) -> None:
        """Start a connection's output with its opening messages."""
        self._unsent = deque(self._opening())
        self._clock = ClockExchange()
        self._abandoned = None
        self._connected = True

    async def _run(self) -> None:
        """Keep the conversation going over one connection after the other."""
        try:
            while True:
                reason = await self._reconnector.use(
                    partial(self._send_all, self._socket), partial(self._receive_all, self._socket)
                )
                self._connected = False
                self._socket = await self._reconnector.reopen(reason, self._events.put)
                # Told before anything of the new session is.
                await self._events.put(Reconnected(self._reconnector.attempt, 0.0, 0.0))
                self._begin()
        except Exception as error:
            self._error = error
            self._connected = False
            await self._events.put(None)
        finally:
            self._connected = False
            with anyio.move_on_after(LEAVE_SECONDS, shield=True):
                await self._socket.close()
            self._socket.transport.abort()

    async def _receive_all(self, socket: ClientConnection) -> str:
        try:
            while True:
                event = parse_event(await socket.recv())
                match event:
                    case None:
                        continue
                    case ClockAnswered(sent_at, received_at, answered_at):
                        self._clock.answered(sent_at, received_at, answered_at, time.time())
                        continue
                    case SessionConfigured(ours=True):
                        self._clock.ours = True
                await self._events.put(event)
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
            reason = self._abandoned or close_reason(closed)
            if code in FATAL_CLOSE_CODES:
                raise ConnectionLostError(
                    f"the server at {place(self.url)} ended the conversation: {reason}"
                ) from closed
            return reason

    async def _send_all(self, socket: ClientConnection) -> None:
        # A connection that ends while sending ends the receiving side too, which tells why.
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                while self._unsent:
                    await socket.send(json.dumps(self._unsent.popleft()))
                if (clock := self._clock.question(time.time())) is not None:
                    await socket.send(json.dumps(ask_clock(clock)))
                    continue
                self._work = anyio.Event()
                await self._work.wait()
