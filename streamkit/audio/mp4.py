"""The header of an MP4 stream, kept in one piece.

FFmpeg's demuxer takes a few bytes back while it reads the header, which it can do only within the
bytes of one read: a header that arrives in small pieces would fail now and then.
"""

from __future__ import annotations

import struct
from typing import Protocol

_BOX_HEADER = 8
_LARGE_BOX_HEADER = 16
_LARGE_BOX = 1
_AUDIO_FOLLOWS = (b"mdat", b"moof")


class Readable(Protocol):
    """Where the bytes come from."""

    def read(self, size: int) -> bytes:
        """Wait for 1 to `size` bytes; none means the end."""


class HeaderFirst:
    """A file whose first `read` waits for everything up to the box in which audio begins.

    Not more than `limit` bytes are held back for that; a longer header is given out in pieces.
    """

    def __init__(self, source: Readable, limit: int) -> None:
        """Wrap `source`; nothing is read yet."""
        self._source = source
        self._limit = limit
        self._held = bytearray()
        self._box = 0
        self._complete = False

    def read(self, size: int) -> bytes:
        """Wait for 1 to `size` bytes; none means the end."""
        while not self._complete:
            piece = self._source.read(size)
            self._held += piece
            self._complete = (
                not piece or len(self._held) > self._limit or self._header_is_complete()
            )
        if not self._held:
            return self._source.read(size)
        given = bytes(self._held[:size])
        del self._held[:size]
        return given

    def _header_is_complete(self) -> bool:
        while len(self._held) >= self._box + _BOX_HEADER:
            size, kind = struct.unpack_from(">I4s", self._held, self._box)
            if kind in _AUDIO_FOLLOWS:
                return True
            if size == _LARGE_BOX:
                if len(self._held) < self._box + _LARGE_BOX_HEADER:
                    return False
                (size,) = struct.unpack_from(">Q", self._held, self._box + _BOX_HEADER)
            if size < _BOX_HEADER:  # damaged, or a last box that goes on to the end
                return True
            self._box += size
        return False
