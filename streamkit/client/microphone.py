"""The microphone, through PortAudio (extra `[mic]`)."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from streamkit.client.devices import (
    RECORDING,
    choose_device,
    list_devices,
    negotiate,
    portaudio,
)
from streamkit.client.sources import AudioBlock
from streamkit.errors import DeviceError

BLOCK_SECONDS = 0.032
"""Audio per callback: one window of the voice activity detector."""

QUEUE_SECONDS = 10.0
"""Audio that may wait for the reader before the oldest is dropped (and counted)."""

MAX_CAPTURE_DELAY = 2.0
"""A driver that claims a longer way from the converter to the callback is not believed."""


def capture_time(now: float, current: float, adc: float, frames: int, sample_rate: int) -> float:
    """Return the Unix time of a block's first sample.

    Args:
        now: Unix time at the callback.
        current: PortAudio's stream time at the callback.
        adc: PortAudio's stream time of the first sample at the converter.
        frames: samples in the block.
        sample_rate: samples per second.

    Some drivers leave `adc` at zero or on another clock. Then the block is taken to have
    ended just now; later it cannot have ended.
    """
    delay = current - adc
    length = frames / sample_rate
    if adc > 0 and length <= delay <= length + MAX_CAPTURE_DELAY:
        return now - delay
    return now - length


class BlockQueue:
    """Blocks on their way from PortAudio's thread to the reader.

    Args:
        bound: blocks that may wait; then the oldest is dropped, and the block that
            follows the gap says how many samples are missing before it.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._blocks: deque[tuple[NDArray[np.int16], float]] = deque()
        self._gap = 0
        self._lock = threading.Lock()

    def put(self, samples: NDArray[np.int16], captured_at: float) -> int:
        """Add a block; returns the samples dropped for it."""
        with self._lock:
            lost = 0
            if len(self._blocks) >= self._bound:
                lost = len(self._blocks.popleft()[0])
                self._gap += lost
            self._blocks.append((samples, captured_at))
            return lost

    def take(self) -> AudioBlock | None:
        """Take the oldest block, if there is one."""
        with self._lock:
            if not self._blocks:
                return None
            samples, captured_at = self._blocks.popleft()
            gap, self._gap = self._gap, 0
            return AudioBlock(samples, captured_at, gap)


class Microphone:
    """Live audio from a recording device; an `AudioSource`.

    Args:
        device: index, name or part of a name; None for the default.
        queue_seconds: audio that may wait for the reader. When it does not keep up the
            oldest is dropped; the next block says how much.
    """

    def __init__(self, device: str | None = None, *, queue_seconds: float = QUEUE_SECONDS) -> None:
        self._wanted = device
        self._name = "microphone"
        self._rate = 0
        self._channels = 1
        self._stream: Any = None
        self._queue = BlockQueue(max(1, round(queue_seconds / BLOCK_SECONDS)))
        self._stopped = False
        self._notify: Callable[[], None] = lambda: None
        self._arrived = asyncio.Event()
        self.live = True
        self.dropped = 0
        """Samples dropped so far because the reader did not keep up."""
        self.driver_overflows = 0
        """Times the driver itself reported that input was lost."""

    @property
    def sample_rate(self) -> int:
        """Samples per second, as negotiated with the device."""
        return self._rate

    @property
    def name(self) -> str:
        """The device's name."""
        return self._name

    async def __aenter__(self) -> Microphone:
        """Open the device and begin to record.

        Raises:
            DeviceError: no such device, it is busy, or it offers no usable format.
        """
        loop = asyncio.get_running_loop()
        self._notify = lambda: _call_soon(loop, self._arrived.set)
        await anyio.to_thread.run_sync(self._open)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the device."""
        self.stop()

    def stop(self) -> None:
        """Stop recording; blocks that are there are still delivered."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._stopped = True
        self._arrived.set()

    async def __aiter__(self) -> AsyncIterator[AudioBlock]:
        """Iterate over the recording.

        Raises:
            DeviceError: the device went away.
        """
        while True:
            self._arrived.clear()
            while (block := self._queue.take()) is not None:
                yield block
            if self._stopped:
                return
            if self._stream is not None and not self._stream.active:
                raise DeviceError(
                    f"{self._name} stopped recording; connect it again, or choose another "
                    "with --device (streamkit devices lists them)"
                )
            await self._arrived.wait()

    def _open(self) -> None:
        sounddevice = portaudio()
        device = choose_device(list_devices(RECORDING), self._wanted, RECORDING)
        self._name = device.name
        self._rate, self._channels = negotiate(device, RECORDING)
        try:
            self._stream = sounddevice.InputStream(
                samplerate=self._rate,
                blocksize=round(self._rate * BLOCK_SECONDS),
                device=device.index,
                channels=self._channels,
                dtype="int16",
                latency="low",
                callback=self._take,
                finished_callback=lambda: self._notify(),
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(
                f"cannot record from {device.name} at {self._rate} Hz ({error}); close other "
                "programs that use it, or choose another with --device"
            ) from error

    def _take(self, data: NDArray[np.int16], frames: int, times: Any, status: Any) -> None:
        """Called by PortAudio in its own thread, for every block."""
        captured_at = capture_time(
            time.time(), times.currentTime, times.inputBufferAdcTime, frames, self._rate
        )
        if status.input_overflow:
            self.driver_overflows += 1
        self.dropped += self._queue.put(_mono(data), captured_at)
        self._notify()


def _mono(data: NDArray[np.int16]) -> NDArray[np.int16]:
    """Mix int16 of shape (n, channels) to a new array of shape (n,)."""
    # PortAudio uses the buffer again after the callback, so one channel is copied too.
    if data.shape[1] == 1:
        return data[:, 0].copy()
    mixed: NDArray[np.int16] = data.mean(axis=1).astype(np.int16)
    return mixed


def _call_soon(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    # PortAudio's thread may come once more when the loop is gone already.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(callback)
