"""Who computes when, and how a computation is stopped from another thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class Cancellation:
    """Stops a computation from another thread, before it begins or while it runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._options: Any = None
        self._on_cancel: Callable[[], None] | None = None
        self.cancelled = False

    def cancel(self) -> None:
        """Stop; harmless at any time, from any thread."""
        with self._lock:
            self.cancelled = True
            if self._options is not None:
                # Looked at by onnxruntime before each node of the graph.
                self._options.terminate = True
            wake = self._on_cancel
        if wake is not None:
            wake()

    def watch(self, options: Any = None, wake: Callable[[], None] | None = None) -> bool:
        """Say what `cancel` has to stop from now on; False: it was called already."""
        with self._lock:
            self._options, self._on_cancel = options, wake
            return not self.cancelled


class Turns:
    """Lets so many compute at a time, whoever came first first."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._line: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, cancellation: Cancellation) -> bool:
        """Wait for a place; False: it was cancelled, and there is nothing to give back."""
        ticket = object()
        cancellation.watch(wake=self._wake)
        with self._changed:
            self._line.append(ticket)
            self._changed.wait_for(
                lambda: cancellation.cancelled or (self._free > 0 and self._line[0] is ticket)
            )
            self._line.remove(ticket)
            if cancellation.cancelled:
                self._changed.notify_all()
                return False
            self._free -= 1
            self._changed.notify_all()
            return True

    def give_back(self) -> None:
        """A place is free again."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
