"""A chat endpoint on a real socket that does what a test tells it to."""

from __future__ import annotations

import json
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
import pytest
from anyio.streams.buffered import BufferedByteReceiveStream

PATIENCE = 20.0
"""Seconds until something that has to happen counts as not happening."""

Play = Callable[["Exchange"], Awaitable[None]]


@dataclass(slots=True)
class Received:
    """A request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int
    hung_up: anyio.Event = field(default_factory=anyio.Event)


class Exchange:
    """The endpoint's side of one request."""

    def __init__(self, stream: anyio.abc.ByteStream, received: Received) -> None:
        self.received = received
        self._stream = stream

    async def raw(self, data: bytes) -> None:
        await self._stream.send(data)

    async def head(self, status: int = 200, **headers: str) -> None:
        """Begin an answer of unknown length."""
        names = {"content-type": "text/event-stream", "transfer-encoding": "chunked"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in names.items() if value)
        await self.raw(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n".encode())

    async def body(self, data: bytes) -> None:
        await self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.raw(b"0\r\n\r\n")

    async def event(self, *chunks: object) -> None:
        """Send chunks, all in one piece; a text is sent as it is."""
        texts = (chunk if isinstance(chunk, str) else json.dumps(chunk) for chunk in chunks)
        await self.body("".join(f"data: {text}\n\n" for text in texts).encode())

    async def say(self, *texts: str) -> None:
        for text in texts:
            await self.event(chunk({"content": text}))

    async def finish(self, reason: str = "stop", usage: object = None) -> None:
        await self.event(chunk({}, reason))
        if usage is not None:
            await self.event({"choices": [], "usage": usage})
        await self.event("[DONE]")
        await self.end()

    async def answer(self, status: int, body: str, **headers: str) -> None:
        """A whole answer, of which the length is known."""
        names = {"content-type": "application/json", "content-length": str(len(body.encode()))}
        names |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in names.items())
        await self.raw(f"HTTP/1.1 {status} Whatever\r\n{lines}\r\n{body}".encode())

    async def hung_up(self) -> None:
        """Wait until the client closes the connection."""
        with anyio.fail_after(PATIENCE):
            try:
                while True:
                    await self._stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                self.received.hung_up.set()


def chunk(delta: object, reason: str | None = None) -> dict[str, Any]:
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
    }


class Endpoint:
    """Answers each request for a reply with the next of its plays; the last one is repeated.

    Attributes:
        url: the base address.
        plays: what is left to do.
        models: names to list; None: there is no list.
        received: requests for replies so far; `listed` counts those for the list.
        connections: that were opened.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.plays: deque[Play] = deque()
        self.models: list[str] | None = ["m"]
        self.received: list[Received] = []
        self.listed = 0
        self.connections = 0

    def play(self, *plays: Play) -> None:
        self.plays.extend(plays)

    def says(self, *texts: str, usage: object = None) -> None:
        async def play(exchange: Exchange) -> None:
            await exchange.head()
            await exchange.event(chunk({"role": "assistant", "content": ""}))
            await exchange.say(*texts)
            await exchange.finish(usage=usage)

        self.play(play)

    def sends(self, *chunks: object) -> None:
        """Each chunk in a piece of its own, then the end of the answer; nothing is added."""

        async def play(exchange: Exchange) -> None:
            await exchange.head()
            for each in chunks:
                await exchange.event(each)
            await exchange.end()

        self.play(play)

    def refuses(self, status: int, body: object = "", **headers: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.play(lambda exchange: exchange.answer(status, text, **headers))

    def hangs(self, *texts: str) -> None:
        """Says something, then nothing more, until the client goes."""

        async def play(exchange: Exchange) -> None:
            await exchange.head()
            await exchange.say(*texts)
            await exchange.hung_up()

        self.play(play)

    @property
    def bodies(self) -> list[Any]:
        return [each.body for each in self.received]

    async def serve(self, stream: anyio.abc.ByteStream) -> None:
        self.connections += 1
        connection = self.connections
        reader = BufferedByteReceiveStream(stream)
        try:
            async with stream:
                while await self._serve_request(stream, reader, connection):
                    pass
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.IncompleteRead):
            pass
        except anyio.ClosedResourceError:
            pass  # the play has closed it

    async def _serve_request(
        self, stream: anyio.abc.ByteStream, reader: BufferedByteReceiveStream, connection: int
    ) -> bool:
        head = (await reader.receive_until(b"\r\n\r\n", 1 << 16)).decode("latin-1")
        line, *rest = head.split("\r\n")
        method, path, _ = line.split(" ")
        headers = {
            name.lower(): value for name, _, value in (each.partition(": ") for each in rest)
        }
        body = await reader.receive_exactly(int(headers.get("content-length", 0)))
        received = Received(method, path, headers, json.loads(body) if body else None, connection)
        exchange = Exchange(stream, received)
        if path.partition("?")[0].endswith("/models"):
            self.listed += 1
            if self.models is None:
                await exchange.answer(404, '{"error": "no such page"}')
            else:
                entries = [{"id": name, "object": "model"} for name in self.models]
                await exchange.answer(200, json.dumps({"object": "list", "data": entries}))
            return True
        self.received.append(received)
        play = self.plays.popleft() if len(self.plays) > 1 else self.plays[0]
        await play(exchange)
        return not received.hung_up.is_set()


@asynccontextmanager
async def open_endpoint() -> AsyncIterator[Endpoint]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        endpoint = Endpoint(listener.extra(anyio.abc.SocketAttribute.local_port))
        tasks.start_soon(listener.serve, endpoint.serve)
        yield endpoint
        tasks.cancel_scope.cancel()


@pytest.fixture
async def endpoint(anyio_backend: str) -> AsyncIterator[Endpoint]:
    async with open_endpoint() as running:
        yield running


@pytest.fixture
def make_chunk() -> Callable[..., dict[str, Any]]:
    return chunk


@pytest.fixture
def free_url() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/v1"
