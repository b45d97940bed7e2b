"""Who has the floor in a conversation: the states, and all transitions between them.

```
                 SPEECH                    TURN_OVER, TURN_DROPPED
        IDLE ------------> LISTENING ------------------------------> IDLE
         |                     | REPLY
         | REPLY               v
         +--------------> THINKING ----- SOUND -----> SPEAKING ----- REPLY_OVER ----> IDLE
                            |   ^                       |   ^
                            |   | FALSE_ALARM           |   | FALSE_ALARM
                      DOUBT v   |                 DOUBT v   |
                         DOUBTING_THOUGHT            DOUBTING_SPEECH
                            |                           |
                            +------- INTERRUPTED -------+------> LISTENING
```

A conversation is CLOSED when nobody speaks: what the person says is a turn then, or forgotten,
and a reply is made to its end; only the last of its sound may still be played.

In the two doubtful states somebody speaks while a reply is being made or played, and it is not
known yet whether that is an interruption: nothing is sent meanwhile.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final


class State(enum.Enum):
    """Who has the floor."""

    IDLE = "idle"
    LISTENING = "listening"
    THINKING = "thinking"
    SPEAKING = "speaking"
    DOUBTING_THOUGHT = "doubting_thought"
    DOUBTING_SPEECH = "doubting_speech"
    CLOSED = "closed"


class Trigger(enum.Enum):
    """What moves the floor."""

    SPEECH = "speech"
    """The person speaks, and nobody else does."""
    TURN_OVER = "turn_over"
    TURN_DROPPED = "turn_dropped"
    """What was heard is forgotten."""
    REPLY = "reply"
    """A reply begins."""
    SOUND = "sound"
    """Its first sound was sent."""
    REPLY_OVER = "reply_over"
    """It was played to its end, was written, was cancelled, or has failed."""
    DOUBT = "doubt"
    """The person speaks during a reply."""
    FALSE_ALARM = "false_alarm"
    INTERRUPTED = "interrupted"
    CLOSE = "close"


TRANSITIONS: Final[Mapping[State, Mapping[Trigger, State]]] = {
    State.IDLE: {
        Trigger.SPEECH: State.LISTENING,
        Trigger.REPLY: State.THINKING,
        Trigger.CLOSE: State.CLOSED,
    },
    State.LISTENING: {
        Trigger.TURN_OVER: State.IDLE,
        Trigger.TURN_DROPPED: State.IDLE,
        Trigger.REPLY: State.THINKING,
    },
    State.THINKING: {
        Trigger.SOUND: State.SPEAKING,
        Trigger.DOUBT: State.DOUBTING_THOUGHT,
        Trigger.INTERRUPTED: State.LISTENING,
        Trigger.REPLY_OVER: State.IDLE,
        Trigger.CLOSE: State.CLOSED,
    },
    State.SPEAKING: {
        Trigger.REPLY: State.THINKING,
        Trigger.DOUBT: State.DOUBTING_SPEECH,
        Trigger.INTERRUPTED: State.LISTENING,
        Trigger.REPLY_OVER: State.IDLE,
        Trigger.CLOSE: State.CLOSED,
    },
    State.DOUBTING_THOUGHT: {
        Trigger.FALSE_ALARM: State.THINKING,
        Trigger.INTERRUPTED: State.LISTENING,
    },
    State.DOUBTING_SPEECH: {
        Trigger.FALSE_ALARM: State.SPEAKING,
        Trigger.INTERRUPTED: State.LISTENING,
    },
    State.CLOSED: {},
}


class Floor:
    """The state of one conversation.

    Attributes:
        state: who has the floor.
    """

    def __init__(self) -> None:
        self.state = State.IDLE

    @property
    def doubtful(self) -> bool:
        """Somebody speaks during a reply, and it may be nothing."""
        return self.state in (State.DOUBTING_THOUGHT, State.DOUBTING_SPEECH)

    @property
    def replying(self) -> bool:
        """A reply is being made or played, doubtful or not."""
        return self.doubtful or self.state in (State.THINKING, State.SPEAKING)

    def allows(self, trigger: Trigger) -> bool:
        """Tell whether the table has this trigger in this state."""
        return trigger in TRANSITIONS[self.state]

    def move(self, trigger: Trigger) -> None:
        """Take a transition.

        Raises:
            ValueError: the table does not have it: a mistake of the caller.
        """
        if not self.allows(trigger):
            raise ValueError(f"{trigger} cannot happen while {self.state}")
        self.state = TRANSITIONS[self.state][trigger]
