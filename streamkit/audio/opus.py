"""Opus packets without a container, one in each message."""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from streamkit.audio.container import to_samples
from streamkit.audio.convert import Samples
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.limits import check_sample_rate
from streamkit.errors import AudioFormatError

OPUS_RATE = 48_000  # Hz; Opus decodes to this rate whatever was encoded
MAX_OPUS_CHANNELS = 2  # more need a mapping that only a container can carry


class OpusPacketDecoder:
    """Each message is one Opus packet, 2.5 to 120 ms of sound (a `SampleDecoder`).

    Frames come out with the packet that holds them, at 48 kHz. The encoder's pre-skip (usually
    6.5 ms) is not known without a container, and stays in.
    """

    backlog: Final = False
    pending_bytes: Final = 0

    def __init__(self, sample_rate: int = OPUS_RATE, channels: int = 1) -> None:
        """Create a decoder for one stream.

        Args:
            sample_rate: The rate before encoding, for the record; 8000 to 48000 Hz.
            channels: 1 or 2.

        Raises:
            AudioFormatError: The rate or the number of channels is not supported.
        """
        import av

        check_sample_rate(sample_rate)
        if not 1 <= channels <= MAX_OPUS_CHANNELS:
            raise AudioFormatError(
                f"raw Opus packets with {channels} channels are not supported; 1 or 2 are: "
                "send more channels as ogg-opus"
            )
        self._channels = channels
        self._codec = av.CodecContext.create("libopus", "r")
        self._codec.extradata = _opus_head(sample_rate, channels)
        self._ended = False

    @property
    def sample_rate(self) -> int:
        """48000, the rate of all decoded Opus."""
        return OPUS_RATE

    @property
    def channels(self) -> int:
        """Samples per frame."""
        return self._channels

    def feed(self, data: bytes) -> Samples:
        """Decode one packet to float32 of shape `(frames, channels)`; no bytes give no frames.

        Raises:
            AudioFormatError: `data` is no Opus packet. The next packet may be fed nevertheless.
            StreamEndedError: `flush` or `close` was called before.
        """
        import av

        if self._ended:
            raise StreamEndedError(
                f"{len(data)} bytes were fed after the end of the stream; open a new decoder"
            )
        if not data:
            return self._nothing()
        try:
            frames = self._codec.decode(av.Packet(data))
        except av.error.FFmpegError as error:
            raise AudioFormatError(
                f"a message of {len(data)} bytes is no Opus packet ({error.strerror}); with "
                "encoding=opus each message is one packet: for an Ogg stream use encoding=ogg-opus"
            ) from error
        return np.concatenate([self._nothing(), *map(to_samples, frames)])

    def flush(self) -> Samples:
        """End the stream; no frames are ever held back, so this returns none."""
        self._ended = True
        return self._nothing()

    def close(self) -> None:
        """End the stream."""
        self._ended = True

    def _nothing(self) -> Samples:
        return np.zeros((0, self._channels), np.float32)


def _opus_head(sample_rate: int, channels: int) -> bytes:
    """The identification header of RFC 7845, section 5.1: no pre-skip, no gain, mapping 0."""
    return struct.pack("<8sBBHIhB", b"OpusHead", 1, channels, 0, sample_rate, 0, 0)
