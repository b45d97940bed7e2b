"""How a replayed client reaches a server: inside this process, or over a socket."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import anyio
from starlette.applications import Starlette
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from streamkit.errors import ReplayError
from streamkit.server.outbox import Outbox

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over, by the server's will."""

    code: int


class Wire(Protocol):
    """An open connection."""

    async def send(self, message: str | bytes) -> None:
        """Send; what comes too late is lost without a word."""

    async def receive(self) -> str | Ended:
        """Wait for the next message."""

    async def leave(self) -> None:
        """Go without a word, as a network does that is cut."""


@asynccontextmanager
async def over_socket(url: str, path: str, query: Query, key: str | None) -> AsyncIterator[Wire]:
    """Connect to a server that listens.

    Args:
        url: `ws://HOST:PORT` or `wss://…`.
        path: of the endpoint.
        query: its parameters.
        key: that the server wants; None: none.

    Raises:
        ReplayError: it cannot be reached, or refuses.
    """
    try:
        connection = await connect(
            f"{url.rstrip('/')}{path}?{urlencode(query)}",
            additional_headers={} if key is None else {"Authorization": f"Bearer {key}"},
            max_size=None,
            ping_interval=None,
            compression=None,
            proxy=None,
        )
    except InvalidStatus as error:
        body = error.response.body.decode("utf-8", "replace")
        raise _refused(error.response.status_code, body) from error
    except (OSError, WebSocketException) as error:
        raise ReplayError(f"{url} cannot be reached: {error}") from error
    try:
        yield _Socket(connection)
    finally:
        with anyio.CancelScope(shield=True):
            connection.transport.abort()
            await connection.wait_closed()


class _Socket:
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, message: str | bytes) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send(message)

    async def receive(self) -> str | Ended:
        try:
            message = await self._connection.recv()
        except ConnectionClosed as error:
            return Ended(1006 if error.rcvd is None else error.rcvd.code)
        return message if isinstance(message, str) else message.decode()

    async def leave(self) -> None:
        self._connection.transport.abort()


@asynccontextmanager
async def inside(app: Starlette, path: str, query: Query) -> AsyncIterator[Wire | ReplayError]:
    """Connect to an application in this event loop, without a socket.

    Gives the error if it refuses: an exception would come out as a group of them.
    """
    async with anyio.create_task_group() as tasks:
        wire = _Inside()
        tasks.start_soon(wire.serve, app, path, query)
        await wire.answered.wait()
        yield wire.refused or wire
        await wire.leave()
        # The server's session ends by itself, with all that it has to do then.
        await wire.over.wait()


class _Inside:
    """Both ends of a connection, and no network between them."""

    def __init__(self) -> None:
        self.answered = anyio.Event()
        self.over = anyio.Event()
        self.refused: ReplayError | None = None
        self._status = 0
        # A network holds a lot too.
        self._down: Outbox[str | Ended] = Outbox(sys.maxsize)
        self._up: Outbox[dict[str, Any]] = Outbox(sys.maxsize)
        self._up.put({"type": "websocket.connect"})

    async def send(self, message: str | bytes) -> None:
        kind = "text" if isinstance(message, str) else "bytes"
        self._up.put({"type": "websocket.receive", kind: message})

    async def receive(self) -> str | Ended:
        message = await self._down.get()
        assert message is not None
        return message

    async def leave(self) -> None:
        self._up.put({"type": "websocket.disconnect", "code": 1006})

    async def serve(self, app: Starlette, path: str, query: Query) -> None:
        """The server's end, until its session is over."""
        scope = {
            "type": "websocket",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "ws",
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [],
            "subprotocols": [],
            "client": ("127.0.0.1", 0),
            "server": ("127.0.0.1", 0),
            "extensions": {"websocket.http.response": {}},
        }
        try:
            await app(scope, self._next, self._take)
        finally:
            self._down.put(Ended(1006))
            self.answered.set()
            self.over.set()

    async def _next(self) -> dict[str, Any]:
        message = await self._up.get()
        assert message is not None
        return message

    async def _take(self, message: Any) -> None:
        match message["type"]:
            case "websocket.accept":
                self.answered.set()
            case "websocket.send":
                self._down.put(message["text"])
            case "websocket.close":
                self._down.put(Ended(message.get("code", 1000)))
            case "websocket.http.response.start":
                self._status = message["status"]
            case "websocket.http.response.body":
                self.refused = _refused(self._status, message["body"].decode())
                self.answered.set()


def _refused(status: int, body: str) -> ReplayError:
    return ReplayError(f"the server refuses the session with {status}: {body.strip()}")
