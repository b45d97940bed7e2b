"""Messages in a stream of bytes; pure, so that half a message never blocks whoever reads."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""Thirty seconds of a recording are under 3 MB."""

_HEADER: Final = struct.Struct("!4sI")
_MAGIC: Final = b"SKW1"


class FramingError(Exception):
    """The bytes are not messages: somebody else has written into the stream."""


def frame(payload: bytes) -> bytes:
    """A message as it is sent.

    Raises:
        FramingError: it is longer than `MAX_FRAME_BYTES`.
    """
    if len(payload) > MAX_FRAME_BYTES:
        raise FramingError(f"a message of {len(payload)} bytes, at most {MAX_FRAME_BYTES} are sent")
    return _HEADER.pack(_MAGIC, len(payload)) + payload


class FrameDecoder:
    """Finds the messages in bytes that come in any pieces."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take what has come, and give the messages that are complete.

        Raises:
            FramingError: the bytes are not messages; nothing after them can be read.
        """
        self._bytes += data
        while len(self._bytes) >= _HEADER.size:
            magic, length = _HEADER.unpack_from(self._bytes)
            if magic != _MAGIC or length > MAX_FRAME_BYTES:
                raise FramingError("bytes that are no message")
            end = _HEADER.size + length
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield payload
