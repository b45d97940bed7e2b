"""KoljaB/RealtimeSTT behind the FastAPI server that its package contains.

Of the three servers in the package this is the one with live captions for many clients:
`stt-server` records from a microphone of its own and serves one, and the "production" server has
no voice activity detector to end a sentence by. Options: the given model both for what is shown
while somebody speaks and for the final text of each sentence, which is how it is made
(`--model`, `--realtime-model`; each is loaded for itself and works in a thread of its own),
`--device cpu --compute-type int8 --language en`, and everything else at its default: a beam of 3
while speaking and of 5 at the end, faster-whisper's batched pipeline, a sentence ends after 0.55 s
of silence and is cut at 30 s. The limit of 4 sessions is lifted, since it is the operator's to
choose. Its threads are those of `OMP_NUM_THREADS`. It takes connections before its models are
loaded and have decoded once; its `/health` tells when they have.

The package is installed without its dependencies: PyAudio would need PortAudio's headers, and is
only imported for a microphone. Its Silero detector comes from the package `silero-vad`.

Its protocol: packets of samples behind a small JSON header, answered by JSON messages; "realtime"
ones with the text of a numbered segment so far, "final" ones with what it comes to. Only the latter
count as committed here: a "committedStableText" in the former is what the server expects to last,
and the final text replaces it, whatever it was. "stop" ends
the audio: the sentence that is being spoken gets its final text. Nothing tells that this was
the last one, so the client leaves when no text has come for a while.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import Any

import anyio
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from streamkit_benchmarks.peers import environments, processes
from streamkit_benchmarks.peers.waiting import Quiet, connected, messages
from streamkit_benchmarks.systems import RATE, Served, Setup, Show

RECIPE = environments.Recipe("realtimestt", distribution="realtimestt==1.1.2", alone=True)
GRACE_SECONDS = 10.0


@dataclass
class Transcript:
    """What its messages add up to, by the rule of the page that it serves to browsers."""

    _texts: dict[int, str] = field(default_factory=dict)
    _finals: set[int] = field(default_factory=set)

    def take(self, message: dict[str, Any]) -> bool:
        """Apply a message; says whether any text changed or became final."""
        if message.get("type") not in {"realtime", "final"}:
            return False
        before = self.committed, self.tentative
        segment = int(message["segmentId"])
        if message["type"] == "final":
            self._texts[segment] = message["text"]
            self._finals.add(segment)
        else:
            self._texts[segment] = message.get("displayText") or message["text"]
            self._finals.discard(segment)
        return (self.committed, self.tentative) != before

    @property
    def committed(self) -> str:
        """The text of all final segments."""
        return " ".join(self._texts[segment] for segment in sorted(self._finals))

    @property
    def tentative(self) -> str:
        """The text of the segments behind the last final one."""
        last = max(self._finals, default=-1)
        return " ".join(self._texts[segment] for segment in sorted(self._texts) if segment > last)


def packet(chunk: bytes) -> bytes:
    """A message of audio: the length of a header, the header, the samples.

    Args:
        chunk: int16 samples.
    """
    header = json.dumps(
        {"sampleRate": RATE, "channels": 1, "format": "pcm_s16le", "frames": len(chunk) // 2}
    ).encode()
    return struct.pack("<I", len(header)) + header + chunk


def is_ready(port: int) -> bool:
    """Whether the server's own account of its health says so."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health")
        return bool(json.loads(connection.getresponse().read())["ready"])
    except OSError:
        return False
    finally:
        connection.close()


def warm_up(url: str) -> None:
    """Have the server load what it loads for its first client only."""
    noise = processes.noise(1.0)
    with connect_sync(url, compression=None, max_size=None) as socket:
        while check(json.loads(socket.recv(processes.START_SECONDS)))["type"] != "ready":
            pass
        socket.send(json.dumps({"type": "start"}))
        socket.send(packet(noise))
        socket.send(json.dumps({"type": "stop"}))
        while json.loads(socket.recv(processes.START_SECONDS)).get("state") != "idle":
            pass


def check(message: dict[str, Any]) -> dict[str, Any]:
    """The message, unless it says that the server takes no client.

    Raises:
        ConnectionRefusedError: it does.
    """
    if message["type"] == "error":
        raise ConnectionRefusedError(message["message"])
    return message


class RealtimeSTT:
    """The peer as a `System`."""

    @property
    def name(self) -> str:
        """For tables."""
        return "RealtimeSTT"

    def version(self) -> str:
        """Of the installed package."""
        return environments.version(RECIPE)

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        """Start the server, and be its first client, for whom it loads the detectors."""
        self.version()
        port = processes.free_port()
        model = str(setup.model)
        command = [
            *(str(environments.python(RECIPE)), "-I", "-u", "-m", "example_fastapi_server.server"),
            *("--host", "127.0.0.1", "--port", str(port)),
            *("--model", model, "--realtime-model", model, "--language", "en"),
            *("--device", "cpu", "--compute-type", "int8"),
            *("--max-sessions", "64", "--max-active-speakers", "64"),
        ]
        with processes.running(command, setup, lambda: is_ready(port)) as process:
            url = f"ws://127.0.0.1:{port}/ws/transcribe"
            warm_up(url)
            yield Served(url, process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send packets, read texts until none has come for `GRACE_SECONDS`."""
        transcript = Transcript()
        async with connected(url) as socket:
            while check(json.loads(await socket.recv()))["type"] != "ready":
                pass
            await socket.send(json.dumps({"type": "start"}))
            quiet = Quiet(GRACE_SECONDS)

            async def send() -> None:
                try:
                    async for chunk in audio:
                        await socket.send(packet(chunk))
                    await socket.send(json.dumps({"type": "stop"}))
                    await quiet.wait()
                    await socket.close()
                except ConnectionClosed:
                    pass  # The reader sees that, too.

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                async for message in messages(socket):
                    if transcript.take(message):
                        quiet.heard()
                        show(transcript.committed, transcript.tentative)
                tasks.cancel_scope.cancel()
