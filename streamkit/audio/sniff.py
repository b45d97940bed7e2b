"""Which container a stream is in, told from its first bytes."""

from __future__ import annotations

import numpy as np

from streamkit.audio.container import CONTAINERS, ContainerDecoder
from streamkit.audio.convert import Samples
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.pcm import SampleDecoder
from streamkit.audio.wav import WavDecoder
from streamkit.errors import AudioFormatError

SNIFFED_BYTES = 12
SNIFFED_CONTAINERS = ("wav", *CONTAINERS)


def sniff(prefix: bytes) -> str:
    """Name the container whose stream begins with `prefix`, at least `SNIFFED_BYTES` bytes.

    FFmpeg can guess as well, but waits for 2048 bytes before it does (0.4 s of Opus), and would
    also guess formats that make it open other files.

    Returns:
        One of `SNIFFED_CONTAINERS`.

    Raises:
        AudioFormatError: It is none of them.
    """
    if prefix[:4] in (b"RIFF", b"RF64") and prefix[8:12] == b"WAVE":
        return "wav"
    if prefix[4:8] == b"ftyp":
        return "m4a"
    for magic, name in (
        (b"OggS", "ogg"),
        (b"\x1a\x45\xdf\xa3", "webm"),
        (b"fLaC", "flac"),
        (b"ID3", "mp3"),
    ):
        if prefix.startswith(magic):
            return name
    # 11 bits of synchronisation, then version and layer, of which one value each is reserved.
    if prefix[0] == 0xFF and prefix[1] & 0xE0 == 0xE0 and prefix[1] & 0x18 != 8 and prefix[1] & 6:
        return "mp3"
    raise AudioFormatError(
        f"the stream begins with the bytes {prefix[:SNIFFED_BYTES].hex(' ')}, which is none of the "
        f"containers accepted here ({', '.join(SNIFFED_CONTAINERS)}); send one of these from its "
        "beginning, or declare raw audio with encoding and sample_rate"
    )


class SniffedDecoder:
    """A container that nobody has named (a `SampleDecoder`): the first bytes decide which."""

    def __init__(self) -> None:
        """Create a decoder that waits for the first `SNIFFED_BYTES` bytes."""
        self._prefix = b""
        self._decoder: SampleDecoder | None = None
        self._ended = False

    @property
    def sample_rate(self) -> int | None:
        """Frames per second; None until the first frames are decoded."""
        return None if self._decoder is None else self._decoder.sample_rate

    @property
    def channels(self) -> int | None:
        """Samples per frame; None until the first frames are decoded."""
        return None if self._decoder is None else self._decoder.channels

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait to be decoded, or for enough others to tell the container."""
        return len(self._prefix) if self._decoder is None else self._decoder.pending_bytes

    @property
    def backlog(self) -> bool:
        """Whether there is more to get without new bytes; see `SampleDecoder`."""
        return self._decoder is not None and self._decoder.backlog

    def feed(self, data: bytes) -> Samples:
        """Hand in bytes; return the frames that are ready, float32 `(frames, channels)`.

        Raises:
            AudioFormatError: The container is not known, or its content cannot be decoded.
            BufferFullError: Too many bytes wait; nothing of `data` was taken.
            StreamEndedError: `flush` or `close` was called before.
        """
        if self._decoder is None:
            if self._ended:
                raise StreamEndedError(
                    f"{len(data)} bytes were fed after the end of the stream; open a new decoder"
                )
            data = self._prefix + data
            if len(data) < SNIFFED_BYTES:
                self._prefix = data
                return np.zeros((0, 1), np.float32)
            name = sniff(data)
            self._decoder = WavDecoder() if name == "wav" else ContainerDecoder(name)
            self._prefix = b""
        return self._decoder.feed(data)

    def flush(self) -> Samples:
        """End the stream; return the frames that are left, float32 `(frames, channels)`.

        Raises:
            AudioFormatError: The stream cannot be decoded, or ended before its container was known.
        """
        self._ended = True
        if self._decoder is not None:
            return self._decoder.flush()
        if self._prefix:
            raise AudioFormatError(
                f"the stream ended after the {len(self._prefix)} bytes {self._prefix.hex(' ')}, "
                f"too few to tell its container ({', '.join(SNIFFED_CONTAINERS)}); send it whole"
            )
        return np.zeros((0, 1), np.float32)

    def close(self) -> None:
        """End the stream, and the thread that decodes it, and drop everything."""
        self._ended = True
        self._prefix = b""
        if self._decoder is not None:
            self._decoder.close()
