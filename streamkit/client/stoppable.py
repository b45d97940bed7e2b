"""Reading a pipe in a thread that another thread can stop."""

from __future__ import annotations

import os
import select

CHUNK_BYTES = 1 << 16
"""Most bytes taken from the pipe at once."""


class StoppableReader:
    """Reads a file descriptor; `stop` ends a read that waits, as the end of the file would.

    A plain blocking read of stdin cannot be ended from outside, and would keep the process
    alive after Ctrl-C until somebody presses Enter.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._wake, self._waker = os.pipe()
        self._stopped = False

    def read(self, size: int = -1) -> bytes:
        """Return 1 to `size` bytes as soon as there are some; b"" at the end."""
        readable, _, _ = select.select([self._descriptor, self._wake], [], [])
        if self._wake in readable:
            return b""
        return os.read(self._descriptor, CHUNK_BYTES if size < 0 else min(size, CHUNK_BYTES))

    def stop(self) -> None:
        """End the present read and all later ones; may be called from any thread, repeatedly."""
        if not self._stopped:
            self._stopped = True
            # Closing the writing end makes the reading end readable for ever.
            os.close(self._waker)

    def __del__(self) -> None:
        self.stop()
        os.close(self._wake)
