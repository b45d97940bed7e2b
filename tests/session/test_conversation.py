"""A conversation as a whole: its items, what is told of the person's words, and how it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import pytest

from streamkit.llm.chat_model import Utterance
from streamkit.session.commands import (
    ClearAudio,
    CommitAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    ResponseOverrides,
    RetrieveItem,
    TruncateItem,
)
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import (
    AudioCommitted,
    ConversationClosed,
    ForgetAudio,
    ItemAdded,
    ItemDeleted,
    ItemDone,
    ItemRetrieved,
    Rejected,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TranscribeItem,
    TranscriptDone,
    TranscriptionCompleted,
    TranscriptionDelta,
    TranscriptionFailed,
)
from streamkit.session.conversation_events import ItemTranscribed, TimePassed
from streamkit.session.conversation_options import ConversationOptions, SemanticVad, ServerVad
from streamkit.session.effects import Decode
from streamkit.session.events import AudioReceived, CloseRequested, PaceChanged, WindowsScored
from streamkit.session.floor import State
from streamkit.session.items import Content, FunctionOutput, Message
from streamkit.session.memory import MAX_SOUNDS
from streamkit.testing import SimulatedConversation, say

Talking = Callable[..., SimulatedConversation]


def user(text: str, item_id: str = "own") -> Message:
    return Message(item_id, "user", (Content("input_text", text),))


SOUND = Message("own", "user", (Content("input_audio", None),))


def codes(conversation: SimulatedConversation) -> list[str]:
    return [each.code for each in conversation.seen(Rejected)]


def ids(conversation: SimulatedConversation) -> list[str]:
    return [item.id for item in conversation.session.memory.history]


# Items


def test_items_are_put_where_the_client_wants_them() -> None:
    conversation = SimulatedConversation()
    for item_id, after in [("a", None), ("b", None), ("c", "root"), ("d", "a")]:
        conversation.give(CreateItem("e", user("Hi", item_id), after))
    assert ids(conversation) == ["c", "a", "d", "b"]
    added = [(each.item.id, each.previous) for each in conversation.seen(ItemAdded)]
    assert added == [("a", None), ("b", "a"), ("c", None), ("d", "a")]
    assert [(e.item.id, e.previous) for e in conversation.seen(ItemDone)] == added


def test_items_are_shown_and_taken_out() -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateItem("e", user("Hi")))
    conversation.give(RetrieveItem("e", "own"))
    assert conversation.seen(ItemRetrieved) == [ItemRetrieved(user("Hi"))]
    conversation.give(DeleteItem("e", "own"))
    assert conversation.seen(ItemDeleted) == [ItemDeleted("own")]
    assert ids(conversation) == []


@pytest.mark.parametrize(
    ("command", "code", "param"),
    [
        (CreateItem("e", user("Hi", "there")), "item_exists", "item.id"),
        (CreateItem("e", user("Hi"), "gone"), "item_not_found", "previous_item_id"),
        (RetrieveItem("e", "gone"), "item_not_found", "item_id"),
        (DeleteItem("e", "gone"), "item_not_found", "item_id"),
        (TruncateItem("e", "gone", 0, 0), "item_not_found", "item_id"),
        (TruncateItem("e", "there", 0, 0), "invalid_value", "item_id"),
        (CommitAudio("e"), "input_audio_buffer_commit_empty", None),
    ],
)
def test_what_cannot_be_done_is_refused_and_the_session_lives_on(
    command: Any, code: str, param: str | None
) -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateItem(None, user("Hi", "there")))
    (rejected,) = conversation.give(command)
    assert isinstance(rejected, Rejected)
    assert (rejected.event_id, rejected.code, rejected.param) == ("e", code, param)
    assert ids(conversation) == ["there"]
    conversation.speak("Are you there?")
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_each_item_is_told_with_its_true_predecessor(talking: Talking) -> None:
    conversation = talking()
    conversation.run_until_quiet()
    committed = conversation.seen(AudioCommitted)[0]
    assert committed.previous is None
    assert [(e.item.id, e.previous) for e in conversation.seen(ItemAdded)] == [
        ("item_1", None),
        ("item_2", "item_1"),
    ]
    conversation.give(CreateItem("e", user("Hi"), "item_1"))
    conversation.speak("And then?")
    conversation.run_until_quiet()
    assert ids(conversation) == ["item_1", "own", "item_2", "item_3", "item_4"]
    assert conversation.seen(AudioCommitted)[1].previous == "item_2"


def test_sound_that_comes_with_an_item_is_put_into_words() -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateItem("e", SOUND, None, (True,)))
    assert conversation.seen(TranscribeItem) == [TranscribeItem("own", 0)]
    assert conversation.session.memory.get("own").text == ""  # type: ignore[union-attr]
    conversation.give(CreateResponse("r"))
    assert not conversation.requests
    conversation.run(0.3)
    assert conversation.seen(TranscriptionCompleted)[0].transcript == "what was sent"
    assert conversation.seen(ForgetAudio) == [ForgetAudio("own")]
    assert conversation.requests[0].turns == (Utterance("user", "what was sent"),)


def test_each_part_of_it_is() -> None:
    parts = (
        Content("input_audio", None),
        Content("input_text", "and"),
        Content("input_audio", None),
    )
    conversation = SimulatedConversation()
    conversation.give(CreateItem("e", Message("own", "user", parts), None, (True, False, True)))
    assert conversation.seen(TranscribeItem) == [TranscribeItem("own", 0), TranscribeItem("own", 2)]
    conversation.give(ItemTranscribed("own", 2, "two"))
    assert not conversation.seen(ForgetAudio)
    conversation.give(ItemTranscribed("own", 0, None, reason="broken"))
    assert conversation.seen(TranscriptionFailed) == [TranscriptionFailed("own", 0, "broken")]
    assert conversation.seen(ForgetAudio) == [ForgetAudio("own")]
    assert conversation.session.memory.get("own").text == "and two"  # type: ignore[union-attr]


@pytest.mark.parametrize("most", [2000, 1])
def test_sound_of_an_item_that_is_gone_is_forgotten(most: int) -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(max_items=most))
    conversation.give(CreateItem("e", SOUND, None, (True,)))
    if most == 1:
        conversation.give(CreateItem("e", user("Hi", "next")))
    else:
        conversation.give(DeleteItem("e", "own"))
    assert conversation.seen(ForgetAudio) == [ForgetAudio("own")]
    conversation.run(1.0)
    assert not conversation.seen(TranscriptionCompleted)
    conversation.give(CreateResponse("r"))
    assert len(conversation.requests) == 1


def test_an_output_is_an_item_like_any_other() -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateItem("e", FunctionOutput("own", "call_1", "done")))
    assert ids(conversation) == ["own"]


# Transcripts


def test_who_wants_no_transcripts_gets_none_and_answers_all_the_same() -> None:
    conversation = SimulatedConversation(ConversationOptions(transcription=False))
    conversation.give(CreateItem("e", SOUND, None, (True,)))
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    for kind in (TranscriptionDelta, TranscriptionCompleted, TranscriptionFailed):
        assert not conversation.seen(kind)
    assert [turn.text for turn in conversation.requests[0].turns] == [  # type: ignore[union-attr]
        "what was sent",
        "What is it?",
    ]
    item_id = conversation.seen(AudioCommitted)[0].item_id
    assert conversation.session.memory.get(item_id).text == "What is it?"  # type: ignore[union-attr]


def test_a_transcription_session_only_listens() -> None:
    options = ConversationOptions(kind="transcription", turn_detection=ServerVad(idle_timeout=2.0))
    conversation = SimulatedConversation(options)
    conversation.speak("What is it?")
    conversation.speak("And that?", after=3.0)
    conversation.run(12.0)
    assert [each.transcript for each in conversation.seen(TranscriptionCompleted)] == [
        "What is it?",
        "And that?",
    ]
    assert not conversation.requests
    assert not conversation.seen(ResponseDone)
    assert conversation.session.state is State.IDLE


def test_a_session_whose_kind_changes_in_a_turn() -> None:
    conversation = SimulatedConversation()
    conversation.speak("What is it?")
    conversation.run(0.6)
    conversation.give(Configure("e", ConversationOptions(kind="transcription")))
    conversation.run(3.0)
    assert not conversation.requests
    assert conversation.seen(TranscriptionCompleted)


def test_what_was_cleared_is_not_told_on() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SemanticVad("low")))
    conversation.speak("I was in the garden when it began to rain and")
    conversation.run(2.0)
    deltas = len(conversation.seen(TranscriptionDelta))
    assert deltas
    conversation.give(ClearAudio("e"))
    assert conversation.session.state is State.IDLE
    conversation.run(0.5)
    assert len(conversation.seen(TranscriptionDelta)) == deltas
    assert not conversation.seen(TranscriptionCompleted)
    assert not conversation.seen(AudioCommitted)


# The end


def closed(conversation: SimulatedConversation, within: float = 40.0) -> None:
    conversation.give(CloseRequested())
    conversation.run(within, audio=False)
    assert conversation.session.closed
    assert conversation.session.state is State.CLOSED
    assert conversation.session.wake_at is None
    assert conversation.session.replies == 0
    assert isinstance(conversation.log[-1][1], ConversationClosed)
    assert conversation.give(TimePassed()) == []
    assert conversation.give(CreateResponse("e")) == []


def test_an_empty_conversation_is_closed_at_once() -> None:
    conversation = SimulatedConversation()
    assert conversation.give(CloseRequested()) == [ConversationClosed()]
    assert conversation.session.closed


def test_what_is_being_said_is_recognized_and_not_answered() -> None:
    conversation = SimulatedConversation(decode_seconds=0.5)
    conversation.speak("What is it?")
    conversation.run(0.8)
    closed(conversation)
    assert len(conversation.seen(SpeechStopped)) == 1
    assert conversation.seen(TranscriptionCompleted)[0].transcript == "What is it?"
    assert not conversation.seen(ResponseDone)


def test_a_manual_turn_is_recognized_too() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=None))
    conversation.speak("What is it?")
    conversation.run(0.8)
    closed(conversation)
    assert conversation.seen(TranscriptionCompleted)[0].transcript == "What is it?"


def test_what_the_agent_says_is_said_to_its_end(talking: Talking, reply: str) -> None:
    conversation = talking()
    closed(conversation)
    assert conversation.seen(TranscriptDone)[0].transcript == reply
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_in_a_doubt_the_agent_goes_on(talking: Talking, reply: str) -> None:
    conversation = talking()
    conversation.speak("Hm hm hm hm", noise=True)
    conversation.run(0.4)
    assert conversation.session.state is State.DOUBTING_SPEECH
    closed(conversation)
    assert conversation.seen(TranscriptDone)[0].transcript == reply
    assert len(conversation.seen(SpeechStarted)) == 1


def test_at_the_first_loud_window_the_agent_goes_on(talking: Talking, reply: str) -> None:
    conversation = talking()
    conversation.speak("Hm hm hm hm", noise=True)
    conversation.run(0.06)
    closed(conversation)
    assert conversation.seen(TranscriptDone)[0].transcript == reply


def test_what_had_perhaps_begun_is_no_turn() -> None:
    conversation = SimulatedConversation()
    conversation.speak("Hm", after=0.5)
    conversation.run(0.56)
    closed(conversation)
    assert not conversation.seen(SpeechStarted)


def test_a_recognizer_that_never_answers_does_not_keep_it_open() -> None:
    conversation = SimulatedConversation(
        decode_seconds=99.0, bounds=ConversationBounds(final_timeout=2.0)
    )
    conversation.speak("What is it?")
    conversation.run(0.8)
    closed(conversation, 3.0)
    assert conversation.seen(TranscriptionFailed)


def test_a_model_that_never_answers_does_not_keep_it_open() -> None:
    conversation = SimulatedConversation(
        model=lambda request: [], bounds=ConversationBounds(reply_timeout=2.0)
    )
    conversation.give(CreateResponse("e"))
    closed(conversation, 3.0)
    assert conversation.seen(ResponseDone)[0].response.error_code == "model_timeout"


@pytest.mark.parametrize("command", [CommitAudio("e"), CreateResponse("e")])
def test_nothing_new_begins_in_it(talking: Talking, command: Any) -> None:
    conversation = talking()
    conversation.give(CloseRequested())
    conversation.give(command)
    assert codes(conversation) == ["session_closing"]
    conversation.give(CreateResponse("f", ResponseOverrides(in_conversation=False)))
    conversation.run(10.0, audio=False)
    assert conversation.session.closed
    assert len(conversation.seen(ResponseDone)) == 1


def test_sound_that_was_on_its_way_is_not_heard(talking: Talking) -> None:
    conversation = talking()
    conversation.give(CloseRequested())
    conversation.speak("No, wait.")
    conversation.run(20.0)
    assert conversation.session.closed
    assert len(conversation.seen(SpeechStarted)) == 1


def test_nor_is_it_recognized() -> None:
    conversation = SimulatedConversation(decode_seconds=2.0)
    conversation.speak("What is it?")
    conversation.run(0.8)
    conversation.give(CloseRequested())
    conversation.speak("No, wait.")
    conversation.run(6.0)
    assert conversation.session.closed
    assert {each.segment for each in conversation.seen(Decode)} == {0}


def test_closing_twice_is_closing_once(talking: Talking) -> None:
    conversation = talking()
    conversation.give(CloseRequested())
    conversation.run(0.5, audio=False)
    closed(conversation)
    assert len(conversation.seen(ConversationClosed)) == 1


def test_what_waits_is_not_begun_when_it_is_closed(talking: Talking) -> None:
    conversation = talking()
    conversation.give(CreateResponse("e"))
    closed(conversation)
    assert len(conversation.requests) == 1


# Odd things


def test_windows_may_come_one_by_one_or_all_at_once() -> None:
    logs = []
    for together in (1, 40):
        conversation = SimulatedConversation(
            ConversationOptions(turn_detection=ServerVad(silence=0.5))
        )
        windows = [0.9] * 12 + [0.01] * 28
        for at in range(0, 40, together):
            start, end = at * 512, (at + together) * 512
            conversation.give(AudioReceived(start, end, 0.0))
            conversation.give(WindowsScored(tuple(windows[at : at + together])))
        kinds = (SpeechStarted, SpeechStopped)
        logs.append([each for _, each in conversation.log if isinstance(each, kinds)])
    assert logs[0] == logs[1]
    assert len(logs[0]) == 2


def test_an_overloaded_recognizer_is_asked_less_often() -> None:
    counts = []
    for stretch in (1.0, 8.0):
        conversation = SimulatedConversation()
        conversation.give(PaceChanged(stretch, True))
        conversation.speak("one two three four five six seven eight")
        conversation.run(2.0)
        counts.append(len(conversation._recognizer.calls))
    assert counts[1] < counts[0]


def test_time_that_passes_for_nothing_changes_nothing(talking: Talking) -> None:
    conversation = talking()
    conversation.run_until_quiet()
    for _ in range(5):
        assert conversation.give(TimePassed()) == []


# No growth


def size_of(thing: Any, seen: set[int]) -> int:
    """How many values something holds, all the way down, without what is not this package's."""
    if id(thing) in seen or isinstance(thing, (int, float, str, bytes, bool, type(None), type)):
        return 0
    seen.add(id(thing))
    if isinstance(thing, dict):
        return len(thing) + sum(size_of(each, seen) for each in [*thing, *thing.values()])
    if isinstance(thing, (list, tuple, set, frozenset, deque)):
        return len(thing) + sum(size_of(each, seen) for each in thing)
    if not type(thing).__module__.startswith("streamkit.") or ".llm." in type(thing).__module__:
        return 0
    names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
    values = [getattr(thing, name) for name in names if hasattr(thing, name)]
    values += getattr(thing, "__dict__", {}).values()
    return 1 + sum(size_of(each, seen) for each in values)


def test_a_long_conversation_does_not_grow() -> None:
    conversation = SimulatedConversation(
        model=lambda request: say("Well, that is so."), bounds=ConversationBounds(max_items=40)
    )
    session = conversation.session
    sizes = []
    for number in range(500):
        match number % 4:
            case 0:
                conversation.speak("What is it?")
                conversation.run(1.2)
                conversation.speak("Stop that.")
            case 1:
                conversation.speak("What is it?")
                conversation.run(1.4)
                conversation.speak("uh-huh")
            case 2:
                conversation.give(CreateResponse("e", ResponseOverrides(in_conversation=False)))
                conversation.give(
                    CreateItem("e", Message(f"own_{number}", "user", SOUND.content), None, (True,))
                )
            case _:
                conversation.speak("cough", noise=True)
        conversation.run_until_quiet()
        if number in (199, 499):
            sizes.append(size_of(session, set()))
        # What the client was told is not the conversation's to keep.
        conversation.log.clear()
    assert len(session.memory.history) == 40
    assert len(session.memory._sounds) <= MAX_SOUNDS
    assert session.replies == 0
    assert not session._responses._wanted
    assert not session._turns._to_answer
    assert not session._turns.hearing._turns
    assert not session._context.untranscribed
    assert sizes[1] <= sizes[0] * 1.1
