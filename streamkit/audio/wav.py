"""WAV (RIFF) from a stream, without waiting.

FFmpeg's demuxer reads the first 64 KiB of a 16-bit WAV before it gives out a sample, in search of
S/PDIF: that is two seconds of 16 kHz speech, so this small format has a reader of its own.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np

from streamkit.audio import layouts
from streamkit.audio.convert import Samples
from streamkit.audio.errors import StreamEndedError
from streamkit.audio.layouts import SampleLayout
from streamkit.audio.pcm import InterleavedDecoder
from streamkit.errors import AudioFormatError

MAX_FORMAT_CHUNK = 1024  # bytes; WAVE_FORMAT_EXTENSIBLE needs 40

_RIFF_HEADER = 12
_CHUNK_HEADER = 8
_EXTENSIBLE = 0xFFFE
# Written by programs that cannot seek back to fill in the length once it is known.
_UNKNOWN_LENGTHS = (0, 0xFFFF_FFFF)

_LAYOUTS: Final[dict[tuple[int, int], SampleLayout]] = {
    (1, 8): layouts.UNSIGNED8,
    (1, 16): layouts.LINEAR16,
    (1, 24): layouts.INT24,
    (1, 32): layouts.INT32,
    (3, 32): layouts.LINEAR32,
    (3, 64): layouts.FLOAT64,
    (6, 8): layouts.ALAW,
    (7, 8): layouts.MULAW,
}


class WavDecoder:
    """A WAV file, decoded while it arrives (a `SampleDecoder`).

    Integer PCM of 8, 16, 24 or 32 bits, float PCM of 32 or 64 bits, mu-law and A-law. A file whose
    length was not known when its header was written goes on until the stream ends. Chunks other
    than the format and the data are skipped. First frames: with the first whole frame after the
    header, which is usually 44 bytes.
    """

    backlog: Final = False

    def __init__(self) -> None:
        """Create a decoder that waits for a RIFF header."""
        self._header = b""
        self._skip = 0
        self._riff_seen = False
        self._layout: tuple[SampleLayout, int, int] | None = None
        self._body: InterleavedDecoder | None = None
        self._body_left: int | None = None
        self._ended = False
        self._started = False

    @property
    def sample_rate(self) -> int | None:
        """Frames per second; None until the header has been read."""
        return None if self._body is None else self._body.sample_rate

    @property
    def channels(self) -> int | None:
        """Samples per frame; None until the header has been read."""
        return None if self._body is None else self._body.channels

    @property
    def pending_bytes(self) -> int:
        """Bytes of the unfinished header or of the incomplete frame that are held back."""
        return self._body.pending_bytes if self._body else len(self._header)

    def feed(self, data: bytes) -> Samples:
        """Return all frames that `data` completes, float32 of shape `(frames, channels)`.

        Raises:
            AudioFormatError: This is no WAV file, or one in a form that is not supported.
            StreamEndedError: `flush` or `close` was called before.
        """
        if self._ended:
            raise StreamEndedError(
                f"{len(data)} bytes were fed after the end of the stream; open a new decoder"
            )
        self._started = self._started or bool(data)
        if self._body is None:
            data = self._read_header(self._header + data)
        if self._body is None:
            self._header = data
            return np.zeros((0, 1), np.float32)
        self._header = b""
        if self._body_left is not None:
            data = data[: self._body_left]
            self._body_left -= len(data)
        return self._body.feed(data)

    def flush(self) -> Samples:
        """End the stream; every whole frame has been returned before, so this returns none.

        Raises:
            AudioFormatError: The stream ended within the header.
        """
        self._ended = True
        if self._body is None and self._started:
            raise AudioFormatError(
                "the WAV stream ended within its header, before any audio; send the whole file"
            )
        return np.zeros((0, self.channels or 1), np.float32)

    def close(self) -> None:
        """End the stream and drop what is held."""
        self._ended = True
        self._header = b""

    def _read_header(self, data: bytes) -> bytes:
        """Read as much of the header as there is; return the bytes that were not used."""
        if not self._riff_seen:
            if len(data) < _RIFF_HEADER:
                return data
            if data[:4] not in (b"RIFF", b"RF64") or data[8:12] != b"WAVE":
                raise AudioFormatError(
                    f"a WAV file begins with RIFF….WAVE, this stream with {data[:12].hex(' ')}; "
                    "send a WAV file, or declare the encoding that is sent"
                )
            self._riff_seen = True
            data = data[_RIFF_HEADER:]
        while self._body is None:
            skipped = min(self._skip, len(data))
            self._skip -= skipped
            data = data[skipped:]
            if len(data) < _CHUNK_HEADER:
                break
            name, size = struct.unpack_from("<4sI", data)
            if name == b"fmt ":
                if not 16 <= size <= MAX_FORMAT_CHUNK:
                    raise AudioFormatError(
                        f"the format chunk of the WAV file claims {size} bytes; "
                        f"16 to {MAX_FORMAT_CHUNK} are accepted: the file is damaged, write it anew"
                    )
                if len(data) < _CHUNK_HEADER + size:
                    break
                self._layout = _parse_format(data[_CHUNK_HEADER : _CHUNK_HEADER + size])
            if name == b"data":
                self._begin_body(size)
                return data[_CHUNK_HEADER:]
            # Chunks are padded to an even length.
            self._skip = _CHUNK_HEADER + size + size % 2
        return data

    def _begin_body(self, size: int) -> None:
        if self._layout is None:
            raise AudioFormatError(
                "the WAV file has its audio before its format; write it anew, format chunk first"
            )
        self._body = InterleavedDecoder(*self._layout)
        self._body_left = None if size in _UNKNOWN_LENGTHS else size


def _parse_format(chunk: bytes) -> tuple[SampleLayout, int, int]:
    """Read a format chunk: the layout of a sample, the sample rate and the channels."""
    tag, channels, sample_rate, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if tag == _EXTENSIBLE and len(chunk) >= 26:
        (tag,) = struct.unpack_from("<H", chunk, 24)
    layout = _LAYOUTS.get((tag, bits))
    if layout is None:
        raise AudioFormatError(
            f"a WAV file with format tag {tag:#06x} and {bits} bits is not supported; accepted are "
            "PCM of 8, 16, 24 or 32 bits, float of 32 or 64 bits, mu-law and A-law: convert it"
        )
    return layout, sample_rate, channels
