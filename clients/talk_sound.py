"""Files in the place of the microphone and the loudspeaker, in real time."""

from __future__ import annotations

import itertools
import time
import wave
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import anyio
import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from streamkit.client.decode import decode
from streamkit.client.framing import Framer
from streamkit.client.playback import REALTIME_RATE, Part, PlaybackEvent, Position
from streamkit.client.player import QueuePlayer
from streamkit.client.sources import AudioBlock
from streamkit.errors import ConfigurationError

BLOCK_SECONDS = 0.02
"""Sound per block of a file."""

TAIL_SECONDS = 0.05
"""Silence behind each file."""


class FileMicrophone:
    """Files that are spoken one after the other when they are asked for, and silence between.

    Iterating gives a block every 20 ms, in real time, without end.

    Args:
        paths: any format that FFmpeg reads.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._blocks: Iterator[NDArray[np.int16]] = iter(())
        self._framer = Framer(REALTIME_RATE)
        self.sample_rate = REALTIME_RATE
        self.name = ", ".join(path.name for path in paths)
        self._spoken = anyio.Event()
        self._spoken.set()

    async def __aenter__(self) -> FileMicrophone:
        """Look at all files.

        Raises:
            ConfigurationError: one of them is not there, or may not be read.
            AudioFormatError: it holds no audio that FFmpeg can decode.
        """
        for path in self._paths:
            await anyio.to_thread.run_sync(decode, str(path), str(path), BLOCK_SECONDS)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing."""

    @property
    def left(self) -> int:
        """Files that were not begun."""
        return len(self._paths)

    async def speak_next(self) -> None:
        """Speak the next file, to its end; somebody has to be iterating."""
        path = str(self._paths.pop(0))
        rate, blocks = await anyio.to_thread.run_sync(decode, path, path, BLOCK_SECONDS)
        # Silence drives out what the resampler holds back of the end.
        self._blocks = itertools.chain(blocks, [np.zeros(round(rate * TAIL_SECONDS), np.int16)])
        self._framer = Framer(rate)
        self._spoken = anyio.Event()
        await self._spoken.wait()

    async def __aiter__(self) -> AsyncIterator[AudioBlock]:
        """Iterate over the sound.

        Raises:
            AudioFormatError: a file is damaged further on.
        """
        size = round(REALTIME_RATE * BLOCK_SECONDS)
        began, began_wall, given = anyio.current_time(), time.time(), 0
        rest = np.zeros(0, np.int16)
        while True:
            while len(rest) < size and not self._spoken.is_set():
                rest = np.concatenate([rest, await self._more()])
            samples, rest = rest[:size], rest[size:]
            samples = np.concatenate([samples, np.zeros(size - len(samples), np.int16)])
            captured_at = began_wall + given / REALTIME_RATE
            given += size
            # As a microphone does: at the moment of its last sample.
            await anyio.sleep_until(began + given / REALTIME_RATE)
            yield AudioBlock(samples, captured_at)

    async def _more(self) -> NDArray[np.int16]:
        """The next sound of the file; nothing at its end."""
        samples = await anyio.to_thread.run_sync(next, self._blocks, None, abandon_on_cancel=True)
        if samples is None:
            self._spoken.set()
            return np.zeros(0, np.int16)
        frames = self._framer.process(AudioBlock(samples, None), 0.0)
        return np.zeros(0, np.int16) if frames is None else frames.samples


class WavPlayer(QueuePlayer):
    """Plays into a WAV file, by the clock; a `Player`.

    What is in the file at second t is what a person would have heard t seconds after the
    beginning: silence while nothing is said, and nothing of what was interrupted.

    Args:
        path: of the file, which is valid at any time.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._began = 0.0
        self._written = 0
        self._raw: IO[bytes]
        self._file: wave.Wave_write
        self.name = path.name

    async def __aenter__(self) -> WavPlayer:
        """Create the file, and begin.

        Raises:
            ConfigurationError: it cannot be written.
        """
        try:
            # Opened here: the library's own opening leaves a half-made object behind on failure.
            self._raw = self._path.open("wb")
        except OSError as error:
            raise ConfigurationError(
                f"cannot write {self._path}: {error.strerror}; choose another --output"
            ) from error
        self._file = wave.open(self._raw, "wb")  # noqa: SIM115 - closed in __aexit__
        self._file.setnchannels(1)
        self._file.setsampwidth(2)
        self._file.setframerate(REALTIME_RATE)
        self._began = time.time()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the file."""
        self._advance()
        self._file.close()
        self._raw.close()

    def play(self, part: Part, samples: NDArray[np.int16]) -> None:
        """See `Player`."""
        self._advance()
        super().play(part, samples)

    def stop(self) -> list[Position]:
        """See `Player`."""
        self._advance()
        return super().stop()

    def poll(self) -> tuple[list[PlaybackEvent], Position | None]:
        """See `Player`."""
        self._advance()
        return super().poll()

    def _advance(self) -> None:
        """Write what was heard until now."""
        due = int((time.time() - self._began) * REALTIME_RATE) - self._written
        if due > 0:
            samples = self.take(due, self._began + self._written / REALTIME_RATE)
            self._file.writeframes(samples.astype("<i2", copy=False).tobytes())
            self._written += due
