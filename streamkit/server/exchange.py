"""One HTTP request and its answer, read within bounds, and written while it is still being made."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import MappingProxyType

import anyio
import anyio.abc
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope, Send

from streamkit.config import Settings
from streamkit.protocols.openai_audio import ApiError

EVENTS = "text/event-stream"
NONE: Mapping[str, str] = MappingProxyType({})


class Gone(Exception):
    """The client has left, or reads no more."""


class Exchange:
    """A request and its answer.

    Args:
        scope: of ASGI, as the next two.
        receive: gives the request.
        send: takes the answer.
        settings: bounds.

    Attributes:
        request: to be read; its body comes within the bounds or not at all.
        id: the client is told it, and the log.
        began: when it came, in seconds on `time.monotonic`.
        status: of the answer, once that has begun.
        ended: all of the answer was sent.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send, settings: Settings) -> None:
        self.id = str(uuid.uuid4())
        self.began = time.monotonic()
        self.request = Request(scope, self._receive_body)
        self.status: int | None = None
        self.ended = False
        self._receive = receive
        self._send = send
        self._settings = settings
        self._most = 0
        self._got = 0
        self._events = False

    # Reading

    def allow(self, most: int) -> None:
        """Let a body of up to `most` bytes come.

        Raises:
            ApiError: the client has announced a larger one.
        """
        self._most = most
        announced = self.request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > most:
            raise self._too_large()

    async def body(self, most: int) -> bytes:
        """The whole body, of up to `most` bytes.

        Raises:
            ApiError: it is larger, or does not come.
            Gone: the client has left.
        """
        self.allow(most)
        try:
            return await self.request.body()
        except ClientDisconnect:
            raise Gone from None

    async def left(self) -> None:
        """Wait until the client leaves; its body has been read."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _receive_body(self) -> Message:
        settings = self._settings
        left = settings.upload_timeout - (time.monotonic() - self.began)
        try:
            with anyio.fail_after(min(settings.idle_timeout, left)):
                message = await self._receive()
        except TimeoutError:
            raise ApiError(
                f"the request does not come; accepted: some of it every {settings.idle_timeout:g} "
                f"s, and all of it within {settings.upload_timeout:g} s",
                status=408,
                code="timeout",
            ) from None
        self._got += len(message.get("body", b""))
        if self._got > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> ApiError:
        return ApiError(
            f"a request of more than {self._most} bytes was given; accepted: up to {self._most}: "
            "send a shorter or a compressed file",
            status=413,
            code="request_too_large",
        )

    # Writing

    async def begin(self, status: int, media_type: str, headers: Mapping[str, str]) -> None:
        """Send status and headers; `write` and `end` send the rest.

        Raises:
            Gone: the client does not read.
        """
        self.status = status
        text = media_type.startswith("text/")
        named = {
            "content-type": f"{media_type}; charset=utf-8" if text else media_type,
            "x-request-id": self.id,
            **headers,
        }
        raw = [(name.encode("ascii"), value.encode("latin-1")) for name, value in named.items()]
        await self._put({"type": "http.response.start", "status": status, "headers": raw})

    async def write(self, data: bytes) -> None:
        """Send a piece of the body, waiting while the client is slow.

        Raises:
            Gone: it does not read for longer than the settings allow.
        """
        await self._put({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        """The body is complete.

        Raises:
            Gone: the client does not read.
        """
        await self._end(b"")

    async def reply(
        self, content: bytes, media_type: str, status: int = 200, headers: Mapping[str, str] = NONE
    ) -> None:
        """Send a whole answer.

        Raises:
            Gone: the client does not read.
        """
        length = {"content-length": str(len(content))}
        await self.begin(status, media_type, {**length, **headers})
        await self._end(content)

    async def event(self, message: Mapping[str, object], headers: Mapping[str, str] = NONE) -> None:
        """Send a server-sent event; with the first one the answer begins.

        Raises:
            Gone: the client does not read.
        """
        if self.status is None:
            self._events = True
            await self.begin(200, EVENTS, {"cache-control": "no-store", **headers})
        await self.write(b"data: " + as_json(message) + b"\n\n")

    async def fail(self, error: ApiError) -> None:
        """Say what went wrong, in whatever way is left.

        A sound file that has begun can only break off: the connection ends before the body does,
        which every client takes for a failure.

        Raises:
            Gone: the client does not read.
        """
        if self.status is None:
            await self.reply(as_json(error.body), "application/json", error.status, error.headers)
        elif self._events:
            await self.event(error.body)
            await self.end()

    async def _end(self, data: bytes) -> None:
        # From here on the client may leave, and the server says that it has.
        self.ended = True
        await self._put({"type": "http.response.body", "body": data, "more_body": False})

    async def _put(self, message: Message) -> None:
        try:
            with anyio.fail_after(self._settings.send_timeout):
                await self._send(message)
        except (TimeoutError, OSError):
            raise Gone from None


@dataclass(eq=False, slots=True)
class Attendance:
    """Work for a client that may leave before it is done.

    Attributes:
        tasks: what works; it ends when one thing goes wrong.
        failure: what that was.
    """

    tasks: anyio.abc.TaskGroup
    failure: ApiError | Gone | None = None

    def give_up(self, failure: ApiError | Gone) -> None:
        """End the work for a reason; the first one counts."""
        self.failure = self.failure or failure
        self.tasks.cancel_scope.cancel()


@asynccontextmanager
async def attended(exchange: Exchange) -> AsyncIterator[Attendance]:
    """Do the work of the block, and stop when the client leaves.

    Raises:
        Gone: it has left.
        ApiError: what the block raised, or was given up for; never inside an exception group.
    """
    async with anyio.create_task_group() as tasks:
        attendance = Attendance(tasks)

        async def watch() -> None:
            await exchange.left()
            if not exchange.ended:
                attendance.give_up(Gone())

        tasks.start_soon(watch)
        try:
            yield attendance
        except (ApiError, Gone) as failure:
            attendance.give_up(failure)
        tasks.cancel_scope.cancel()
    if attendance.failure is not None:
        raise attendance.failure


def as_json(message: Mapping[str, object]) -> bytes:
    """JSON in ASCII: half of a surrogate pair, which JSON can escape, is no UTF-8."""
    return json.dumps(message, separators=(",", ":")).encode("ascii")
