"""ufal/whisper_streaming: LocalAgreement over raw TCP, one client at a time.

Options, as its README has them for real time: `--min-chunk-size 1 --language en`, everything else
at its default (faster-whisper with a beam of 5 and word timestamps, buffer trimmed by segments
at 15 s). `--vac` (voice activity control) is "recommended" there and is on unless
`WhisperStreaming(vac=False)` is asked for. `--warmup-file` is a second of faint noise: it decodes
once before it listens. How it comes to run on a CPU is in `launchers/whisper_streaming.py`.

Its protocol: the client sends samples as they are; the server answers with lines
"BEGIN END TEXT" in milliseconds, each the words that it has just committed. It never shows what
it has not committed. The end of audio is the client's half of the connection being shut, after
which the server works on what it has, sends what that commits, and closes. What it had not
committed by then is lost: the call of `finish()` is commented out in its server.

It serves one client after the other; a second one waits until the first has gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketStream

from streamkit_benchmarks.peers import environments, processes
from streamkit_benchmarks.systems import Served, Setup, Show

RECIPE = environments.Recipe("whisper_streaming", marker="whisper_online_server.py")


def text_of(lines: list[str]) -> str:
    """What lines of the server's say together.

    A line's first word mostly has a space before it, but not where the detector has begun
    anew; lines are told apart by a viewer, so there is a space between them in either case.

    Args:
        lines: such as "320 1280  the red car", without their ends.
    """
    return " ".join(line.split(" ", 2)[2].strip() for line in lines)


@dataclass(frozen=True, slots=True)
class WhisperStreaming:
    """The peer as a `System`.

    Attributes:
        vac: whether its voice activity controller is on.
    """

    vac: bool = True

    @property
    def name(self) -> str:
        """For tables."""
        return "whisper_streaming" if self.vac else "whisper_streaming-no-vac"

    def version(self) -> str:
        """The commit that was installed."""
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
                *(str(environments.LAUNCHERS / "whisper_streaming.py"),),
                str(environments.source(RECIPE)),
                *("--host", "127.0.0.1", "--port", str(port)),
                *("--model_dir", str(setup.model), "--language", "en"),
                *("--min-chunk-size", "1", "--warmup-file", str(warm_up)),
                *("--log-level", "INFO"),
                *(["--vac"] if self.vac else []),
            ]
            with processes.running(command, setup, lambda: processes.listens(port)) as process:
                yield Served(f"tcp://127.0.0.1:{port}", process)

    async def converse(self, url: str, audio: AsyncIterator[bytes], show: Show) -> None:
        """Send samples, read lines until the server hangs up."""
        address = urlsplit(url)
        async with (
            await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as stream,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_send, stream, audio)
            lines: list[str] = []
            async for line in _lines(stream):
                lines.append(line)
                show(text_of(lines), "")
            tasks.cancel_scope.cancel()


async def _send(stream: SocketStream, audio: AsyncIterator[bytes]) -> None:
    try:
        async for chunk in audio:
            await stream.send(chunk)
        await stream.send_eof()
    except (anyio.BrokenResourceError, OSError):
        pass  # The server has hung up; the reader sees that, too.


async def _lines(stream: SocketStream) -> AsyncIterator[str]:
    pending = b""
    try:
        async for data in stream:
            *complete, pending = (pending + data).split(b"\n")
            for line in complete:
                yield line.decode("utf-8", errors="replace")
    except anyio.BrokenResourceError:
        pass
