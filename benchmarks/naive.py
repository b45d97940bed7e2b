"""The baseline of the tutorials: decode the last three seconds every two, print what comes.

    python -m streamkit_benchmarks.naive --model DIRECTORY [--threads 1]

A deque holds the last `WINDOW_SECONDS` of a microphone; every `STEP_SECONDS` faster-whisper's
`transcribe` as it is (beam of five, no detector) runs over it, and the text is printed as final.
The second that two windows share is meant to save words at the edges; nothing removes what is
said twice.

One process holds one model for all clients, decoding in worker threads, as fair as a few lines
can be. Clients send int16 at 16 kHz in binary messages and "end"; they get `{"text": …}` for
each window, and the connection is closed after the last.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import numpy.typing as npt
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from streamkit_benchmarks.launch import launched
from streamkit_benchmarks.systems import RATE, Served, Setup, Show, UnavailableError

WINDOW_SECONDS = 3
STEP_SECONDS = 2
END = "end"
READY = r"naive baseline: (ws://\S+)"


class NaiveSystem:
    """The baseline as a system under test."""

    @property
    def name(self) -> str:
        """For tables."""
        return "naive loop"

    def version(self) -> str:
        """Of faster-whisper, which does all the work.

        Raises:
            UnavailableError: it is not installed.
        """
        try:
            return f"faster-whisper {version('faster-whisper')}"
        except PackageNotFoundError as error:
            raise UnavailableError("faster-whisper is missing: pip install streamkit") from error

    @contextmanager
    def serve(self, setup: Setup) -> Iterator[Served]:
        """Start this module as a program on a free port."""
        command = [
            sys.executable, "-m", "streamkit_benchmarks.naive",
            "--model", str(setup.model), "--threads", str(setup.threads),
        ]  # fmt: skip
        # Otherwise numpy takes all cores for the features, and its threads wait by spinning.
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        threads = dict.fromkeys(names, str(setup.threads))
        with launched(command, READY, environment=threads) as (process, ready):
            yield Served(ready[1], process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send the audio; every text that comes is final."""
        async with (
            connect(url, compression=None) as socket,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_listen, socket, show)
            async for message in audio:
                await socket.send(message)
            await socket.send(END)


async def _listen(socket: ClientConnection, show: Show) -> None:
    said = ""
    async for message in socket:
        said = f"{said} {json.loads(message)['text']}".strip()
        show(said, "")


def transcribe(model: Any, samples: npt.NDArray[np.int16]) -> str:
    """The text of a window."""
    segments, _ = model.transcribe(samples.astype(np.float32) / 32768, language="en", beam_size=5)
    return "".join(segment.text for segment in segments).strip()


async def listen(model: Any, socket: ServerConnection) -> None:
    """Serve one client."""
    window: deque[int] = deque(maxlen=WINDOW_SECONDS * RATE)
    fresh = 0

    async def say() -> None:
        samples = np.array(window, np.int16)
        text = await asyncio.to_thread(transcribe, model, samples)
        await socket.send(json.dumps({"text": text}))

    async for message in socket:
        if isinstance(message, str):
            break
        samples = np.frombuffer(message, np.int16)
        window.extend(samples.tolist())
        fresh += len(samples)
        if fresh >= STEP_SECONDS * RATE:
            fresh = 0
            await say()
    if fresh:
        await say()


async def run(model: Any) -> None:
    """Serve until the process is ended."""

    async def handler(socket: ServerConnection) -> None:
        await listen(model, socket)

    async with serve(handler, "127.0.0.1", 0, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"naive baseline: ws://127.0.0.1:{port}", flush=True)
        await asyncio.get_running_loop().create_future()


def main() -> None:
    """Load the model and serve."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    from faster_whisper import WhisperModel

    model = WhisperModel(
        str(arguments.model), device="cpu", cpu_threads=arguments.threads, local_files_only=True
    )
    asyncio.run(run(model))


if __name__ == "__main__":
    main()
