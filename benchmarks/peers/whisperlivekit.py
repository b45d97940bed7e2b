"""QuentinFuxa/WhisperLiveKit with its LocalAgreement policy, over its own WebSocket.

Its default policy, SimulStreaming (AlignAtt), decodes with PyTorch weights; given a CTranslate2
model alone only `--backend-policy localagreement --backend faster-whisper` can run, which is the
one measured here. Everything else is at its default: voice activity control with the Silero model
that it ships, `--min-chunk-size 0.1`, a beam of 5 with word timestamps, buffer trimmed by segments
at 15 s, all of the transcript in each message. `--pcm-input` spares it FFmpeg. On a CPU it lets
CTranslate2 choose the type ("auto"), which is int8. `--warmup-file` is a second of faint noise
instead of a recording that it would download. Its threads are those of `OMP_NUM_THREADS`.

Its protocol: int16 samples, answered by JSON messages with the whole transcript as "lines", and in
"buffer_transcription" what has not been agreed on. An empty message is the end of audio; the
server works on what it has and says "ready_to_stop".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import anyio
from websockets.exceptions import ConnectionClosed

from streamkit_benchmarks.peers import environments, processes
from streamkit_benchmarks.peers.waiting import Quiet, connected, messages
from streamkit_benchmarks.systems import Served, Setup, Show

RECIPE = environments.Recipe("whisperlivekit", distribution="whisperlivekit==0.2.26")
SILENCE = -2
"""The "speaker" of lines that stand for silence."""

GRACE_SECONDS = 30.0
"""How long it may say nothing at all, once the audio has ended, before it is given up."""


def texts_of(message: dict[str, Any]) -> tuple[str, str] | None:
    """What is committed and what is tentative, if a message says so.

    Args:
        message: any message of the server's.
    """
    if "lines" not in message:
        return None
    spoken = (
        str(line["text"]).strip()
        for line in message["lines"]
        if line["speaker"] != SILENCE and line["text"]
    )
    return " ".join(spoken), str(message["buffer_transcription"]).strip()


class WhisperLiveKit:
    """The peer as a `System`."""

    @property
    def name(self) -> str:
        """For tables."""
        return "WhisperLiveKit-LocalAgreement"

    def version(self) -> str:
        """Of the installed package."""
        return environments.version(RECIPE)

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        """Start the server; it loads and warms its model before it listens."""
        self.version()
        port = processes.free_port()
        with TemporaryDirectory() as folder:
            warm_up = Path(folder) / "noise.wav"
            processes.write_noise(warm_up)
            command = [
                *(str(environments.python(RECIPE)), "-I", "-u"),
                *("-m", "whisperlivekit.basic_server"),
                *("--host", "127.0.0.1", "--port", str(port)),
                *("--backend-policy", "localagreement", "--backend", "faster-whisper"),
                *("--model_dir", str(setup.model), "--language", "en"),
                *("--pcm-input", "--warmup-file", str(warm_up), "--log-level", "INFO"),
            ]
            with processes.running(command, setup, lambda: processes.listens(port)) as process:
                yield Served(f"ws://127.0.0.1:{port}/asr", process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send samples, read transcripts until the server is ready to stop."""
        shown = "", ""
        async with connected(url) as socket:
            quiet = Quiet(GRACE_SECONDS)

            async def send() -> None:
                try:
                    async for chunk in audio:
                        await socket.send(chunk)
                    await socket.send(b"")
                    await quiet.wait()
                    await socket.close()
                except ConnectionClosed:
                    pass  # The reader sees that, too.

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                async for message in messages(socket):
                    quiet.heard()
                    texts = texts_of(message)
                    if texts is not None and texts != shown:
                        shown = texts
                        show(*texts)
                    if message.get("type") == "ready_to_stop":
                        break
                tasks.cancel_scope.cancel()
