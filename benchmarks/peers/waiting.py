"""Talks to the peers' WebSockets, and knows when to leave one that does not say that it is done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed


def connected(url: str) -> connect:
    """A connection without limits and pings of its own: a server may be busy for long."""
    return connect(url, compression=None, ping_interval=None, max_size=None)


async def messages(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """What the server says, until one of the two hangs up."""
    try:
        async for message in socket:
            yield json.loads(message)
    except ConnectionClosed:
        pass


class Quiet:
    """Waits until nothing has been heard for some time.

    Args:
        seconds: how long that is.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard = anyio.current_time()

    def heard(self) -> None:
        """Something has come: the time counts from now."""
        self._heard = anyio.current_time()

    async def wait(self) -> None:
        """Return once it has been quiet, the time before this call not counted."""
        self.heard()
        while True:
            left = self._heard + self._seconds - anyio.current_time()
            if left <= 0:
                return
            await anyio.sleep(left)
