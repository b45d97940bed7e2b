"""Where notes wait until there is time for them, and the thread that makes records of them.

A session only notes what has happened. What the trace gets of it is made later, a second's notes at
once: making a record takes several times as long between other work, when nothing of it is in the
processor's caches, and sound is not kept waiting for it. The line is bounded, and what does not
fit is counted.

Notes are plain tuples for a reason. Thousands of objects that wait are taken by Python's collector
for objects that stay, and it looks through the whole heap when there are enough of those, which
costs more than tracing does and stops every session. Tuples of numbers it lets be.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from streamkit.server.records import Note

logger = logging.getLogger("streamkit.trace")

PLACES: Final = 16_384
"""Notes that may wait: 5 s of 64 sessions that send 50 chunks a second."""

BATCH_SECONDS: Final = 1.0
"""How long the thread collects before it begins."""

AT_ONCE: Final = 256
"""Notes that are worked on without letting others go first: about a millisecond."""

CLOSE_SECONDS: Final = 5.0
"""How long the server waits for what is left at its end."""


class TraceThread:
    """Takes notes, and hands them on in a thread.

    Args:
        name: of the thread.
        take: gets each note, in order, in the thread.
        flush: called there after each batch.
        end: called there when all were taken.
        places: notes that may wait.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[Note], None],
        flush: Callable[[], None],
        end: Callable[[], None],
        places: int = PLACES,
    ) -> None:
        self._take = take
        self._flush = flush
        self._end = end
        self._places = places
        self._waiting: deque[Note] = deque()
        self._closing = threading.Event()
        # Two counters, since two threads count.
        self._left_out = 0
        self._failed = 0
        # Not waited for at the end of the process: a disk that hangs must not keep it.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def lost(self) -> int:
        """Notes that found no place, or of which no record could be made."""
        return self._left_out + self._failed

    def write(self, note: Note) -> None:
        """Put a note into the line; never waits."""
        if len(self._waiting) >= self._places:
            self._left_out += 1
            return
        self._waiting.append(note)

    def close(self) -> bool:
        """Hand on what waits; waits for that, `CLOSE_SECONDS` at most.

        Nothing may be written afterwards.

        Returns:
            Whether all of it was done.
        """
        self._closing.set()
        self._thread.join(CLOSE_SECONDS)
        return not self._thread.is_alive()

    def _run(self) -> None:
        closing = False
        while not closing:
            # Nobody wakes it, since that would cost each session more than a look every second.
            closing = self._closing.wait(BATCH_SECONDS)
            count = len(self._waiting)
            for number in range(1, count + 1):
                self._one(self._waiting.popleft())
                if number % AT_ONCE == 0:
                    # The interpreter would not let a waiting session in for 5 ms.
                    time.sleep(0)
            if count:
                self._flush()
        self._end()

    def _one(self, note: Note) -> None:
        try:
            self._take(note)
        except Exception:
            # A mistake in a record must not end the trace; it is told once.
            if not self._failed:
                logger.exception("a record of the trace could not be made")
            self._failed += 1
