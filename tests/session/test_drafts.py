"""Replies that are begun while the turn is perhaps over: when they are used, and when not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from streamkit.asr.recognizer import Hypothesis
from streamkit.errors import ReplyError
from streamkit.llm.chat_model import ReplyRequest
from streamkit.session.commands import (
    ClearAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
)
from streamkit.session.conversation_effects import (
    Abandon,
    ConversationEffect,
    Generate,
    ItemAdded,
    OutputItemAdded,
    ResponseCreated,
    ResponseDone,
    SendSound,
    SpeechStopped,
    Synthesize,
)
from streamkit.session.conversation_events import ConversationEvent
from streamkit.session.conversation_options import ConversationOptions, SemanticVad, ServerVad
from streamkit.session.effects import Decode
from streamkit.session.events import CloseRequested, HypothesisReady
from streamkit.session.items import Content, Message
from streamkit.session.responses import MAX_DRAFTS, same_words
from streamkit.testing import SimulatedConversation, say

SLOW = SemanticVad("low")
"""Waits half a second even behind a finished sentence, so that there is time for a draft."""


def drafted(**how: object) -> SimulatedConversation:
    """The model thinks about an answer to a turn that is not over yet."""
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=SLOW),
        how.pop("model", lambda request: say("It is nothing.")),  # type: ignore[arg-type]
        **how,  # type: ignore[arg-type]
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(Generate)))
    assert not conversation.seen(SpeechStopped)
    return conversation


def user(text: str, item_id: str = "own") -> Message:
    return Message(item_id, "user", (Content("input_text", text),))


def test_it_is_used_when_the_turn_ends_with_the_same_words() -> None:
    conversation = drafted()
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1
    assert [turn.text for turn in conversation.requests[0].turns] == ["What is it?"]  # type: ignore[union-attr]
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_its_sound_goes_out_the_moment_the_turn_is_over() -> None:
    conversation = drafted()
    conversation.run_until_quiet()
    stopped = conversation.when(SpeechStopped)[0][0]
    assert conversation.when(SendSound)[0][0] == stopped
    assert conversation.when(Synthesize)[0][0] < stopped


def test_the_client_knows_nothing_of_it_before() -> None:
    conversation = drafted()
    conversation.run_until(lambda: bool(conversation.seen(SpeechStopped)))
    kinds = [type(effect) for _, effect in conversation.log]
    stopped = kinds.index(SpeechStopped)
    for kind in (ResponseCreated, OutputItemAdded, SendSound, ItemAdded):
        assert kind not in kinds[:stopped]
    assert kinds.index(ResponseCreated) > stopped


def test_it_is_not_begun_where_that_is_not_wanted() -> None:
    options = ConversationOptions(turn_detection=SLOW, preemptive=False)
    conversation = SimulatedConversation(options)
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(Generate)))
    assert conversation.seen(SpeechStopped)


@pytest.mark.parametrize(
    "options",
    [
        ConversationOptions(turn_detection=SemanticVad("low", create_response=False)),
        ConversationOptions(turn_detection=None),
        ConversationOptions(turn_detection=SLOW, kind="transcription"),
    ],
)
def test_it_is_not_begun_where_nothing_is_to_be_answered(options: ConversationOptions) -> None:
    conversation = SimulatedConversation(options)
    conversation.speak("What is it?")
    conversation.run(5.0)
    assert not conversation.requests


def test_an_unfinished_sentence_is_not_thought_about() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SLOW))
    conversation.speak("Tell me more and")
    conversation.run(3.0)
    assert not conversation.requests


def test_a_fixed_silence_is_used_for_thinking_too() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=ServerVad(silence=1.0)))
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(Generate)))
    assert not conversation.seen(SpeechStopped)
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1


def test_it_is_dropped_when_speech_goes_on() -> None:
    conversation = drafted()
    conversation.speak("And that?")
    conversation.run_until_quiet()
    assert conversation.seen(Abandon)[0].generation == 1
    assert [len(conversation.requests), len(conversation.seen(ResponseDone))] == [2, 1]
    assert conversation.requests[-1].turns[-1].text == "What is it? And that?"  # type: ignore[union-attr]
    assert {sound.generation for sound in conversation.seen(SendSound)} == {2}


def listen(
    conversation: SimulatedConversation,
    change: Callable[[Hypothesis], Hypothesis],
    *,
    always: bool = False,
) -> None:
    """The recognizer hears something else, in its thorough passes only, or always."""
    give = conversation.give

    def mishear(event: ConversationEvent) -> list[ConversationEffect]:
        if isinstance(event, HypothesisReady) and event.hypothesis.words:
            (asked,) = [e for e in conversation.seen(Decode) if e.request == event.request]
            if asked.thorough or always:
                event = dataclasses.replace(event, hypothesis=change(event.hypothesis))
        return give(event)

    conversation.give = mishear  # type: ignore[method-assign]


def test_it_is_dropped_when_the_words_are_others_after_all() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SemanticVad("high")))

    def that(heard: Hypothesis) -> Hypothesis:
        *words, last = heard.words
        return dataclasses.replace(heard, words=(*words, dataclasses.replace(last, text="that?")))

    listen(conversation, that)
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert [request.turns[-1].text for request in conversation.requests] == [  # type: ignore[union-attr]
        "What is it?",
        "What is that?",
    ]
    assert conversation.seen(Abandon) == [Abandon(1)]
    assert {sound.generation for sound in conversation.seen(SendSound)} == {2}
    assert len(conversation.seen(ResponseCreated)) == 1


@pytest.mark.parametrize(
    "command",
    [
        CreateItem("e", user("And this.")),
        Configure("e", ConversationOptions(turn_detection=SLOW, instructions="Be brief.")),
        DeleteItem("e", "first"),
        ClearAudio("e"),
        CloseRequested(),
    ],
)
def test_it_is_dropped_when_anything_changes(command: object) -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SLOW))
    conversation.give(CreateItem(None, user("Be kind.", "first")))
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(Generate)))
    conversation.give(command)  # type: ignore[arg-type]
    assert conversation.seen(Abandon) == [Abandon(1)]
    conversation.run(6.0)
    assert {sound.generation for sound in conversation.seen(SendSound)} <= {2}
    if isinstance(command, CreateItem):
        texts = [turn.text for turn in conversation.requests[-1].turns]  # type: ignore[union-attr]
        assert texts == ["Be kind.", "And this.", "What is it?"]
    if isinstance(command, Configure):
        assert "Be brief." in conversation.requests[-1].instructions


@pytest.mark.parametrize("item_seconds", [0.1, 0.45, 1.5])
def test_it_knows_what_the_sound_of_an_item_says(item_seconds: float) -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SLOW))
    conversation.item_seconds = item_seconds
    sound = Message("own", "user", (Content("input_audio", None),))
    conversation.speak("What is it?")
    conversation.run(0.5)
    conversation.give(CreateItem("e", sound, None, (True,)))
    conversation.run_until_quiet()
    texts = [turn.text for turn in conversation.requests[-1].turns]  # type: ignore[union-attr]
    assert texts == ["what was sent", "What is it?"]
    assert len(conversation.seen(ResponseDone)) == 1
    created = conversation.seen(Generate)[-1].generation
    assert {sound.generation for sound in conversation.seen(SendSound)} == {created}


def test_one_that_failed_is_begun_anew() -> None:
    answers = [[(0.05, ReplyError("the model is out"))], say("It is nothing.")]
    conversation = drafted(model=lambda request: answers.pop(0))
    conversation.run_until_quiet()
    assert len(conversation.requests) == 2
    (done,) = conversation.seen(ResponseDone)
    assert done.response.status == "completed"


def test_a_client_that_asks_gets_an_answer_of_its_own() -> None:
    conversation = drafted()
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert conversation.seen(Abandon)[0].generation == 1
    assert len(conversation.seen(ResponseDone)) == 1
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_there_are_not_many_for_one_turn() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SLOW))
    for word in ("One.", "Two.", "Three.", "Four.", "Five.", "Six."):
        conversation.speak(word)
        conversation.run(0.62)
    conversation.run_until_quiet()
    assert len(conversation.seen(SpeechStopped)) == 1
    # And the reply itself, for which there was no draft any more.
    assert len(conversation.requests) == MAX_DRAFTS + 1
    conversation.speak("And now?")
    conversation.run_until_quiet()
    assert len(conversation.requests) == MAX_DRAFTS + 2


def test_the_same_words_are_not_thought_about_twice() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=ServerVad(silence=2.0)))
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert len(conversation.seen(Generate)) == 1


def test_it_is_in_the_language_that_was_just_spoken() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SLOW))
    listen(conversation, lambda heard: dataclasses.replace(heard, language="de"), always=True)
    conversation.speak("Wer war es?")
    conversation.run_until(lambda: bool(conversation.seen(Generate)))
    assert not conversation.seen(SpeechStopped)
    conversation.run_until_quiet()
    assert {each.language for each in conversation.seen(Synthesize)} == {"de"}
    assert len(conversation.requests) == 1


def test_a_slow_thought_is_waited_for() -> None:
    conversation = drafted(model=lambda request: say("It is nothing.", after=2.0))
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1
    created, sent = conversation.when(ResponseCreated)[0][0], conversation.when(SendSound)[0][0]
    assert sent > created + 1.0


def test_it_costs_nothing_in_the_figures_what_was_early() -> None:
    conversation = drafted()
    conversation.run_until_quiet()
    latency = conversation.seen(ResponseDone)[0].response.latency
    assert latency["first_token"] == latency["first_piece"] == latency["first_byte"] == 0
    assert latency["first_audible"] == 0
    assert latency["endpoint"] > 0.4


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("What is it?", "what is it", True),
        ("What is it?", "What, is it!", True),
        ("What is it?", "What is that?", False),
        ("I'm", "I'm", True),
        ("", "...", True),
        ("One two", "Onetwo", False),
    ],
)
def test_same_words(one: str, other: str, same: bool) -> None:
    assert same_words(one, other) is same


def test_requests_of_a_draft_and_of_a_reply_are_alike() -> None:
    requests: list[ReplyRequest] = []
    for preemptive in (True, False):
        options = ConversationOptions(
            turn_detection=SLOW, instructions="Hm.", preemptive=preemptive
        )
        conversation = SimulatedConversation(options)
        conversation.speak("What is it?")
        conversation.run_until_quiet()
        requests += conversation.requests
    assert requests[0] == requests[1]
