"""A conversation that can be waited for until its time has come."""

from __future__ import annotations

from collections.abc import Callable

import anyio

from streamkit.session.conversation import Conversation
from streamkit.session.conversation_effects import ConversationEffect
from streamkit.session.conversation_events import ConversationEvent


class Clocked:
    """A pure conversation, beside which one task can wait for its `wake_at`.

    Args:
        conversation: whose times are of `clock`.
        clock: that of the event loop.
    """

    def __init__(self, conversation: Conversation, clock: Callable[[], float]) -> None:
        self._conversation = conversation
        self._clock = clock
        self._changed = anyio.Event()

    @property
    def keep_from(self) -> int:
        """See `Conversation.keep_from`."""
        return self._conversation.keep_from

    @property
    def committed_until(self) -> int | None:
        """See `Conversation.committed_until`."""
        return self._conversation.committed_until

    @property
    def closed(self) -> bool:
        """See `Conversation.closed`."""
        return self._conversation.closed

    def receive(self, event: ConversationEvent, now: float) -> list[ConversationEffect]:
        """See `Conversation.receive`."""
        before = self._conversation.wake_at
        effects = self._conversation.receive(event, now)
        if self._conversation.wake_at != before:
            self._changed.set()
            self._changed = anyio.Event()
        return effects

    async def due(self) -> None:
        """Wait until a `TimePassed` is due, however often that changes."""
        while True:
            wake_at, now = self._conversation.wake_at, self._clock()
            if wake_at is not None and now >= wake_at:
                return
            with anyio.move_on_after(None if wake_at is None else wake_at - now):
                await self._changed.wait()
