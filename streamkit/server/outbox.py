"""What waits to be sent to one client.

Bounded by what it holds: an interim transcript is replaced by the next one of its channel,
so only messages that must arrive add up, and whoever adds them waits while there are too
many. A reader that stops reading therefore stops its own audio, and nobody else's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[T]):
    item: T
    replaces: Hashable | None


class Outbox(Generic[T]):
    """An ordered queue of items in which some replace others.

    Args:
        capacity: items that must arrive and may wait.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._entries: deque[_Entry[T]] = deque()
        self._changed = anyio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, item: T, replaces: Hashable | None = None) -> None:
        """Add an item; one that waits with the same `replaces` gives way to it."""
        if replaces is not None:
            for entry in self._entries:
                if entry.replaces == replaces:
                    self._entries.remove(entry)
                    break
        self._entries.append(_Entry(item, replaces))
        self._notify()

    def close(self) -> None:
        """Nothing more will be put; `get` gives None once the rest is taken."""
        self._closed = True
        self._notify()

    async def get(self) -> T | None:
        """Take the next item out, waiting for one; None at the end."""
        while not self._entries:
            if self._closed:
                return None
            await self._changed.wait()
        item = self._entries.popleft().item
        self._notify()
        return item

    async def room(self) -> None:
        """Wait until fewer items wait than the capacity."""
        while len(self._entries) >= self._capacity:
            await self._changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
