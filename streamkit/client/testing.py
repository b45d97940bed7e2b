"""A scripted caption server, for testing programs that use `CaptionConnection`.

It speaks the real wire over a real socket, but its "recognizer" only reads the words off
the sample values, so a test knows to the sample which words must come out. It can cut the
connection at any message, refuse connections, and hold its answers back.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import pairwise
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import anyio
import numpy as np
from numpy.typing import NDArray
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

CLOSE_SECONDS = 0.5
"""Bound on the closing handshake with a client that does not read."""

Message = dict[str, Any]


class ScriptedRecognizer:
    """A run of equal positive samples v is the word "w<v>"; zero is silence. Pure.

    Args:
        sample_rate: samples per second.
        endpoint: samples of silence that end an utterance.
        words_per_final: words after which a range is made final within the utterance.
    """

    def __init__(self, sample_rate: int, endpoint: int = 4800, words_per_final: int = 5) -> None:
        self._rate = sample_rate
        self._endpoint = endpoint
        self._words_per_final = words_per_final
        self._position = 0
        self._value = 0
        self._run_start = 0
        self._range_start = 0
        self._words: list[tuple[int, int, int]] = []
        self._speaking = False
        self._utterance = 0

    def feed(self, samples: NDArray[np.int16]) -> list[Message]:
        """Return the messages that these samples bring about."""
        messages: list[Message] = []
        edges = [0, *(np.flatnonzero(np.diff(samples)) + 1).tolist(), len(samples)]
        for start, end in pairwise(edges):
            if end > start:
                messages += self._feed_run(int(samples[start]), end - start)
        if self._speaking:
            messages.append(self._results(self._position, is_final=False))
        return messages

    def finalize(self) -> list[Message]:
        """Return a final of everything so far."""
        return [self._final(self._position, speech_final=True, from_finalize=True)]

    def close(self) -> list[Message]:
        """Return the last final, if words are open, and the closing metadata."""
        finals = [self._final(self._position, speech_final=True)] if self._speaking else []
        duration = self._position / self._rate
        return [*finals, {"type": "Metadata", "duration": duration, "channels": 1}]

    def _feed_run(self, value: int, length: int) -> list[Message]:
        messages: list[Message] = []
        if value != self._value:
            self._close_word()
            if len(self._words) >= self._words_per_final:
                messages.append(self._final(self._position, speech_final=False))
            self._value, self._run_start = value, self._position
        if value > 0 and not self._speaking:
            self._speaking = True
            seconds = self._position / self._rate
            messages.append({"type": "SpeechStarted", "channel": [0], "timestamp": seconds})
        self._position += length
        quiet = self._position - self._run_start
        if value == 0 and self._speaking and quiet >= self._endpoint:
            messages.append(self._final(self._run_start + self._endpoint, speech_final=True))
        return messages

    def _close_word(self) -> None:
        if self._value > 0 and self._position > self._run_start:
            self._words.append((self._value, self._run_start, self._position))
            self._run_start = self._position

    def _final(self, end: int, *, speech_final: bool, from_finalize: bool = False) -> Message:
        self._close_word()
        message = self._results(end, is_final=True)
        message.update(speech_final=speech_final, from_finalize=from_finalize)
        self._words = []
        self._range_start = end
        if speech_final:
            self._speaking = False
            self._utterance += 1
        return message

    def _results(self, end: int, *, is_final: bool) -> Message:
        heard = list(self._words)
        if not is_final and self._value > 0:
            heard.append((self._value, self._run_start, self._position))
        words = [
            {
                "word": f"w{value}",
                "punctuated_word": f"w{value}",
                "start": word_start / self._rate,
                "end": word_end / self._rate,
                "confidence": 1.0,
            }
            for value, word_start, word_end in heard
        ]
        transcript = " ".join(f"w{value}" for value, _, _ in heard)
        return {
            "type": "Results",
            "channel_index": [0, 1],
            "start": self._range_start / self._rate,
            "duration": (end - self._range_start) / self._rate,
            "is_final": is_final,
            "speech_final": False,
            "from_finalize": False,
            "channel": {"alternatives": [{"transcript": transcript, "words": words}]},
            "streamkit": {
                "committed": len(self._words),
                "utterance": self._utterance,
                "audio_end": self._position / self._rate,
            },
        }


@dataclass(frozen=True, slots=True)
class Refusal:
    """Answer the next connection with this HTTP status and `dg-error` text."""

    status: int
    text: str


@dataclass(slots=True)
class Visit:
    """What one connection sent."""

    query: dict[str, str]
    headers: dict[str, str]
    audio: list[bytes] = field(default_factory=list)
    texts: list[Message] = field(default_factory=list)


class ScriptedServer:
    """Serves `/v1/listen` on a free loopback port while the `async with` block runs.

    Args:
        drops: for each connection in turn, the number of messages (either way) after which
            the socket is cut without a closing handshake; later connections stay whole.
        refusals: answers to the first connections, before any is accepted.
        close_codes: for each connection in turn, close with this code at the first audio.
        endpoint: samples of silence that end an utterance.
        words_per_final: as in `ScriptedRecognizer`.
        held: start with all answers held back until `release` is called.
    """

    def __init__(
        self,
        *,
        drops: Sequence[int] = (),
        refusals: Sequence[Refusal] = (),
        close_codes: Sequence[int] = (),
        endpoint: int = 4800,
        words_per_final: int = 5,
        held: bool = False,
    ) -> None:
        self._drops = list(drops)
        self._close_codes = list(close_codes)
        self.refusals = list(refusals)
        self._endpoint = endpoint
        self._words_per_final = words_per_final
        self._released = anyio.Event()
        self.visits: list[Visit] = []
        """What each accepted connection sent, oldest first."""
        self.attempts = 0
        """Connections that were tried, refused ones included."""
        self.url = ""
        """Address of the server while it runs."""
        self._progress = anyio.Event()
        self._server: Server | None = None
        if not held:
            self._released.set()

    async def __aenter__(self) -> ScriptedServer:
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
        await self.stop()

    def release(self) -> None:
        """Let the answers go."""
        self._released.set()

    async def wait_for_audio(self, messages: int = 1) -> None:
        """Wait until so many audio messages have arrived, over all connections."""
        while sum(len(visit.audio) for visit in self.visits) < messages:
            await self._progress.wait()

    async def stop(self) -> None:
        """Close all connections (code 1001) and refuse new ones."""
        self._released.set()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts += 1
        if not self.refusals:
            return None
        refusal = self.refusals.pop(0)
        response = connection.respond(HTTPStatus(refusal.status), "refused\n")
        response.headers["dg-error"] = refusal.text
        return response

    async def _serve_one(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        query = dict(parse_qsl(urlsplit(request.path).query))
        visit = Visit(query, {name.lower(): value for name, value in request.headers.raw_items()})
        self.visits.append(visit)
        answers = _Answers(socket, self._drops.pop(0) if self._drops else None, self._released)
        close_code = self._close_codes.pop(0) if self._close_codes else None
        recognizer = ScriptedRecognizer(
            int(query["sample_rate"]), self._endpoint, self._words_per_final
        )
        captured_at: float | None = None
        try:
            async for message in socket:
                received_at = time.time()
                answers.count()
                if isinstance(message, bytes):
                    visit.audio.append(message)
                    self._progress.set()
                    self._progress = anyio.Event()
                    if close_code is not None:
                        await socket.close(close_code, "scripted")
                        return
                    results = recognizer.feed(np.frombuffer(message, dtype="<i2"))
                    await answers.send(results, captured_at, received_at)
                    captured_at = None
                    continue
                text = json.loads(message)
                visit.texts.append(text)
                match text["type"]:
                    case "KeepAlive":
                        captured_at = text.get("streamkit", {}).get("captured_at")
                    case "Finalize":
                        await answers.send(recognizer.finalize(), None, received_at)
                    case "CloseStream":
                        await answers.send(recognizer.close(), None, received_at)
                        return
        except ConnectionClosed:
            return


class _Answers:
    """The way back to one client, which may be cut."""

    def __init__(self, socket: ServerConnection, drop: int | None, released: anyio.Event) -> None:
        self._socket = socket
        self._left = drop
        self._released = released

    def count(self) -> None:
        """Count one message; cuts the socket when it was the last."""
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self._socket.transport.abort()

    async def send(
        self, messages: Sequence[Message], captured_at: float | None, received_at: float
    ) -> None:
        await self._released.wait()
        for message in messages:
            if message["type"] == "Results":
                message["streamkit"]["latency"] = {
                    "captured_at": captured_at,
                    "received_at": received_at,
                    "emit_ms": (time.time() - received_at) * 1000,
                }
            await self._socket.send(json.dumps(message))
            self.count()
