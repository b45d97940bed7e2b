"""Speech on its way out: mono samples in, bytes of a file format out while it is still spoken.

No format needs to know how long the sound will be, and none is ever sought back in, so the bytes
can be sent as they come.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from streamkit.audio.convert import Samples, to_int16
from streamkit.audio.pcm import to_linear16
from streamkit.errors import AudioFormatError

if TYPE_CHECKING:
    import av

ENCODED_RATE: Final = 24_000
"""Hz; speech has little above 12 kHz, and clients expect it of `pcm`, which cannot say."""

UNKNOWN_LENGTH: Final = 0xFFFF_FFFF
"""In a WAV header: until the end of the file. Players and `streamkit.audio.wav` know it."""


class Encoder(Protocol):
    """Samples in, bytes out. One thread at a time."""

    def encode(self, samples: Samples) -> bytes:
        """Take the next samples, float32 mono of shape `(n,)`; return the bytes that are ready."""

    def finish(self) -> bytes:
        """End the file; return its last bytes."""

    def close(self) -> None:
        """Give up: free what is held. Harmless after `finish`."""


@dataclass(frozen=True, slots=True)
class _Format:
    """What FFmpeg is told to write.

    Attributes:
        muxer: FFmpeg's name of the file format.
        codec: FFmpeg's name of the codec.
        bit_rate: bits per second; None: lossless.
        options: of the muxer.
    """

    muxer: str
    codec: str
    bit_rate: int | None
    options: dict[str, str] = field(default_factory=dict)


_FORMATS: Final = {
    # Without these two the header would have to be written anew at the end.
    "mp3": _Format("mp3", "libmp3lame", 64_000, {"write_xing": "0", "id3v2_version": "0"}),
    # A page goes out when it is full: of 1 s, unless told otherwise.
    "opus": _Format("ogg", "libopus", 32_000, {"page_duration": "100000"}),
    "aac": _Format("adts", "aac", 64_000),
    "flac": _Format("flac", "flac", None),
}

MEDIA_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""Every format by its name; the order is that of OpenAI's documentation."""


def open_encoder(name: str, sample_rate: int = ENCODED_RATE) -> Encoder:
    """Create the encoder for one file.

    Args:
        name: one of `MEDIA_TYPES`. `pcm` is signed 16 bit, little endian, without a header.
        sample_rate: Hz of the samples and of the file; Opus knows 8, 12, 16, 24 and 48 kHz.

    Raises:
        AudioFormatError: there is no such format.
    """
    if name not in MEDIA_TYPES:
        raise AudioFormatError(
            f"format {name!r} cannot be written; accepted are {', '.join(MEDIA_TYPES)}"
        )
    if name in ("wav", "pcm"):
        return PcmEncoder(wav_header(sample_rate) if name == "wav" else b"")
    return ContainerEncoder(_FORMATS[name], sample_rate)


def wav_header(sample_rate: int) -> bytes:
    """The 44 bytes before 16-bit mono samples, whose number is not known yet."""
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", UNKNOWN_LENGTH, b"WAVE",
        b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16,
        b"data", UNKNOWN_LENGTH,
    )  # fmt: skip


class PcmEncoder:
    """Signed 16 bit, little endian, after a header if there is one."""

    def __init__(self, header: bytes = b"") -> None:
        """Create an encoder; `header` comes with the first bytes."""
        self._header = header

    def encode(self, samples: Samples) -> bytes:
        """Return the samples as bytes."""
        header, self._header = self._header, b""
        return header + to_linear16(samples)

    def finish(self) -> bytes:
        """Return the header, if nothing else has come."""
        header, self._header = self._header, b""
        return header

    def close(self) -> None:
        """There is nothing to free."""


class ContainerEncoder:
    """FFmpeg's encoders and muxers (PyAV), writing into memory."""

    def __init__(self, written: _Format, sample_rate: int) -> None:
        """Open the encoder; its first bytes come with the first samples."""
        import av

        self._sink = _Sink()
        self._rate = sample_rate
        self._given = 0
        self._open = True
        # Every packet goes out at once; FFmpeg would gather 32 KiB, which is four seconds.
        options = {**written.options, "flush_packets": "1"}
        self._container = av.open(self._sink, "w", format=written.muxer, options=options)
        stream = self._container.add_stream(written.codec, rate=sample_rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        if written.bit_rate is not None:
            stream.codec_context.bit_rate = written.bit_rate
        self._stream = stream

    def encode(self, samples: Samples) -> bytes:
        """Take the next samples; return the bytes that are ready."""
        import av

        if len(samples):
            frame = av.AudioFrame.from_ndarray(to_int16(samples)[None], "s16", "mono")
            frame.sample_rate = self._rate
            frame.pts = self._given
            self._given += len(samples)
            self._mux(frame)
        return self._sink.take()

    def finish(self) -> bytes:
        """Return what the encoder held back, and the end of the file."""
        if self._open:
            self._mux(None)
            self.close()
        return self._sink.take()

    def close(self) -> None:
        """Free the encoder."""
        self._open = False
        self._container.close()

    def _mux(self, frame: av.AudioFrame | None) -> None:
        for packet in self._stream.encode(frame):
            self._container.mux(packet)


class _Sink:
    """A file that can only be written to, which is why FFmpeg never seeks in it."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


def silence(seconds: float, sample_rate: int = ENCODED_RATE) -> Samples:
    """Samples without sound, float32 of shape `(n,)`."""
    return np.zeros(round(seconds * sample_rate), np.float32)
