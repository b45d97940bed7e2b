"""What the parts of one conversation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streamkit.session.conversation_effects import ConversationEffect
from streamkit.session.conversation_options import ConversationOptions
from streamkit.session.floor import Floor
from streamkit.session.memory import Memory


@dataclass(frozen=True, slots=True)
class ConversationBounds:
    """How long anything may take, in seconds, and how much there may be.

    Attributes:
        max_turn: a turn is ended after so much speech.
        wordless: silence that ends a turn in which no word was heard.
        final_timeout: waiting for the last words of a turn.
        reply_timeout: waiting for the model.
        sound_timeout: waiting for the voice.
        hold_timeout: waiting for a decision whether speech is an interruption; and for the first
            word of a new turn, before an answer to the one before is given all the same.
        deaf_after_noise: after that came to nothing, sending is not held for so long.
        audio_stall: without any audio, an open turn is taken for over.
        judge_timeout: waiting for a detector that listens, before the words decide.
        playback_timeout: a reply is taken for played so long after it should have been, whatever
            the client reports; one that is not done by then, since the client makes no room for
            more of it, has failed.
        max_responses: in progress or waiting.
        max_items: the oldest one leaves when there are more.
    """

    max_turn: float = 120.0
    wordless: float = 0.7
    final_timeout: float = 20.0
    reply_timeout: float = 60.0
    sound_timeout: float = 15.0
    hold_timeout: float = 3.0
    deaf_after_noise: float = 5.0
    audio_stall: float = 3.0
    judge_timeout: float = 0.5
    playback_timeout: float = 30.0
    max_responses: int = 8
    max_items: int = 2000


@dataclass(slots=True)
class Context:
    """One conversation's common ground.

    Attributes:
        options: what the client asked for.
        bounds: how long anything may take.
        make_id: makes an id of a kind: "item" or "resp".
        now: seconds, of the event that is being taken in.
        closing: no more audio will come, and no new reply.
        floor: who has it.
        memory: items and sounds.
        untranscribed: parts of items that came as sound, and since when their words are waited for.
        effects: of the event that is being taken in.
    """

    options: ConversationOptions
    bounds: ConversationBounds
    make_id: Callable[[str], str]
    now: float = 0.0
    closing: bool = False
    floor: Floor = field(default_factory=Floor)
    memory: Memory = field(default_factory=Memory)
    untranscribed: dict[tuple[str, int], float] = field(default_factory=dict)
    effects: list[ConversationEffect] = field(default_factory=list)

    def emit(self, effect: ConversationEffect) -> None:
        """This is to be done next."""
        self.effects.append(effect)
