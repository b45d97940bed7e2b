"""A scripted Realtime server, for testing voice chats.

It speaks the real wire over a real socket, but its ears only read words off the sample values, and
its replies are written down beforehand, so a test knows to the sample what must be played. It
can be slow, talk on after an interruption, break off, and refuse.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count, pairwise
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import anyio.abc
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from streamkit.client.playback import REALTIME_RATE
from streamkit.client.testing import CLOSE_SECONDS, Refusal

Message = dict[str, Any]

ENDPOINT = REALTIME_RATE // 5
"""Samples of silence that end a turn."""

LEVEL = 1000
"""Between the sample values of two words, so that a resampler may ring a little."""

SHORTEST = REALTIME_RATE // 100
"""Samples that a word, or a silence, has at least; what is shorter is no change."""

NOTHING = np.zeros(0, np.int16)


@dataclass(frozen=True, slots=True, eq=False)
class Reply:
    """What the server answers.

    Attributes:
        text: of the reply; with sound, its words lie evenly over it.
        samples: int16 of shape (n,) at 24 kHz; none: the reply is in writing.
        chunk: samples per message.
        pause_after: messages of sound after which the server pauses until it is told to go on
            (`ScriptedRealtimeServer.go_on`); None: it does not.
        late: messages of sound that it still sends after the person has interrupted it.
        error: the reply fails, with this message.
        latency: what `response.done` tells.
    """

    text: str = ""
    samples: NDArray[np.int16] = field(default_factory=lambda: NOTHING)
    chunk: int = 2400
    pause_after: int | None = None
    late: int = 0
    error: str | None = None
    latency: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class RealtimeVisit:
    """What one connection sent and was sent."""

    query: dict[str, str]
    headers: dict[str, str]
    received: list[Message] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def of(self, *types: str) -> list[Message]:
        """Messages of these types that the client sent, in order."""
        return [message for message in self.received if message["type"] in types]


class ScriptedRealtimeServer:
    """Serves `/v1/realtime` on a free loopback port while the `async with` block runs.

    Samples of about v * `LEVEL` in the client's audio are the word "w<v>", 0 is silence, and
    `ENDPOINT` samples of it end a turn, which is answered with the next of the replies.

    Args:
        replies: over all connections; when they are used up, turns are not answered.
        refusals: answers to the first connections, before any is accepted.
        ours: be a streamkit server: take and send the key `streamkit`.
    """

    def __init__(
        self,
        replies: Sequence[Reply] = (),
        *,
        refusals: Sequence[Refusal] = (),
        ours: bool = True,
    ) -> None:
        self.replies = list(replies)
        self.refusals = list(refusals)
        self.ours = ours
        self.visits: list[RealtimeVisit] = []
        """What each accepted connection sent, oldest first."""
        self.attempts = 0
        """Connections that were tried, refused ones included."""
        self.url = ""
        """Address of the server while it runs."""
        self._sockets: list[ServerConnection] = []
        self._going_on = anyio.Event()
        self._progress = anyio.Event()
        self._server: Server | None = None

    async def __aenter__(self) -> ScriptedRealtimeServer:
        self._server = await serve(
            self._serve_one,
            "127.0.0.1",
            0,
            process_request=self._admit,
            compression=None,
            close_timeout=CLOSE_SECONDS,
        )
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"ws://127.0.0.1:{port}"
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.go_on()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def go_on(self) -> None:
        """End the pause of replies."""
        self._going_on.set()

    def cut(self) -> None:
        """Break the newest connection without a closing handshake."""
        self._sockets[-1].transport.abort()

    async def say(self, message: Message) -> None:
        """Send a message of the test's own on the newest connection."""
        await _Client(self._sockets[-1], self.visits[-1], self).send(message)

    async def close(self, code: int, reason: str) -> None:
        """Close the newest connection."""
        await self._sockets[-1].close(code, reason)

    async def wait_for(self, kind: str, times: int = 1) -> Message:
        """Wait until so many messages of a type have come, over all connections.

        Returns:
            The last of them.
        """
        while len(found := [each for visit in self.visits for each in visit.of(kind)]) < times:
            await self._progress.wait()
        return found[times - 1]

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        if not self.refusals:
            return None
        refusal = self.refusals.pop(0)
        return connection.respond(HTTPStatus(refusal.status), f"{refusal.text}\n")

    async def _serve_one(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        headers = {name.lower(): value for name, value in request.headers.raw_items()}
        visit = RealtimeVisit(dict(parse_qsl(urlsplit(request.path).query)), headers)
        self.visits.append(visit)
        self._sockets.append(socket)
        client = _Client(socket, visit, self)
        async with anyio.create_task_group() as tasks:
            await client.begin(tasks)
            with contextlib.suppress(ConnectionClosed):
                async for text in socket:
                    visit.received.append(json.loads(text))
                    self._progress.set()
                    self._progress = anyio.Event()
                    await client.receive(visit.received[-1])
            tasks.cancel_scope.cancel()

    async def pause(self) -> None:
        """Wait until `go_on` is called."""
        await self._going_on.wait()


class _Client:
    """The conversation with one client."""

    def __init__(
        self, socket: ServerConnection, visit: RealtimeVisit, server: ScriptedRealtimeServer
    ) -> None:
        self._socket = socket
        self._visit = visit
        self._server = server
        self._numbers = count(1)
        self._session: Message = _session()
        self._ear = _Ear()
        self._item: str | None = None
        self._words: list[str] = []
        self._previous: str | None = None
        self._speaking: anyio.CancelScope | None = None
        self._durations: dict[str, float] = {}
        self._tasks: anyio.abc.TaskGroup

    async def send(self, message: Message) -> None:
        message = {"event_id": self._id("event"), **message}
        self._visit.sent.append(message)
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message))

    async def begin(self, tasks: anyio.abc.TaskGroup) -> None:
        self._tasks = tasks
        own = {"streamkit": {"version": "scripted"}} if self._server.ours else {}
        await self.send({"type": "session.created", "session": self._session, **own})

    async def receive(self, message: Message) -> None:
        if not self._server.ours and "streamkit" in message:
            await self._refuse(message, "unknown parameter: streamkit")
            return
        match message["type"]:
            case "session.update":
                self._session = _merged(self._session, message["session"])
                await self.send({"type": "session.updated", "session": self._session})
            case "input_audio_buffer.append":
                await self._hear(np.frombuffer(base64.b64decode(message["audio"]), "<i2"))
            case "input_audio_buffer.commit":
                self._words += self._ear.flush()
                await self._commit()
            case "input_audio_buffer.clear":
                self._words = []
                await self.send({"type": "input_audio_buffer.cleared"})
            case "conversation.item.create":
                await self._add({"id": self._id("item"), **message["item"]})
            case "conversation.item.truncate":
                await self._truncate(message)
            case "response.create":
                await self._reply()
            case "response.cancel":
                await self._cancel(message)
            case other:
                await self._refuse(message, f"{other} is not scripted")

    async def _hear(self, samples: NDArray[np.int16]) -> None:
        detects = self._session["audio"]["input"]["turn_detection"] is not None
        for what, at in self._ear.feed(samples):
            match what:
                case "silence" if detects and self._item is not None:
                    item = self._item
                    end = {"audio_end_ms": at * 1000 // REALTIME_RATE, "item_id": item}
                    await self.send({"type": "input_audio_buffer.speech_stopped", **end})
                    await self._commit()
                    await self._reply()
                case "silence":
                    pass
                case "speech" if detects and self._item is None:
                    self._item = self._id("item")
                    start = {"audio_start_ms": at * 1000 // REALTIME_RATE, "item_id": self._item}
                    await self.send({"type": "input_audio_buffer.speech_started", **start})
                    if self._speaking is not None:
                        self._speaking.cancel()
                case "speech":
                    pass
                case word:
                    delta = f" {word}" if self._words else word
                    self._words.append(word)
                    if self._item is not None:
                        await self._transcribe("delta", delta=delta)

    async def _commit(self) -> None:
        self._item = self._item or self._id("item")
        place = {"item_id": self._item, "previous_item_id": self._previous}
        await self.send({"type": "input_audio_buffer.committed", **place})
        content = {"type": "input_audio", "transcript": None}
        item = {"id": self._item, "type": "message", "role": "user", "content": [content]}
        await self._add({**item, "status": "completed"})
        usage = {"type": "duration", "seconds": 1.0}
        transcript = " ".join(self._words)
        await self._transcribe("completed", transcript=transcript, usage=usage)
        self._item, self._words = None, []

    async def _transcribe(self, kind: str, **members: Any) -> None:
        kind = f"conversation.item.input_audio_transcription.{kind}"
        await self.send({"type": kind, "item_id": self._item, "content_index": 0, **members})

    async def _add(self, item: Message) -> None:
        for what in ("added", "done"):
            place = {"item": item, "previous_item_id": self._previous}
            await self.send({"type": f"conversation.item.{what}", **place})
        self._previous = item["id"]

    async def _truncate(self, message: Message) -> None:
        duration = self._durations.get(message["item_id"])
        if duration is None or message["audio_end_ms"] > duration:
            await self._refuse(message, f"the item has {duration} ms of audio")
            return
        place = {key: message[key] for key in ("item_id", "content_index", "audio_end_ms")}
        await self.send({"type": "conversation.item.truncated", **place})

    async def _cancel(self, message: Message) -> None:
        if self._speaking is None:
            await self._refuse(message, "there is no response to cancel")
        else:
            self._speaking.cancel()

    async def _refuse(self, message: Message, why: str) -> None:
        error = {"type": "invalid_request_error", "code": "invalid_value", "message": why}
        await self.send({"type": "error", "error": {**error, "event_id": message.get("event_id")}})

    async def _reply(self) -> None:
        if self._server.replies:
            await self._tasks.start(self._respond, self._server.replies.pop(0))

    async def _respond(self, reply: Reply, *, task_status: anyio.abc.TaskStatus[None]) -> None:
        response: Message = {"id": self._id("resp"), "object": "realtime.response", "output": []}
        response["status"] = "in_progress"
        await self.send({"type": "response.created", "response": response})
        place = {"response_id": response["id"], "item_id": self._id("item"), "output_index": 0}
        item = {"id": place["item_id"], "type": "message", "role": "assistant", "content": []}
        if reply.error is None:
            added = {"output_index": 0, "response_id": response["id"]}
            item["status"] = "in_progress"
            await self.send({"type": "response.output_item.added", **added, "item": item})
        with anyio.CancelScope() as self._speaking:
            task_status.started()
            if reply.error is None:
                await self._speak(reply, {**place, "content_index": 0})
        cancelled, self._speaking = self._speaking.cancelled_caught, None
        details: Message | None = None
        if reply.error is not None:
            response["status"] = "failed"
            details = {"type": "failed", "error": {"type": "server_error"}}
            if self._server.ours:
                details["error"]["message"] = reply.error
        elif cancelled:
            response["status"] = "cancelled"
            details = {"type": "cancelled", "reason": "turn_detected"}
            late = _chunks(reply)[-reply.late :] if reply.late else []
            for samples in late:
                await self._sound(samples, {**place, "content_index": 0}, 0, [])
        else:
            response["status"] = "completed"
        own = {"streamkit": {"latency": reply.latency}} if self._server.ours else {}
        response = {**response, "status_details": details, **own}
        await self.send({"type": "response.done", "response": response})

    async def _speak(self, reply: Reply, place: Message) -> None:
        if not len(reply.samples):
            await self.send({"type": "response.output_text.delta", **place, "delta": reply.text})
            await self.send({"type": "response.output_text.done", **place, "text": reply.text})
            return
        words = reply.text.split()
        begins = [len(reply.samples) * index // max(1, len(words)) for index in range(len(words))]
        transcript = "response.output_audio_transcript"
        sent = 0
        for index, samples in enumerate(_chunks(reply)):
            if index == reply.pause_after:
                await self._server.pause()
            here = [
                (at, word)
                for at, word in zip(begins, words, strict=True)
                if sent <= at < sent + len(samples)
            ]
            if here:
                text = "".join(f" {word}" if at else word for at, word in here)
                await self.send({"type": f"{transcript}.delta", **place, "delta": text})
            await self._sound(samples, place, sent, here)
            sent += len(samples)
            self._durations[place["item_id"]] = sent * 1000 / REALTIME_RATE
        await self.send({"type": "response.output_audio.done", **place})
        await self.send({"type": f"{transcript}.done", **place, "transcript": reply.text})

    async def _sound(
        self, samples: NDArray[np.int16], place: Message, sent: int, words: list[tuple[int, str]]
    ) -> None:
        timed = [[at * 1000 / REALTIME_RATE, word] for at, word in words]
        own = {"streamkit": {"words": timed}} if self._server.ours else {}
        delta = base64.b64encode(samples.astype("<i2").tobytes()).decode()
        await self.send({"type": "response.output_audio.delta", **place, "delta": delta, **own})

    def _id(self, kind: str) -> str:
        return f"{kind}_{len(self._server.visits)}_{next(self._numbers)}"


class _Ear:
    """Finds words and silences in sample values. Pure."""

    def __init__(self) -> None:
        self._position = 0
        self._word = 0
        self._began = 0
        self._new = 0
        self._new_began = 0
        self._silent = True

    def feed(self, samples: NDArray[np.int16]) -> Iterator[tuple[str, int]]:
        """Yield what is heard ("speech", "silence" or a word), each with its position."""
        levels = np.maximum(0, (samples.astype(int) + LEVEL // 2) // LEVEL)
        edges = [0, *(np.flatnonzero(np.diff(levels)) + 1).tolist(), len(levels)]
        for start, end in pairwise(edges):
            if end > start:
                yield from self._run(int(levels[start]), end - start)

    def flush(self) -> list[str]:
        """The word that goes on, if there is one; it ends here."""
        word, self._word, self._began = self._word, 0, self._position
        return [f"w{word}"] if word else []

    def _run(self, level: int, length: int) -> Iterator[tuple[str, int]]:
        if level != self._new:
            self._new, self._new_began = level, self._position
        self._position += length
        if self._new != self._word and self._position - self._new_began >= SHORTEST:
            for word in self.flush():
                yield word, self._new_began
            self._word, self._began = self._new, self._new_began
            if self._word and self._silent:
                self._silent = False
                yield "speech", self._began
        if not self._word and not self._silent and self._position - self._began >= ENDPOINT:
            self._silent = True
            yield "silence", self._began


def _chunks(reply: Reply) -> list[NDArray[np.int16]]:
    return [
        reply.samples[start : start + reply.chunk]
        for start in range(0, len(reply.samples), reply.chunk)
    ]


def _session() -> Message:
    pcm = {"type": "audio/pcm", "rate": REALTIME_RATE}
    detection = {"type": "server_vad", "create_response": True, "interrupt_response": True}
    return {
        "type": "realtime",
        "audio": {
            "input": {"format": pcm, "turn_detection": detection},
            "output": {"format": pcm, "voice": "scripted", "speed": 1.0},
        },
    }


def _merged(old: Message, new: Message) -> Message:
    """A partial update: what is absent stays, objects are merged, all else is replaced."""
    merged = dict(old)
    for key, value in new.items():
        both = isinstance(value, dict) and isinstance(old.get(key), dict)
        merged[key] = _merged(old[key], value) if both else value
    return merged
