"""One connection after the other: using one to its end, and opening the next with back-off."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import anyio
import websockets
from websockets.asyncio.client import ClientConnection

from streamkit.client.backoff import Backoff
from streamkit.client.events import Reconnecting
from streamkit.client.handshake import open_socket, place
from streamkit.errors import ConnectionLostError, StreamkitError

T = TypeVar("T")

STABLE_SECONDS = 10.0
"""A connection that lasted so long starts the back-off anew."""


class Reconnector:
    """The outages of one client, and its way back.

    Args:
        url: complete `ws://` or `wss://` address.
        headers: further request headers.
        live: see `open_socket`.
        backoff: waits between attempts.
        chance: source of random numbers in [0, 1) for the jitter.

    Attributes:
        attempt: number of the newest attempt of this outage; 0 after a recovery.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        live: bool,
        backoff: Backoff | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.attempt = 0
        self._url = url
        self._headers = headers
        self._live = live
        self._backoff = backoff or Backoff()
        self._chance = chance
        self._outage_began: float | None = None

    async def open(self) -> ClientConnection:
        """Open the connection, at once or not at all; see `open_socket`."""
        return await open_socket(self._url, self._headers, self._live)

    def recovered(self) -> None:
        """The connection works: the next outage is a new one."""
        self.attempt = 0
        self._outage_began = None

    async def use(
        self, send: Callable[[], Coroutine[Any, Any, None]], receive: Callable[[], Awaitable[T]]
    ) -> T:
        """Use one connection until its end.

        Args:
            send: sends what there is to send; cancelled at the end.
            receive: takes what comes; how it ends says how the connection did.

        Returns:
            What `receive` does.

        Raises:
            StreamkitError: what `receive` does.
        """
        began = anyio.current_time()
        failure: StreamkitError | None = None
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(send)
            # Raised outside of the task group, so that it is not wrapped in an exception group.
            try:
                outcome = await receive()
            except StreamkitError as error:
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure
        if anyio.current_time() - began >= STABLE_SECONDS:
            self.recovered()
        return outcome

    async def reopen(
        self, reason: str, tell: Callable[[Reconnecting], Awaitable[None]]
    ) -> ClientConnection:
        """Open the connection again, as often as the back-off allows.

        Args:
            reason: why it was lost.
            tell: takes the news of each attempt before it is waited for.

        Raises:
            ConnectionLostError: the server has not come back.
            ConfigurationError: the server refuses this client now.
        """
        while True:
            now = anyio.current_time()
            if self._outage_began is None:
                self._outage_began = now
            elapsed = now - self._outage_began
            delay = self._backoff.delay(self.attempt + 1, elapsed, self._chance())
            if delay is None:
                raise ConnectionLostError(
                    f"lost the connection to {place(self._url)} ({reason}) and gave up after "
                    f"{self.attempt} attempts in {elapsed:.0f} s; check that the server runs, "
                    "then start again"
                )
            self.attempt += 1
            await tell(Reconnecting(self.attempt, delay, reason))
            await anyio.sleep(delay)
            try:
                return await self.open()
            except ConnectionLostError as error:
                reason = str(error)


def close_reason(closed: websockets.ConnectionClosed) -> str:
    """Why the peer closed a connection, as far as it said so."""
    if closed.rcvd is None:
        return "the connection broke without a closing message"
    return f"close code {closed.rcvd.code} {closed.rcvd.reason}".rstrip()
