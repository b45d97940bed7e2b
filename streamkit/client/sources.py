"""Where the audio of a client comes from: a file, a pipe, or (microphone.py) a microphone."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from streamkit.client.decode import decode, pcm_blocks
from streamkit.client.stoppable import StoppableReader

BLOCK_SECONDS = 0.05
"""Audio per block of a file or pipe: small beside the recognizer's own step."""

SILENCE_DBFS = -100.0
"""Level given for digital silence."""


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Some audio as a source delivers it.

    `samples` are int16 of shape (n,); `captured_at` is the Unix time of the first one, None
    where it has no meaning; `dropped` samples before it were lost on this machine.
    """

    samples: NDArray[np.int16]
    captured_at: float | None
    dropped: int = 0


class AudioSource(Protocol):
    """Mono audio, block after block.

    Inside `async with`, `sample_rate` and `name` are known, and one iteration over the
    source is possible. It ends when the audio ends or after `stop`, and what was captured
    before `stop` is still delivered. `live` sources cannot wait for their reader.
    """

    live: bool

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        ...

    @property
    def name(self) -> str:
        """What a person calls it."""
        ...

    async def __aenter__(self) -> AudioSource:
        """Open the source; raises a `StreamkitError` when that is not possible."""
        ...

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release the source."""
        ...

    def __aiter__(self) -> AsyncIterator[AudioBlock]:
        """Iterate over the audio; see the class."""
        ...

    def stop(self) -> None:
        """End the iteration soon; may be called from the event loop's thread only."""
        ...


async def paced(
    blocks: AsyncIterator[NDArray[np.int16]],
    sample_rate: int,
    wait_until: Callable[[float], Awaitable[bool]],
    *,
    began: float,
    began_wall: float,
) -> AsyncIterator[AudioBlock]:
    """Deliver each block when a microphone would: at the moment of its last sample.

    The schedule is absolute, so a late block does not delay those after it.

    Args:
        blocks: int16 samples of shape (n,).
        sample_rate: samples per second.
        wait_until: waits for a time on the monotonic clock; False ends the audio.
        began: monotonic time of the first sample.
        began_wall: Unix time of the first sample.
    """
    position = 0
    async for samples in blocks:
        captured_at = began_wall + position / sample_rate
        position += len(samples)
        if not await wait_until(began + position / sample_rate):
            return
        yield AudioBlock(samples, captured_at)


class FileSource:
    """An audio or video file, decoded to mono, in real time or as fast as it is taken.

    Args:
        path: any format that FFmpeg reads.
        fast: do not wait for real time; blocks have no capture time then.
    """

    def __init__(self, path: Path, *, fast: bool = False) -> None:
        self._path = path
        self._fast = fast
        self._stopped = anyio.Event()
        self._rate = 0
        self._blocks: Iterator[NDArray[np.int16]] = iter(())
        self.live = False

    @property
    def sample_rate(self) -> int:
        """Samples per second: the file's own if it is telephone to wideband, else 16000."""
        return self._rate

    @property
    def name(self) -> str:
        """The file's name."""
        return self._path.name

    async def __aenter__(self) -> FileSource:
        """Open the file.

        Raises:
            ConfigurationError: there is no such file, or it may not be read.
            AudioFormatError: it holds no audio that FFmpeg can decode.
        """
        self._rate, self._blocks = await anyio.to_thread.run_sync(
            decode, str(self._path), str(self._path), BLOCK_SECONDS
        )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop reading."""
        self.stop()

    def stop(self) -> None:
        """End the audio at the present place."""
        self._stopped.set()

    def __aiter__(self) -> AsyncIterator[AudioBlock]:
        """Iterate over the file.

        Raises:
            AudioFormatError: the file is damaged further on.
        """
        blocks = in_thread(self._blocks)
        if self._fast:
            return self._unpaced(blocks)
        return paced(
            blocks,
            self._rate,
            self._wait_until,
            began=anyio.current_time(),
            began_wall=time.time(),
        )

    async def _unpaced(self, blocks: AsyncIterator[NDArray[np.int16]]) -> AsyncIterator[AudioBlock]:
        async for samples in blocks:
            if self._stopped.is_set():
                return
            yield AudioBlock(samples, None)

    async def _wait_until(self, moment: float) -> bool:
        with anyio.CancelScope(deadline=moment):
            await self._stopped.wait()
        return not self._stopped.is_set()


class PipeSource:
    """Audio from a pipe, taken as it comes: raw linear16 mono, or any container.

    Args:
        descriptor: file descriptor to read, 0 for stdin.
        rate: samples per second of raw linear16; None for a container that says itself.
    """

    def __init__(self, descriptor: int = 0, *, rate: int | None = None) -> None:
        self._raw_rate = rate
        self._reader = StoppableReader(descriptor)
        self._rate = rate or 0
        self._blocks: Iterator[NDArray[np.int16]] = iter(())
        self.live = False

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self._rate

    @property
    def name(self) -> str:
        """How the command line calls it."""
        return "stdin"

    async def __aenter__(self) -> PipeSource:
        """Wait for the first bytes, unless the audio is raw.

        Raises:
            AudioFormatError: they begin no format that FFmpeg knows.
        """
        if self._raw_rate is not None:
            self._blocks = pcm_blocks(self._reader, self._raw_rate, BLOCK_SECONDS)
        else:
            self._rate, self._blocks = await anyio.to_thread.run_sync(
                decode, self._reader, "stdin", BLOCK_SECONDS, abandon_on_cancel=True
            )
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop reading."""
        self.stop()

    def stop(self) -> None:
        """End the audio with what has been read."""
        self._reader.stop()

    async def __aiter__(self) -> AsyncIterator[AudioBlock]:
        """Iterate over the pipe; the capture time is the time of reading.

        Raises:
            AudioFormatError: the stream is damaged further on.
        """
        async for samples in in_thread(self._blocks):
            yield AudioBlock(samples, time.time() - len(samples) / self._rate)


async def in_thread(blocks: Iterator[NDArray[np.int16]]) -> AsyncIterator[NDArray[np.int16]]:
    """Iterate in a worker thread, because decoding and pipes block."""
    while True:
        samples = await anyio.to_thread.run_sync(next, blocks, None, abandon_on_cancel=True)
        if samples is None:
            return
        yield samples


def level_dbfs(samples: NDArray[np.int16]) -> float:
    """Return the RMS level in dB relative to full scale, at least `SILENCE_DBFS`.

    Args:
        samples: int16 of shape (n,).
    """
    if not len(samples):
        return SILENCE_DBFS
    rms = math.sqrt(float(np.mean(np.square(samples.astype(np.float64))))) / 32768
    return max(SILENCE_DBFS, 20 * math.log10(rms)) if rms > 0 else SILENCE_DBFS
