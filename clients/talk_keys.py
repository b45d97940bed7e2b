"""What the person types: push to talk by a key that is held or toggled, and lines."""

from __future__ import annotations

import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import anyio.to_thread

from streamkit.client.stoppable import StoppableReader

REPEAT_DELAY = 0.8
"""A key that comes again within so many seconds of the first time may be held down: terminals
tell of a held key by repeating it, and never of its release."""

REPEAT_PAUSE = 0.25
"""A held key that was not repeated for so long has been released."""

TALK_KEYS = frozenset(b" \r\n")

Change = Literal["press", "release"]


class TalkKey:
    """Whether the person holds the key, or has toggled it. Pure; times in seconds.

    Held: speech begins with the first stroke and ends when the strokes stop coming. Toggled: it
    ends with the second stroke. Which one it is shows by how soon the second stroke comes; one
    that comes soon and stays alone ends the speech as well, a moment later.
    """

    def __init__(self) -> None:
        self._pressed_at: float | None = None
        self._held = False
        self.deadline: float | None = None
        """When `expire` is to be called, if no stroke comes before."""

    def stroke(self, now: float) -> Change | None:
        """The key came."""
        if self._pressed_at is None:
            self._pressed_at = now
            return "press"
        if self._held or now - self._pressed_at < REPEAT_DELAY:
            self._held = True
            self.deadline = now + REPEAT_PAUSE
            return None
        return self._release()

    def expire(self, now: float) -> Change | None:
        """The deadline may have passed."""
        if self.deadline is None or now < self.deadline:
            return None
        return self._release()

    def _release(self) -> Change:
        self._pressed_at = self.deadline = None
        self._held = False
        return "release"


@contextmanager
def raw_keys() -> Iterator[int]:
    """Give the descriptor of the terminal on stdin, whose keys come at once and are not echoed.

    Ctrl-C and Ctrl-Z work as always. The terminal is as before at the end.
    """
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    changed = termios.tcgetattr(descriptor)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(descriptor, termios.TCSADRAIN, changed)
    try:
        yield descriptor
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


class Keys:
    """What arrives on a descriptor, read in a thread that `close` ends."""

    def __init__(self, descriptor: int) -> None:
        self._reader = StoppableReader(descriptor)

    async def read(self) -> bytes:
        """The next bytes; b"" at the end."""
        return await anyio.to_thread.run_sync(self._reader.read, abandon_on_cancel=True)

    def close(self) -> None:
        """End a read that waits."""
        self._reader.stop()
