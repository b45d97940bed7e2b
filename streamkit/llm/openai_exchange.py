"""One request to an endpoint and its answer, as long as both are open."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol, cast

import anyio
import httpx

from streamkit.llm.chat_model import Delta
from streamkit.llm.event_stream import EventStreamReader, EventTooLongError, ServerEvent
from streamkit.llm.openai_faults import Fault, transport_fault
from streamkit.llm.openai_reply import ReplyReader

FINISH_SECONDS: Final = 2.0
"""How long to wait, after the reason for the end, for the usage and the end itself."""
DRAIN_SECONDS: Final = 0.2
"""How long to wait, after the end, for the rest of the answer, to use the connection again."""
CLOSE_SECONDS: Final = 1.0
"""Bound on closing a connection."""
MAX_ERROR_BYTES: Final = 1 << 16
"""What is read of an answer that says what is wrong."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long, in seconds, and how much an answer may take.

    Attributes:
        connect: until the connection stands.
        token: from one token to the next.
        event_bytes: a line, or an event.
        reply_bytes: all of an answer.
    """

    connect: float
    token: float
    event_bytes: int
    reply_bytes: int


class _Splitter(Protocol):
    def feed(self, piece: bytes) -> list[ServerEvent]: ...

    def end(self) -> list[ServerEvent]: ...


class _WholeBody:
    """The splitter for an endpoint that does not stream: its answer is one event."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._body = bytearray()

    def feed(self, piece: bytes) -> list[ServerEvent]:
        if len(self._body) + len(piece) > self._max_bytes:
            raise EventTooLongError
        self._body += piece
        return []

    def end(self) -> list[ServerEvent]:
        return [ServerEvent("", self._body.decode("utf-8", "replace"))]


class Exchange:
    """An answer that has begun; `ready` fills as one reads on.

    Args:
        response: open, with a status of 2xx.
        reader: for its events.
        bounds: how long and how much.

    Attributes:
        ready: deltas that have not been taken yet.
        finished: `ready` ends with `Finished`.

    Raises:
        Fault: the answer is of a kind that cannot be read.
    """

    def __init__(self, response: httpx.Response, reader: ReplyReader, bounds: Bounds) -> None:
        self.ready: deque[Delta] = deque()
        self.finished = False
        self._response = response
        self._reader = reader
        self._bounds = bounds
        self._splitter = _choose_splitter(response, bounds.event_bytes)
        # It is one, though the signature does not say so; one that was begun has to be closed.
        self._pieces = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
        self._received = 0
        self._failure: Fault | None = None

    @property
    def begun(self) -> bool:
        """The model has produced something, or has nothing to say."""
        return self._reader.tokens > 0 or self.finished

    async def step(self) -> None:
        """Wait for the next bytes of the answer, however long.

        Raises:
            Fault: the answer is broken, or exceeds a bound.
        """
        if self._failure is not None:
            raise self._failure
        try:
            piece = await self._receive()
        except Fault:
            if not self._reader.complete:
                raise
            self._finish()
            return
        try:
            self._read(piece)
        except Fault as fault:
            # What came before it, in the same piece, is said first.
            if not self.ready:
                raise
            self._failure = fault

    async def advance(self) -> None:
        """Wait until there is something in `ready`.

        Raises:
            Fault: the answer is broken, exceeds a bound, or does not go on.
        """
        reader = self._reader
        with anyio.move_on_after(self._patience()) as scope:
            while not self.ready and not self.finished:
                before = reader.tokens, reader.complete
                await self.step()
                if (reader.tokens, reader.complete) != before:
                    scope.deadline = anyio.current_time() + self._patience()
        if scope.cancelled_caught:
            if not reader.complete:
                raise Fault(
                    f"stopped in the middle of its reply for {self._bounds.token:g} s: see the "
                    "load of that server, or allow it more time"
                )
            self._finish()

    async def drain(self) -> None:
        """Read what is left behind the end, if it comes soon, so the connection can be kept."""
        with anyio.move_on_after(DRAIN_SECONDS), suppress(Fault):
            while await self._receive() is not None:
                pass

    async def close(self) -> None:
        """Give the connection back if the answer was read to its end, else close it."""
        await _close_pieces(self._pieces)
        await close_response(self._response)

    def _read(self, piece: bytes | None) -> None:
        try:
            events = self._splitter.end() if piece is None else self._splitter.feed(piece)
        except EventTooLongError:
            limit = self._bounds.event_bytes
            raise Fault(f"sent more than {limit} bytes in one go, which is no token") from None
        for event in events:
            self.ready += self._reader.read(event)
            if self._reader.over:
                break
        if self._reader.over or piece is None:
            self._finish()

    def _patience(self) -> float:
        return FINISH_SECONDS if self._reader.complete else self._bounds.token

    def _finish(self) -> None:
        self.ready += self._reader.end()
        self.finished = True

    async def _receive(self) -> bytes | None:
        try:
            piece = await self._pieces.__anext__()
        except StopAsyncIteration:
            return None
        except (httpx.HTTPError, httpx.StreamError) as error:
            if self._reader.tokens:
                raise Fault(
                    "dropped the connection in the middle of its reply: see the log of that server"
                ) from error
            raise transport_fault(error, self._bounds.connect) from error
        self._received += len(piece)
        if self._received > self._bounds.reply_bytes:
            raise Fault(f"sent more than {self._bounds.reply_bytes} bytes for one reply")
        return piece


async def read_beginning(response: httpx.Response, max_bytes: int = MAX_ERROR_BYTES) -> str:
    """The beginning of an answer, as text; reads to its end where it is that short.

    Raises:
        httpx.HTTPError: the connection failed.
    """
    body = bytearray()
    pieces = cast("AsyncGenerator[bytes, None]", response.aiter_raw())
    try:
        async for piece in pieces:
            body += piece
            if len(body) > max_bytes:
                break
    finally:
        await _close_pieces(pieces)
    return body[:max_bytes].decode("utf-8", "replace")


async def close_response(response: httpx.Response) -> None:
    """Let go of an answer, within `CLOSE_SECONDS`, even while being cancelled."""
    with (
        anyio.move_on_after(CLOSE_SECONDS, shield=True),
        suppress(httpx.HTTPError, OSError),
    ):
        await response.aclose()


async def _close_pieces(pieces: AsyncGenerator[bytes, None]) -> None:
    with (
        anyio.move_on_after(CLOSE_SECONDS, shield=True),
        suppress(httpx.HTTPError, OSError),
    ):
        await pieces.aclose()


def _choose_splitter(response: httpx.Response, max_bytes: int) -> _Splitter:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding.strip().lower() not in ("", "identity"):
        raise Fault(f"sent its reply compressed ({encoding}), which was not asked for")
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/html":
        raise Fault(
            "answers with a web page: is the address that of an OpenAI-compatible API (most end "
            "with /v1), or is a login page in between?"
        )
    if kind == "application/json":
        return _WholeBody(max_bytes)
    return EventStreamReader(max_bytes)
