"""Between a caller that must not wait and a decoder that can only wait: bytes in, frames out.

One lock, one condition, two bounds. The worker waits for bytes, and for room; the caller waits
until the worker has done with the bytes it was given. So the worker is a coroutine rather than a
race: as long as nothing times out, what a call returns depends on the bytes alone.
"""

from __future__ import annotations

import threading
from collections import deque

from streamkit.audio.convert import Samples
from streamkit.errors import AudioFormatError, BufferFullError


class AbandonedError(Exception):
    """Raised in the worker: nobody wants the frames any more."""


class Handover:
    """The shared state of one feeder (`put`, `end`, `take`, `abandon`) and one worker thread.

    Memory is bounded by `max_pending` bytes of input and `max_buffered` frames of output, plus one
    frame block of the codec, because a block that was begun is never refused.
    """

    def __init__(self, max_pending: int, max_buffered: int, max_silent: int) -> None:
        """Create an empty handover.

        Args:
            max_pending: Bytes that may wait for the worker.
            max_buffered: Frames that may wait for the feeder.
            max_silent: Bytes that the worker may read without giving out a frame.
        """
        self._max_pending = max_pending
        self._max_buffered = max_buffered
        self._max_silent = max_silent
        self._changed = threading.Condition()
        self._input: deque[memoryview] = deque()
        self._pending = 0
        self._silent = 0
        self._ended = False
        self._abandoned = False
        self._hungry = False
        self._output: list[Samples] = []
        self._buffered = 0
        self._finished = False
        self._error: Exception | None = None
        self._error_raised = False
        self.sample_rate: int | None = None
        self.channels: int | None = None

    @property
    def pending(self) -> int:
        """Bytes that the worker has not read yet."""
        return self._pending

    @property
    def finished(self) -> bool:
        """Whether the worker has stopped, for good or for bad."""
        return self._finished

    @property
    def backlog(self) -> bool:
        """Whether `take` would give frames or an error without new bytes."""
        with self._changed:
            unseen_error = self._error is not None and not self._error_raised
            return bool(self._output) or unseen_error or not self._idle()

    def put(self, data: bytes) -> None:
        """Hand in bytes; all of them or, when it raises `BufferFullError`, none."""
        with self._changed:
            if self._finished or not data:
                return
            if self._pending + len(data) > self._max_pending:
                raise BufferFullError(
                    f"{len(data)} bytes were given while {self._pending} of at most "
                    f"{self._max_pending} wait to be decoded; take the decoded frames first "
                    '(feed(b"") while `backlog` is true), or send smaller messages'
                )
            self._input.append(memoryview(data))
            self._pending += len(data)
            self._changed.notify_all()

    def end(self) -> None:
        """Declare that no bytes will follow."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def abandon(self) -> None:
        """Tell the worker to stop at once and drop everything."""
        with self._changed:
            self._abandoned = True
            self._input.clear()
            self._output.clear()
            self._pending = self._buffered = 0
            self._error = None
            self._changed.notify_all()

    def take(self, timeout: float) -> list[Samples]:
        """Wait until the worker has used all bytes, filled its room or stopped; take its frames.

        Args:
            timeout: Seconds after which what is there is returned.

        Raises:
            Exception: What the worker stopped with, once all frames before it were taken.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._idle() or self._buffered >= self._max_buffered, timeout
            )
            taken, self._output = self._output, []
            self._buffered = 0
            if not taken and self._finished and self._error is not None:
                self._error_raised = True
                raise self._error
            self._changed.notify_all()
            return taken

    def read(self, size: int) -> bytes:
        """In the worker: wait for bytes and return 1 to `size` of them, or none at the end.

        It never raises, because FFmpeg stands between it and whoever would catch that. The end
        comes early when the feeder has given up, and when too many bytes held no audio: the
        latter is then the error of the whole stream.
        """
        with self._changed:
            self._hungry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._input or self._stopping())
            self._hungry = False
            if not self._input or self._error is not None:
                return b""
            first = self._input.popleft()
            if len(first) > size:
                self._input.appendleft(first[size:])
                first = first[:size]
            self._pending -= len(first)
            self._silent += len(first)
            if self._silent > self._max_silent:
                self._error = AudioFormatError(
                    f"{self._silent} bytes were read without finding audio in them, "
                    f"and {self._max_silent} are accepted; send a stream that can be decoded "
                    "from its beginning, without large pictures in front of the audio"
                )
                return b""
            return bytes(first)

    def emit(self, samples: Samples, sample_rate: int) -> None:
        """In the worker: give out one block, shape `(frames, channels)`, waiting while it is full.

        Raises:
            AbandonedError: The feeder has given up.
            AudioFormatError: The stream changed its rate or its number of channels.
        """
        channels = samples.shape[1]
        with self._changed:
            if self.sample_rate is None:
                self.sample_rate, self.channels = sample_rate, channels
            if (sample_rate, channels) != (self.sample_rate, self.channels):
                raise AudioFormatError(
                    f"the stream changed from {self.sample_rate} Hz with {self.channels} channels "
                    f"to {sample_rate} Hz with {channels}; open a new connection for that"
                )
            self._changed.wait_for(lambda: self._buffered < self._max_buffered or self._abandoned)
            if self._abandoned:
                raise AbandonedError
            self._silent = 0
            self._output.append(samples)
            self._buffered += len(samples)
            self._changed.notify_all()

    def finish(self, error: Exception | None) -> None:
        """In the worker, last of all: say that it has stopped, and with what."""
        with self._changed:
            self._finished = True
            if self._error is None and not self._abandoned:
                self._error = error
            self._input.clear()
            self._pending = 0
            self._changed.notify_all()

    def _stopping(self) -> bool:
        return self._ended or self._abandoned or self._error is not None

    def _idle(self) -> bool:
        return self._finished or (self._hungry and not self._input and not self._ended)
