"""Misuse of the audio package: positions that are not held, streams that have ended."""

from __future__ import annotations

from streamkit.errors import StreamkitError


class SampleRangeError(StreamkitError, IndexError):
    """Samples were addressed that the buffer does not hold (any more, or yet)."""


class StreamEndedError(StreamkitError):
    """More data was given after the end of the stream had been declared."""
