"""Somebody who talks with a voice agent over a real socket, and keeps the time.

The microphone is never off: a chunk of 20 ms leaves every 20 ms, speech where there is some and
silence where not. Every time is taken on this side, from the samples alone: when the chunk with
the last sample of a sentence was sent, and when sound that can be heard came in.
"""

from __future__ import annotations

import base64
import json
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import numpy as np
import numpy.typing as npt
import soxr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidURI

from streamkit.errors import ConnectionLostError
from streamkit_benchmarks.systems import RATE

Samples = npt.NDArray[np.float32]

WIRE_RATE: Final = 24_000
CHUNK: Final = WIRE_RATE // 50
AUDIBLE: Final = 0.01
"""-40 dB: far above the noise of any codec, far below any voice."""

PATIENCE: Final = 30.0
"""Seconds for anything to happen."""


@dataclass(slots=True)
class Said:
    """One sentence of the person's.

    Attributes:
        began_at: when its first loud sample had been sent; seconds on this machine's clock.
        ended_at: when its last one had.
    """

    began_at: float = 0.0
    ended_at: float = 0.0
    sent: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class Reply:
    """One response as it came in.

    Attributes:
        first_at: when the first sound came that can be heard.
        last_at: when the last sound came.
        status: how it ended.
        latency: what the server says of it, milliseconds by stage.
    """

    first_at: float | None = None
    last_at: float | None = None
    status: str | None = None
    latency: dict[str, float] = field(default_factory=dict)
    audible: anyio.Event = field(default_factory=anyio.Event)
    done: anyio.Event = field(default_factory=anyio.Event)


class VoiceUser:
    """A microphone, a pair of ears and a watch; `run` is its task.

    Args:
        socket: an open session.

    Attributes:
        replies: all so far.
        turns: how many turns the server has heard.
        errors: what the server has complained about.
        late: the most that a chunk was sent too late, in seconds.
    """

    def __init__(self, socket: ClientConnection) -> None:
        self.replies: list[Reply] = []
        self.turns = 0
        self.errors: list[str] = []
        self.late = 0.0
        self._socket = socket
        self._tape: deque[tuple[Samples, Said | None]] = deque()
        self._responses: dict[str, Reply] = {}
        self._began = anyio.Event()

    def say(self, sound: Samples) -> Said:
        """Speak now; the sound, 16 kHz, begins and ends with speech."""
        said = Said()
        self._tape.append((soxr.resample(sound, RATE, WIRE_RATE).astype(np.float32), said))
        return said

    async def reply(self, number: int) -> Reply:
        """Wait until the reply with this number begins."""
        with anyio.fail_after(PATIENCE):
            while len(self.replies) <= number:
                await self._began.wait()
        return self.replies[number]

    async def run(self) -> None:
        """Talk and listen until cancelled."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._speak)
            tasks.start_soon(self._listen)

    async def _speak(self) -> None:
        due = time.monotonic()
        left: Samples = np.zeros(0, np.float32)
        said: Said | None = None
        while True:
            began = False
            if not len(left) and self._tape:
                left, said = self._tape.popleft()
                began = True
            chunk, left = left[:CHUNK], left[CHUNK:]
            padded = np.zeros(CHUNK, np.float32)
            padded[: len(chunk)] = chunk
            audio = base64.b64encode(np.round(padded * 32767).astype("<i2").tobytes()).decode()
            await anyio.sleep(max(0.0, due - time.monotonic()))
            self.late = max(self.late, time.monotonic() - due)
            await self._socket.send(
                json.dumps({"type": "input_audio_buffer.append", "audio": audio})
            )
            if said is not None:
                if began:
                    said.began_at = due
                if not len(left):
                    said.ended_at = due
                    said.sent.set()
                    said = None
            due += CHUNK / WIRE_RATE

    async def _listen(self) -> None:
        async for message in self._socket:
            now = time.monotonic()
            self._take(json.loads(message), now)

    def _take(self, event: dict[str, Any], now: float) -> None:
        match event["type"]:
            case "input_audio_buffer.speech_started":
                self.turns += 1
            case "response.created":
                reply = self._responses[event["response"]["id"]] = Reply()
                self.replies.append(reply)
                self._began.set()
                self._began = anyio.Event()
            case "response.output_audio.delta":
                reply = self._responses[event["response_id"]]
                reply.last_at = now
                samples = np.frombuffer(base64.b64decode(event["delta"]), "<i2")
                loud = np.abs(samples.astype(np.float32)) >= AUDIBLE * 32767
                if reply.first_at is None and loud.any():
                    reply.first_at = now + int(loud.argmax()) / WIRE_RATE
                    reply.audible.set()
            case "response.done":
                response = event["response"]
                reply = self._responses[response["id"]]
                reply.status = response["status"]
                reply.latency = response.get("streamkit", {}).get("latency", {})
                reply.audible.set()
                reply.done.set()
            case "error":
                self.errors.append(str(event["error"]["message"]))


@asynccontextmanager
async def session(url: str) -> AsyncIterator[ClientConnection]:
    """Open a session with a server of the OpenAI Realtime protocol, `ws://HOST:PORT`.

    Raises:
        ConnectionLostError: there is no such server.
    """
    address = f"{url}/v1/realtime?model=benchmark"
    try:
        socket = await connect(address, compression=None, max_size=None, proxy=None)
    except (OSError, InvalidHandshake, InvalidURI) as error:
        raise ConnectionLostError(
            f"no voice agent answers at {url}: {error}; start one with `streamkit serve`, or leave "
            "--server out"
        ) from error
    async with socket:
        yield socket
