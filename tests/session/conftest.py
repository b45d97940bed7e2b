"""What the scenarios of conversations begin with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.session.conversation_effects import SendSound
from streamkit.testing import SimulatedConversation, say

REPLY = (
    "Well, there is a lot to say about that. First it was dark for a long time. "
    "Then there was light, and so on until the end."
)


@pytest.fixture
def reply() -> str:
    """What the agent says when it was asked something by `talking`; about 7 s."""
    return REPLY


@pytest.fixture
def talking() -> Callable[..., SimulatedConversation]:
    """A function that gives a conversation in which the agent has spoken for some seconds.

    Its first argument are the seconds since the first sound; the others are those of
    `SimulatedConversation`.
    """

    def begin(since: float = 1.0, **how: Any) -> SimulatedConversation:
        how.setdefault("model", lambda request: say(REPLY))
        conversation = SimulatedConversation(**how)
        conversation.speak("What happened then?")
        conversation.run_until(lambda: bool(conversation.seen(SendSound)))
        conversation.run(since)
        return conversation

    return begin
