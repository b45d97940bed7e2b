"""Raw audio without a header, and the interface that every decoder of audio bytes has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from streamkit.audio import convert, layouts
from streamkit.audio.convert import Samples
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.layouts import SampleLayout
from streamkit.audio.limits import (
    MAX_CHANNELS,
    MAX_SAMPLE_RATE,
    MIN_SAMPLE_RATE,
    check_channels,
    check_sample_rate,
)
from streamkit.errors import AudioFormatError

__all__ = [
    "MAX_CHANNELS",
    "MAX_SAMPLE_RATE",
    "MIN_SAMPLE_RATE",
    "RAW_ENCODINGS",
    "AudioFormat",
    "InterleavedDecoder",
    "PcmDecoder",
    "SampleDecoder",
    "to_linear16",
]

RAW_ENCODINGS: Final = {
    "linear16": layouts.LINEAR16,
    "linear32": layouts.LINEAR32,
    "mulaw": layouts.MULAW,
    "alaw": layouts.ALAW,
}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """The declared format of raw, headerless, interleaved audio.

    Attributes:
        encoding: `linear16` (signed, little endian), `linear32` (IEEE float, little endian),
            `mulaw` or `alaw` (G.711).
        sample_rate: Frames per second, 8000 to 48000.
        channels: Samples per frame, 1 to 8.

    Raises:
        AudioFormatError: One of these is not supported.
    """

    encoding: str
    sample_rate: int
    channels: int

    def __post_init__(self) -> None:
        if self.encoding not in RAW_ENCODINGS:
            raise AudioFormatError(
                f"raw encoding {self.encoding!r} is not supported; "
                f"accepted are {', '.join(RAW_ENCODINGS)}"
            )
        check_sample_rate(self.sample_rate)
        check_channels(self.channels)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame: one sample of every channel."""
        return RAW_ENCODINGS[self.encoding].width * self.channels


class SampleDecoder(Protocol):
    """Audio bytes in, in whatever pieces they arrive; samples out, as soon as they are known.

    What every implementation guarantees:

    - Pieces have shape `(frames, channels)`, dtype float32, finite values in [-1, 1]. While the
      number of channels is not known an empty piece has shape `(0, 1)`.
    - The concatenated pieces do not depend on how the bytes were cut (`OpusPacketDecoder` alone
      needs one packet per message). Nothing is lost at the end of the stream.
    - Bad data raises `AudioFormatError`, after all samples before it have been handed out.
    - One call returns a bounded number of frames. While `backlog` is true there is more to get
      without new bytes: call `feed(b"")`, or after the end `flush()`, again.
      `streamkit.audio.decoders.decode` is that loop.
    """

    @property
    def sample_rate(self) -> int | None:
        """Frames per second; None until known, which is with the first frames at the latest."""

    @property
    def channels(self) -> int | None:
        """Samples per frame; None until known, which is with the first frames at the latest."""

    @property
    def pending_bytes(self) -> int:
        """Bytes that were fed and are still waiting to be decoded, or for the rest of a frame."""

    @property
    def backlog(self) -> bool:
        """Whether calling `feed(b"")` (after the end: `flush()`) again gives more, or an error."""

    def feed(self, data: bytes) -> Samples:
        """Take the next bytes of the stream and return frames that are ready.

        Raises:
            AudioFormatError: The bytes are not what the format says.
            BufferFullError: Too many bytes are waiting; nothing of `data` was taken.
            StreamEndedError: `flush` or `close` was called before.
        """

    def flush(self) -> Samples:
        """Declare the end of the stream and return the frames that were held back.

        Raises:
            AudioFormatError: The bytes are not what the format says.
        """

    def close(self) -> None:
        """Give up: drop what is held, end what runs. Never raises; may be called twice."""


class InterleavedDecoder:
    """Uncompressed samples, channel after channel, frame after frame (a `SampleDecoder`).

    A message need not end where a frame does: the incomplete frame is held back until the next
    message completes it. One that the end of the stream leaves incomplete is dropped.
    """

    backlog: Final = False

    def __init__(self, layout: SampleLayout, sample_rate: int, channels: int) -> None:
        """Create a decoder for one stream.

        Args:
            layout: How one sample is written.
            sample_rate: Frames per second.
            channels: Samples per frame.

        Raises:
            AudioFormatError: The rate or the number of channels is not supported.
        """
        check_sample_rate(sample_rate)
        check_channels(channels)
        self._layout = layout
        self._frame_bytes = layout.width * channels
        self._sample_rate = sample_rate
        self._channels = channels
        self._incomplete = b""
        self._ended = False

    @property
    def sample_rate(self) -> int:
        """Frames per second."""
        return self._sample_rate

    @property
    def channels(self) -> int:
        """Samples per frame."""
        return self._channels

    @property
    def pending_bytes(self) -> int:
        """Bytes of the incomplete frame that is held back."""
        return len(self._incomplete)

    def feed(self, data: bytes) -> Samples:
        """Return all frames that `data` completes, float32 of shape `(frames, channels)`.

        Raises:
            StreamEndedError: `flush` or `close` was called before.
        """
        if self._ended:
            raise StreamEndedError(
                f"{len(data)} bytes were fed after the end of the stream; open a new decoder"
            )
        data = self._incomplete + data
        whole = len(data) - len(data) % self._frame_bytes
        self._incomplete = data[whole:]
        return self._layout.to_float(data[:whole]).reshape(-1, self._channels)

    def flush(self) -> Samples:
        """End the stream; nothing that is whole is ever held back, so this returns no frames."""
        self._ended = True
        return np.zeros((0, self._channels), np.float32)

    def close(self) -> None:
        """End the stream and drop the incomplete frame."""
        self._ended = True
        self._incomplete = b""


class PcmDecoder(InterleavedDecoder):
    """Raw audio in a declared format (a `SampleDecoder`).

    Samples of `linear32` that are not finite become 0, and those out of range are clipped.
    """

    def __init__(self, format: AudioFormat) -> None:
        """Create a decoder for one stream in `format`."""
        super().__init__(RAW_ENCODINGS[format.encoding], format.sample_rate, format.channels)
        self.format = format


def to_linear16(samples: NDArray[np.floating[Any]]) -> bytes:
    """Encode floats in [-1, 1], of any shape, as signed 16-bit little endian.

    A shape of `(frames, channels)` gives interleaved audio. Out of range is clipped, and what is
    not finite becomes 0.
    """
    return convert.to_int16(samples).astype("<i2").tobytes()
