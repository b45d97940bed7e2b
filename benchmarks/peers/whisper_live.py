"""collabora/WhisperLive: segments over a WebSocket, as the version at PyPI does them.

Options: the faster-whisper backend with a model of one's own, which all clients share (its
default for a custom model), `language` "en", and the defaults of its own client for the rest:
`use_vad` true, the last 10 segments in each message, `no_speech_thresh` 0.45,
`same_output_threshold` 10; the decoder's options are faster-whisper's defaults (beam of 5,
temperature fallback). On a CPU it takes int8 by itself. The limits of 4 clients and 600 s are
lifted, since they are the operator's to choose. Its threads are those of `OMP_NUM_THREADS`.

The package is installed without its dependencies, of which the server with this backend imports
a few only: the whole list needs PortAudio's headers, OpenVINO, Optimum and CUDA libraries.

Its protocol: one JSON message of options, "SERVER_READY", then float32 samples. The server answers
with the last segments, of which "completed" ones do not change any more. It decodes the audio
behind the last completed segment again and again, and completes a segment when another one
follows it in the same pass, or when it comes out the same eleven times.

At "END_OF_AUDIO" the server hangs up at once, with nothing transcribed that was not before. So its
own client for files and microphones waits until the text has not changed for 15 s and only then
sends it, and takes the last segment for what it is. That is done here, too.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import anyio
import numpy as np
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as connect_sync

from streamkit_benchmarks.peers import environments, processes
from streamkit_benchmarks.peers.waiting import Quiet, connected, messages
from streamkit_benchmarks.systems import Served, Setup, Show

RECIPE = environments.Recipe("whisper_live", distribution="whisper-live==0.10.0", alone=True)
GRACE_SECONDS = 15.0
END_OF_AUDIO = b"END_OF_AUDIO"


@dataclass
class Transcript:
    """What its messages add up to, by the rule of its streaming client.

    Attributes:
        committed: texts of all completed segments.
        tentative: text of the segment that was not completed in the last message.
    """

    committed: str = ""
    tentative: str = ""
    _seen: set[tuple[str, str, str]] = field(default_factory=set)

    def take(self, segments: list[dict[str, Any]]) -> bool:
        """Add the segments of one message; says whether anything changed."""
        before = self.committed, self.tentative
        self.tentative = ""
        for segment in segments:
            if not segment["completed"]:
                self.tentative = segment["text"].strip()
                continue
            key = segment["start"], segment["end"], segment["text"]
            if key not in self._seen:
                self._seen.add(key)
                self.committed = f"{self.committed} {segment['text'].strip()}".strip()
        return (self.committed, self.tentative) != before


def options(*, use_vad: bool = True) -> str:
    """The first message of a client."""
    return json.dumps(
        {
            "uid": str(uuid.uuid4()),
            "language": "en",
            "task": "transcribe",
            "model": "small",  # The server's own model takes its place.
            "use_vad": use_vad,
            "send_last_n_segments": 10,
            "no_speech_thresh": 0.45,
            "clip_audio": False,
            "same_output_threshold": 10,
            "enable_translation": False,
            "word_timestamps": False,
        }
    )


def check(message: dict[str, Any]) -> dict[str, Any]:
    """The message, unless it says that the server will not serve.

    Raises:
        ConnectionRefusedError: it does.
    """
    if message.get("status") in {"WAIT", "ERROR"}:
        raise ConnectionRefusedError(f"{message['status']}: {message['message']}")
    return message


class WhisperLive:
    """The peer as a `System`."""

    @property
    def name(self) -> str:
        """For tables."""
        return "WhisperLive"

    def version(self) -> str:
        """Of the installed package."""
        return environments.version(RECIPE)

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        """Start the server, and be its first client, for whom it loads the model."""
        self.version()
        port = processes.free_port()
        command = [
            *(str(environments.python(RECIPE)), "-I", "-u"),
            str(environments.LAUNCHERS / "whisper_live.py"),
            *(str(port), str(setup.model)),
        ]
        url = f"ws://127.0.0.1:{port}"
        with processes.running(command, setup, lambda: processes.listens(port)) as process:
            warm_up(url)
            yield Served(url, process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send samples, read segments until they have not changed for `GRACE_SECONDS`."""
        transcript = Transcript()
        async with connected(url) as socket:
            await socket.send(options())
            while check(json.loads(await socket.recv())).get("message") != "SERVER_READY":
                pass
            quiet = Quiet(GRACE_SECONDS)

            async def send() -> None:
                try:
                    async for chunk in audio:
                        await socket.send(as_float(chunk))
                    await quiet.wait()
                    await socket.send(END_OF_AUDIO)
                except ConnectionClosed:
                    pass  # The reader sees that, too.

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                async for message in messages(socket):
                    if transcript.take(check(message).get("segments", [])):
                        quiet.heard()
                        show(transcript.committed, transcript.tentative)
                tasks.cancel_scope.cancel()
        if transcript.tentative:
            show(f"{transcript.committed} {transcript.tentative}".strip(), "")


def warm_up(url: str) -> None:
    """Have the server load what it loads late: the model, and the detector in a second session.

    Noise is nothing to the detector, so only a session without it comes to decode.
    """
    noise = as_float(processes.noise(2.0))
    for use_vad in (False, True):
        with connect_sync(url, compression=None, max_size=None) as socket:
            socket.send(options(use_vad=use_vad))
            while check(json.loads(socket.recv(processes.START_SECONDS))).get("message") is None:
                pass
            socket.send(noise)
            with suppress(TimeoutError):  # It has nothing to say where it heard no words.
                socket.recv(timeout=3.0)
            socket.send(END_OF_AUDIO)


def as_float(chunk: bytes) -> bytes:
    """int16 samples as the float32 that its own clients send."""
    return (np.frombuffer(chunk, dtype="<i2").astype("<f4") / 32768).tobytes()
