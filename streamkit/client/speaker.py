"""The loudspeaker, through PortAudio (extra `[talk]`)."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

import anyio.to_thread
import numpy as np
from numpy.typing import NDArray

from streamkit.audio.resample import StreamingResampler
from streamkit.client.devices import (
    PLAYING,
    choose_device,
    list_devices,
    negotiate,
    portaudio,
)
from streamkit.client.echo import Reference
from streamkit.client.playback import REALTIME_RATE, PlaybackEvent, Position
from streamkit.client.player import QueuePlayer
from streamkit.errors import DeviceError

BLOCK_SECONDS = 0.01
"""Sound per callback."""

BUFFER_SECONDS = 0.04
"""Sound that the device is asked to hold: what still sounds after `stop`, and what a busy
program may be late without a gap."""

MAX_PLAY_DELAY = 2.0
"""A driver that claims a longer way from the callback to the loudspeaker is not believed."""


def play_time(now: float, current: float, dac: float, latency: float) -> float:
    """Return the Unix time at which a block's first sample is heard.

    Args:
        now: Unix time at the callback.
        current: PortAudio's stream time at the callback.
        dac: PortAudio's stream time of the first sample at the converter.
        latency: what the stream says its latency is, in seconds.

    Some drivers leave `dac` at zero or on another clock.
    """
    delay = dac - current
    return now + (delay if dac > 0 and 0 <= delay <= MAX_PLAY_DELAY else latency)


class DeviceFeed:
    """What a device takes from a player, at the device's own rate.

    Args:
        take: gives so many samples at `REALTIME_RATE`, the first of which is heard at a time.
        rate: samples per second of the device.
    """

    def __init__(self, take: Callable[[int, float], NDArray[np.int16]], rate: int) -> None:
        self._take = take
        self._rate = rate
        self._resampler = StreamingResampler(REALTIME_RATE, rate)
        self._ready = np.zeros(0, np.float32)
        self._taken = 0
        self._given = 0

    def give(self, frames: int, at: float) -> NDArray[np.int16]:
        """The next samples for the device, int16 of shape (frames,), heard from `at` on."""
        if self._rate == REALTIME_RATE:
            return self._take(frames, at)
        step = round(REALTIME_RATE * BLOCK_SECONDS)
        while len(self._ready) < frames:
            # The resampler holds some back, so what is taken now is heard after this block.
            heard = at + self._taken / REALTIME_RATE - self._given / self._rate
            taken = self._take(step, heard).astype(np.float32)
            self._taken += step
            self._ready = np.concatenate([self._ready, self._resampler.process(taken)])
        block, self._ready = self._ready[:frames], self._ready[frames:]
        self._given += frames
        return np.clip(np.rint(block), -32768, 32767).astype(np.int16)


class Speaker(QueuePlayer):
    """Plays on a device; a `Player`.

    The device is asked for a buffer of `BUFFER_SECONDS`; what `stop` returns counts it as heard,
    since it is. A device that does not take `REALTIME_RATE` gets the sound resampled.

    Args:
        device: index, name or part of a name; None for the default.
        reference: gets everything that is played, silence included.
    """

    def __init__(self, device: str | None = None, *, reference: Reference | None = None) -> None:
        super().__init__(reference)
        self._wanted = device
        self._name = "loudspeaker"
        self._stream: Any = None
        self._feed = DeviceFeed(self.take, REALTIME_RATE)
        self.device_underruns = 0
        """Times that the device itself reported a gap: the program was late."""

    @property
    def name(self) -> str:
        """The device's name."""
        return self._name

    @property
    def latency(self) -> float:
        """Seconds that the device holds, as it says."""
        return 0.0 if self._stream is None else float(self._stream.latency)

    async def __aenter__(self) -> Speaker:
        """Open the device.

        Raises:
            DeviceError: no such device, it is busy, or it offers no usable format.
        """
        await anyio.to_thread.run_sync(self._open)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the device; what is in its buffer is not heard any more."""
        if self._stream is not None:
            self._stream.abort()
            self._stream.close()
            self._stream = None

    def poll(self) -> tuple[list[PlaybackEvent], Position | None]:
        """See `Player`."""
        if self._stream is not None and not self._stream.active:
            raise DeviceError(
                f"{self._name} stopped playing; connect it again, or choose another with --speaker"
            )
        return super().poll()

    def _open(self) -> None:
        sounddevice = portaudio()
        device = choose_device(list_devices(PLAYING), self._wanted, PLAYING)
        self._name = device.name
        rate, channels = negotiate(device, PLAYING)
        self._feed = DeviceFeed(self.take, rate)
        try:
            self._stream = sounddevice.OutputStream(
                samplerate=rate,
                blocksize=round(rate * BLOCK_SECONDS),
                device=device.index,
                channels=channels,
                dtype="int16",
                latency=BUFFER_SECONDS,
                callback=self._give,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(
                f"cannot play on {device.name} at {rate} Hz ({error}); close other programs "
                "that use it, or choose another with --speaker"
            ) from error

    def _give(self, data: NDArray[np.int16], frames: int, times: Any, status: Any) -> None:
        """Called by PortAudio in its own thread, for every block."""
        if status.output_underflow:
            self.device_underruns += 1
        at = play_time(time.time(), times.currentTime, times.outputBufferDacTime, self.latency)
        data[:] = self._feed.give(frames, at)[:, np.newaxis]
