"""Events on their way from the socket to the caller."""

from __future__ import annotations

from collections import deque

import anyio

from streamkit.client.events import Event, Transcript

MAX_EVENTS = 1024
"""Events kept for a caller that does not read; then the socket is no longer read either."""


class EventQueue:
    """A bounded queue in which a newer partial replaces an unread older one.

    So a slow reader always sees the present state, and nothing but outdated partials is
    ever left out. One reader, any number of writers, one event loop.
    """

    def __init__(self, bound: int = MAX_EVENTS) -> None:
        self._bound = bound
        self._events: deque[Event] = deque()
        self._closed = False
        self._changed = anyio.Event()

    async def put(self, event: Event) -> None:
        """Add an event; waits while the queue is full. Events after `close` are dropped."""
        if self._events and _is_partial(event) and _is_partial(self._events[-1]):
            self._events[-1] = event
            return
        while len(self._events) >= self._bound and not self._closed:
            await self._changed.wait()
        if not self._closed:
            self._events.append(event)
            self._notify()

    async def get(self) -> Event | None:
        """Take the oldest event; waits for one. None when the queue is closed and empty."""
        while not self._events:
            if self._closed:
                return None
            await self._changed.wait()
        event = self._events.popleft()
        self._notify()
        return event

    def close(self) -> None:
        """Let the reader end after the events that are there."""
        self._closed = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()


def _is_partial(event: Event) -> bool:
    return isinstance(event, Transcript) and not event.is_final
