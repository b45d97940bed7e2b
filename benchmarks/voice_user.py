"""Somebody who talks with a voice agent over a real socket, and keeps the time.

The microphone is never off: a chunk of 20 ms leaves every 20 ms, when its last sample would have
been captured; speech where there is some and silence where not. So the capture time of every
sample follows from the grid alone. All other times are when messages came in.
"""

from __future__ import annotations

import base64
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import anyio
import numpy as np
from websockets.asyncio.client import ClientConnection

from streamkit.errors import ConnectionLostError
from streamkit_benchmarks.voice_loudspeaker import Loudspeaker
from streamkit_benchmarks.voice_sounds import CHUNK, WIRE_RATE, Samples, Sound, loud_samples

EPOCH: Final = time.time() - time.monotonic()
"""Unix seconds when the monotonic clock was 0: a Unix clock that nobody sets while it runs."""

CHUNK_SECONDS: Final = CHUNK / WIRE_RATE
LOOK_SECONDS: Final = 0.02
"""How often somebody who waits looks whether it has come."""

KEPT_ERRORS: Final = 20
_SILENCE: Final = base64.b64encode(bytes(2 * CHUNK)).decode()


def now() -> float:
    """Seconds on the clock of all times of this benchmark."""
    return time.monotonic()


@dataclass(slots=True)
class Said:
    """A sound that a person has made.

    Attributes:
        sound: the sound.
        began_at: when its first sample was captured.
        sent: all of it has left.
    """

    sound: Sound
    began_at: float = float("inf")
    sent: bool = False

    @property
    def onset(self) -> float:
        """When its first loud sample was captured."""
        return self.began_at + self.sound.loud[0] / WIRE_RATE

    @property
    def end(self) -> float:
        """When its last loud sample had been captured."""
        return self.began_at + (self.sound.loud[1] + 1) / WIRE_RATE


@dataclass(slots=True)
class Reply:
    """One response as it came in.

    Attributes:
        id: of the response.
        created_at: when it was announced.
        audible_at: when the message came that has its first loud sample; None: there is none.
        last_at: when the last sound came.
        done_at: when it was over.
        status: how it ended.
        told: what a streamkit server says of the turn; of others nothing.
        item: id of what is spoken.
    """

    id: str
    created_at: float
    audible_at: float | None = None
    last_at: float | None = None
    done_at: float | None = None
    status: str | None = None
    told: dict[str, Any] = field(default_factory=dict)
    item: tuple[str, int] | None = None


class VoiceUser:
    """A microphone, a pair of ears and a watch; `run` is its task.

    Args:
        socket: an open session.
        jitter: seconds of sound that the client waits for before it plays.
        ours: the server is streamkit, and is told when each chunk was captured.

    Attributes:
        replies: all so far, by id, the oldest first.
        at_once: a client that plays what comes at once.
        speaker: one with the jitter buffer; what it plays the person hears.
        errors: what the server has complained about.
        late: by how much each chunk left after it was due, seconds.
        started_at: when the first sample was captured.
    """

    def __init__(self, socket: ClientConnection, *, jitter: float, ours: bool) -> None:
        self.replies: dict[str, Reply] = {}
        self.at_once = Loudspeaker(0.0)
        self.speaker = Loudspeaker(jitter)
        self.errors: list[str] = []
        self.late: list[float] = []
        self.started_at = now()
        self._socket = socket
        self._ours = ours
        self._tape: deque[Said] = deque()

    def say(self, sound: Sound) -> Said:
        """Say this now, from the next chunk on."""
        said = Said(sound)
        self._tape.append(said)
        return said

    async def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so; False: it was not within that time."""
        deadline = now() + seconds
        while not true():
            if now() >= deadline:
                return False
            await anyio.sleep(LOOK_SECONDS)
        return True

    @property
    def busy(self) -> bool:
        """A reply is being made or played."""
        unfinished = any(reply.done_at is None for reply in self.replies.values())
        return unfinished or not self.speaker.silent(now())

    def take(self, event: dict[str, Any], at: float) -> list[dict[str, Any]]:
        """Take in an event of the server; gives what is to be answered."""
        match event["type"]:
            case "input_audio_buffer.speech_started":
                return self._flush(at)
            case "streamkit.hold":
                for ear in (self.at_once, self.speaker):
                    ear.hold(at)
            case "streamkit.resume":
                for ear in (self.at_once, self.speaker):
                    ear.resume(at)
            case "response.created":
                self._reply(event["response"]["id"], at)
            case "response.output_audio.delta":
                samples = np.frombuffer(base64.b64decode(event["delta"]), "<i2")
                self._hear(event, samples, at)
            case "response.done":
                response = event["response"]
                reply = self._reply(response["id"], at)
                reply.done_at = at
                reply.status = response.get("status")
                reply.told |= response.get("streamkit") or {}
                for ear in (self.at_once, self.speaker):
                    ear.finish(reply.id)
            case "error":
                if len(self.errors) < KEPT_ERRORS:
                    self.errors.append(str(event.get("error", {}).get("message")))
            case _:
                pass
        return []

    def _reply(self, name: str, at: float) -> Reply:
        return self.replies.setdefault(name, Reply(name, at))

    def _hear(self, event: dict[str, Any], samples: Samples, at: float) -> None:
        reply = self._reply(event["response_id"], at)
        reply.last_at = at
        reply.item = (event.get("item_id", ""), event.get("content_index", 0))
        if reply.audible_at is None and loud_samples(samples).any():
            reply.audible_at = at
            told = event.get("streamkit") or {}
            reply.told |= {
                key: told[key] for key in ("latency", "speech", "audible_sent_at") if key in told
            }
        for ear in (self.at_once, self.speaker):
            ear.receive(at, reply.id, samples)

    def _flush(self, at: float) -> list[dict[str, Any]]:
        """The person is heard to speak: nothing more is played, and the server is told so."""
        self.at_once.flush(at)
        answers: list[dict[str, Any]] = []
        for name in self.speaker.flush(at):
            item = self.replies[name].item
            if item is None or not item[0]:
                continue
            played = self.speaker.played[name].samples_until(at)
            answers.append(
                {
                    "type": "conversation.item.truncate",
                    "item_id": item[0],
                    "content_index": item[1],
                    "audio_end_ms": played * 1000 // WIRE_RATE,
                }
            )
        return answers

    def forget(self) -> None:
        """Let go of replies that are over and judged."""
        at = now()
        for ear in (self.at_once, self.speaker):
            ear.forget(at)
        self.replies = {
            name: reply
            for name, reply in self.replies.items()
            if reply.done_at is None or name in self.speaker.played
        }

    async def run(self) -> None:
        """Talk and listen until cancelled.

        Raises:
            ConnectionLostError: the server hangs up, or says what nobody understands.
        """
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._speak)
            await self._listen()

    async def _speak(self) -> None:
        self.started_at = now()
        said: Said | None = None
        number = place = 0
        while True:
            captured = self.started_at + number * CHUNK_SECONDS
            number += 1
            due = captured + CHUNK_SECONDS
            await anyio.sleep(max(0.0, due - now()))
            if said is None and self._tape:
                said, place = self._tape.popleft(), 0
                said.began_at = captured
            audio = _SILENCE if said is None else said.sound.messages[place]
            self.late.append(now() - due)
            await self._socket.send(self._message(audio, captured))
            if said is not None:
                place += 1
                if place == len(said.sound.messages):
                    said.sent = True
                    said = None

    def _message(self, audio: str, captured: float) -> str:
        """Written by hand: with dozens of persons thousands of these leave in a second."""
        begin = f'{{"type":"input_audio_buffer.append","audio":"{audio}"'
        if not self._ours:
            return begin + "}"
        return f'{begin},"streamkit":{{"captured_at":{captured + EPOCH:.6f}}}}}'

    async def _listen(self) -> None:
        async for message in self._socket:
            at = now()
            try:
                answers = self.take(json.loads(message), at)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                raise ConnectionLostError(
                    "the server sent an event that is none of the protocol's "
                    f"({type(error).__name__}: {error}): {message[:200]!r}"
                ) from error
            for answer in answers:
                await self._socket.send(json.dumps(answer))
        raise ConnectionLostError(
            f"the server hung up: {self._socket.close_code} {self._socket.close_reason}"
        )
