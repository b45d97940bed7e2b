"""Every line of the floor's table happens in some conversation, and no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import ReplyRequest
from streamkit.session.commands import CancelResponse, ClearAudio, CommitAudio, CreateResponse
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import ResponseDone, SendSound
from streamkit.session.conversation_options import ConversationOptions
from streamkit.session.events import CloseRequested
from streamkit.session.floor import TRANSITIONS, Floor, State, Trigger
from streamkit.testing import SimulatedConversation, say

LONG = "Well, there is a lot to say about that. First it was dark. Then there was light, and so on."
DEAF = ConversationBounds(hold_timeout=0.5, deaf_after_noise=60.0)


def slow(request: ReplyRequest) -> list[Any]:
    """Is thought about for so long that anything may happen meanwhile."""
    return say(LONG, after=9.0)


def speaking(text: str = "What is it?", **how: Any) -> SimulatedConversation:
    how.setdefault("model", lambda request: say(LONG))
    conversation = SimulatedConversation(**how)
    conversation.speak(text)
    conversation.run_until(lambda: conversation.session.state is State.SPEAKING)
    return conversation


def thinking(**how: Any) -> SimulatedConversation:
    conversation = SimulatedConversation(model=slow, **how)
    conversation.speak("What is it?")
    conversation.run_until(lambda: conversation.session.state is State.THINKING)
    conversation.run(0.5)
    return conversation


def listening() -> SimulatedConversation:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=None))
    conversation.speak("What is it?")
    conversation.run(1.0)
    return conversation


def speech() -> None:
    SimulatedConversation().run(0.1)
    listening()


def asked() -> None:
    SimulatedConversation().give(CreateResponse("e"))


def asked_while_listening() -> None:
    listening().give(CreateResponse("e"))


def committed() -> None:
    listening().give(CommitAudio("e"))


def cleared() -> None:
    listening().give(ClearAudio("e"))


def closed_idle() -> None:
    SimulatedConversation().give(CloseRequested())


def spoken_to_the_end() -> None:
    speaking().run_until_quiet()


def failed() -> None:
    conversation = SimulatedConversation(model=lambda request: [(0.1, ValueError("no"))])
    conversation.give(CreateResponse("e"))
    conversation.run(0.2)


def thought_interrupted() -> None:
    conversation = thinking()
    conversation.speak("No, stop that.")
    conversation.run(1.5)


def thought_not_interrupted() -> None:
    conversation = thinking()
    conversation.speak("uh-huh")
    conversation.run(1.5)


def thought_interrupted_when_deaf() -> None:
    conversation = thinking(bounds=DEAF)
    conversation.speak("shh " * 4, noise=True)
    conversation.run(1.5)
    conversation.speak("No, stop that.")
    conversation.run(1.5)


def speech_interrupted() -> None:
    conversation = speaking()
    conversation.speak("No, stop that.")
    conversation.run(1.5)


def speech_not_interrupted() -> None:
    conversation = speaking()
    conversation.speak("uh-huh")
    conversation.run(1.5)


def speech_interrupted_when_deaf() -> None:
    conversation = speaking(bounds=DEAF)
    conversation.speak("shh " * 4, noise=True)
    conversation.run(1.5)
    conversation.speak("No, stop that.")
    conversation.run(1.5)


def cancelled_in_doubt() -> None:
    for conversation in (thinking(), speaking()):
        conversation.speak("hm " * 8, noise=True)
        conversation.run(0.3)
        conversation.give(CancelResponse("e"))
        conversation.run(3.0)


def next_reply_while_the_last_is_played() -> None:
    conversation = speaking(options=ConversationOptions(lead=3.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.give(CreateResponse("e"))


def closed_while_played() -> None:
    conversation = speaking(options=ConversationOptions(lead=9.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.give(CloseRequested())


def closed_while_the_last_is_played_and_the_next_has_failed() -> None:
    answers = [say(LONG), [(0.1, ReplyError("the model is out"))]]
    conversation = speaking(
        options=ConversationOptions(lead=9.0), model=lambda request: answers.pop(0)
    )
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.give(CreateResponse("e"))
    conversation.run(0.2)
    conversation.give(CloseRequested())


SCENARIOS: dict[tuple[State, Trigger], Callable[[], None]] = {
    (State.IDLE, Trigger.SPEECH): speech,
    (State.IDLE, Trigger.REPLY): asked,
    (State.IDLE, Trigger.CLOSE): closed_idle,
    (State.LISTENING, Trigger.TURN_OVER): committed,
    (State.LISTENING, Trigger.TURN_DROPPED): cleared,
    (State.LISTENING, Trigger.REPLY): asked_while_listening,
    (State.THINKING, Trigger.SOUND): spoken_to_the_end,
    (State.THINKING, Trigger.DOUBT): thought_not_interrupted,
    (State.THINKING, Trigger.INTERRUPTED): thought_interrupted_when_deaf,
    (State.THINKING, Trigger.REPLY_OVER): failed,
    (State.THINKING, Trigger.CLOSE): closed_while_the_last_is_played_and_the_next_has_failed,
    (State.SPEAKING, Trigger.REPLY): next_reply_while_the_last_is_played,
    (State.SPEAKING, Trigger.DOUBT): speech_not_interrupted,
    (State.SPEAKING, Trigger.INTERRUPTED): speech_interrupted_when_deaf,
    (State.SPEAKING, Trigger.REPLY_OVER): spoken_to_the_end,
    (State.SPEAKING, Trigger.CLOSE): closed_while_played,
    (State.DOUBTING_THOUGHT, Trigger.FALSE_ALARM): thought_not_interrupted,
    (State.DOUBTING_THOUGHT, Trigger.INTERRUPTED): thought_interrupted,
    (State.DOUBTING_SPEECH, Trigger.FALSE_ALARM): speech_not_interrupted,
    (State.DOUBTING_SPEECH, Trigger.INTERRUPTED): speech_interrupted,
}


@pytest.fixture
def moves(monkeypatch: pytest.MonkeyPatch) -> list[tuple[State, Trigger]]:
    """All that happens to the floor of any conversation."""
    found: list[tuple[State, Trigger]] = []
    move = Floor.move

    def watch(floor: Floor, trigger: Trigger) -> None:
        found.append((floor.state, trigger))
        move(floor, trigger)

    monkeypatch.setattr(Floor, "move", watch)
    return found


@pytest.mark.parametrize(("state", "trigger"), [*SCENARIOS], ids=lambda each: each.value)
def test_it_happens(moves: list[tuple[State, Trigger]], state: State, trigger: Trigger) -> None:
    SCENARIOS[state, trigger]()
    assert (state, trigger) in moves


def test_all_lines_happen_and_no_other(moves: list[tuple[State, Trigger]]) -> None:
    for scenario in [*SCENARIOS.values(), cancelled_in_doubt]:
        scenario()
    table = {(state, trigger) for state in TRANSITIONS for trigger in TRANSITIONS[state]}
    assert set(moves) == table == set(SCENARIOS)


def test_sound_is_sent_only_by_who_has_the_floor() -> None:
    conversation = speaking()
    for at, _ in conversation.when(SendSound):
        assert at <= conversation.now
    conversation.speak("No, stop that.")
    while conversation.session.state is not State.LISTENING:
        sent = len(conversation.seen(SendSound))
        doubtful = conversation.session.state is State.DOUBTING_SPEECH
        conversation.run(0.02)
        if doubtful:
            assert len(conversation.seen(SendSound)) == sent
