"""Which responses are made, of what, and when: overrides, items, tools, responses beside others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.llm.chat_model import (
    CallDelta,
    Delta,
    Finished,
    NamedTool,
    ReplyRequest,
    Tool,
    ToolCall,
    ToolResult,
    Utterance,
)
from streamkit.llm.prompt import join_instructions
from streamkit.session.commands import (
    CancelResponse,
    CommitAudio,
    Configure,
    CreateItem,
    CreateResponse,
    DeleteItem,
    ResponseOverrides,
)
from streamkit.session.conversation_effects import (
    ItemAdded,
    ItemDone,
    Rejected,
    ResponseCreated,
    ResponseDone,
    SendSound,
    SpeechStarted,
    Synthesize,
    TextAdded,
)
from streamkit.session.conversation_options import ConversationOptions
from streamkit.session.floor import State
from streamkit.session.items import Content, FunctionOutput, Message
from streamkit.testing import SimulatedConversation, say

Talking = Callable[..., SimulatedConversation]

LAMP = Tool("lamp", "Switches the lamp.", {"type": "object"})
DOOR = Tool("door", "Opens the door.", {"type": "object"})
BESIDE = ResponseOverrides(in_conversation=False)


def user(text: str, item_id: str = "own") -> Message:
    return Message(item_id, "user", (Content("input_text", text),))


def refusals(conversation: SimulatedConversation) -> list[tuple[str | None, str]]:
    return [(each.event_id, each.code) for each in conversation.seen(Rejected)]


# What the model is asked


def test_a_request_is_as_the_session_has_it() -> None:
    options = ConversationOptions(
        instructions="Be brief.",
        tools=(LAMP,),
        tool_choice="required",
        parallel_tool_calls=False,
        max_output_tokens=99,
    )
    conversation = SimulatedConversation(options)
    conversation.give(CreateItem(None, user("Hi.")))
    conversation.give(CreateResponse("e"))
    assert conversation.requests == [
        ReplyRequest(
            turns=(Utterance("user", "Hi."),),
            instructions=join_instructions("Be brief."),
            tools=(LAMP,),
            tool_choice="required",
            parallel_tool_calls=False,
            max_output_tokens=99,
        )
    ]


def test_each_response_can_be_different() -> None:
    options = ConversationOptions(
        instructions="Be brief.", tools=(LAMP,), max_output_tokens=99, voice="anna"
    )
    conversation = SimulatedConversation(options)
    overrides = ResponseOverrides(
        instructions="Be long.",
        tools=(DOOR,),
        tool_choice=NamedTool("door"),
        parallel_tool_calls=False,
        max_output_tokens=7,
        voice="bert",
        metadata={"for": "me"},
    )
    conversation.give(CreateResponse("e", overrides))
    conversation.run_until_quiet()
    (request,) = conversation.requests
    assert "Be long." in request.instructions
    assert "Be brief." not in request.instructions
    assert (request.tools, request.tool_choice) == ((DOOR,), NamedTool("door"))
    assert (request.parallel_tool_calls, request.max_output_tokens) == (False, 7)
    assert {each.voice for each in conversation.seen(Synthesize)} == {"bert"}
    response = conversation.seen(ResponseDone)[0].response
    assert (response.metadata, response.max_output_tokens, response.voice) == (
        {"for": "me"}, 7, "bert"
    )  # fmt: skip
    conversation.give(CreateResponse("f"))
    assert conversation.requests[1].tools == (LAMP,)


def test_nothing_can_be_had_instead_of_something() -> None:
    options = ConversationOptions(instructions="Be brief.", tools=(LAMP,), max_output_tokens=99)
    conversation = SimulatedConversation(options)
    overrides = ResponseOverrides(
        instructions="", tools=(), input=(), unlimited_tokens=True, modalities=("text",)
    )
    conversation.give(CreateItem(None, user("Hi.")))
    conversation.give(CreateResponse("e", overrides))
    assert conversation.requests == [ReplyRequest(turns=())]


def test_a_written_response_is_not_told_how_to_speak() -> None:
    conversation = SimulatedConversation(ConversationOptions(instructions="Be brief."))
    conversation.give(CreateResponse("e", ResponseOverrides(modalities=("text",))))
    assert conversation.requests[0].instructions == "Be brief."
    conversation.run_until_quiet()
    assert conversation.seen(TextAdded)
    assert not conversation.seen(SendSound)


def test_items_and_references_can_be_given() -> None:
    conversation = SimulatedConversation()
    for number in (1, 2):
        conversation.give(CreateItem(None, user(f"Number {number}.", f"own_{number}")))
    given = ResponseOverrides(input=("own_2", user("And this.", "x")))
    conversation.give(CreateResponse("e", given))
    assert conversation.requests[0].turns == (
        Utterance("user", "Number 2."),
        Utterance("user", "And this."),
    )
    conversation.run_until_quiet()
    assert "x" not in conversation.session.memory.history


def test_an_unknown_reference_is_refused_at_once() -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateResponse("e", ResponseOverrides(input=("gone",))))
    assert refusals(conversation) == [("e", "item_not_found")]
    assert not conversation.seen(ResponseCreated)


def test_a_reference_that_is_deleted_while_the_response_waits_is_refused_then() -> None:
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=None), decode_seconds=1.0
    )
    conversation.give(CreateItem(None, user("Hi.")))
    conversation.speak("What is it?")
    conversation.run(0.8)
    conversation.give(CommitAudio("c"))
    conversation.give(CreateResponse("e", ResponseOverrides(input=("own",))))
    conversation.give(DeleteItem("d", "own"))
    conversation.run_until_quiet()
    assert refusals(conversation) == [("e", "item_not_found")]
    assert not conversation.requests


def test_new_options_begin_with_the_next_response(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(voice="anna"))
    conversation.give(Configure("e", ConversationOptions(voice="bert", lead=2.0)))
    conversation.run_until_quiet()
    assert {each.voice for each in conversation.seen(Synthesize)} == {"anna"}
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert conversation.seen(Synthesize)[-1].voice == "bert"


# One after the other


def test_there_is_one_reply_at_a_time(talking: Talking) -> None:
    conversation = talking(0.0, model=lambda request: say("One two. " * 30, each=0.1))
    conversation.give(CreateResponse("e"))
    assert refusals(conversation) == [("e", "conversation_already_has_active_response")]
    conversation.run_until_quiet()
    conversation.give(CreateResponse("f"))
    assert len(conversation.seen(ResponseCreated)) == 2


def test_the_next_one_waits_for_the_sound_of_the_last(talking: Talking) -> None:
    conversation = talking()
    conversation.give(CreateResponse("e"))
    assert len(conversation.requests) == 1
    conversation.run_until_quiet()
    assert not refusals(conversation)
    first, second = conversation.when(ResponseDone)
    assert [each.response.status for each in (first[1], second[1])] == ["completed"] * 2
    created = conversation.when(ResponseCreated)[1][0]
    assert created == first[0]
    # And its sound is behind the other one's at the client.
    begin = next(at for at, each in conversation.when(SendSound) if each.generation == 2)
    assert begin >= created


def test_an_interruption_does_not_take_away_what_the_client_has_asked_for(talking: Talking) -> None:
    conversation = talking()
    conversation.give(CreateResponse("e"))
    conversation.speak("Stop. And what is that?")
    conversation.run_until_quiet()
    assert [each.response.status for each in conversation.seen(ResponseDone)] == [
        "cancelled",
        "completed",
    ]
    # It has waited until the person had spoken, and answers that.
    assert conversation.requests[1].turns[-1] == Utterance("user", "Stop. And what is that?")
    assert conversation.when(ResponseCreated)[1][0] > conversation.when(SpeechStarted)[1][0] + 1.0


@pytest.mark.parametrize("given", [None, "resp_1"])
def test_a_response_can_be_cancelled(talking: Talking, given: str | None) -> None:
    conversation = talking()
    conversation.give(CancelResponse("e", given))
    done = conversation.seen(ResponseDone)[0].response
    assert (done.status, done.reason) == ("cancelled", "client_cancelled")
    sent = len(conversation.seen(SendSound))
    conversation.run_until_quiet()
    assert len(conversation.seen(SendSound)) == sent
    assert not refusals(conversation)


@pytest.mark.parametrize("given", [None, "resp_9", "resp_1"])
def test_what_is_not_in_progress_cannot_be_cancelled(talking: Talking, given: str | None) -> None:
    conversation = talking()
    conversation.run_until_quiet()
    conversation.give(CancelResponse("e", given))
    assert refusals(conversation) == [("e", "response_cancel_not_active")]
    conversation.speak("Are you there?")
    conversation.run_until_quiet()
    assert len(conversation.seen(ResponseDone)) == 2


# Tools


def with_lamp(request: ReplyRequest) -> list[tuple[float, Delta]]:
    if any(isinstance(turn, ToolResult) for turn in request.turns):
        return say("It is on now.")
    call = CallDelta(0, "call_1", "lamp", '{"on": true}')
    return [*say("One moment, please.")[:-1], (0.1, call), (0.1, Finished("tool_calls", None))]


def test_the_output_of_a_tool_is_answered_right_after_the_call() -> None:
    conversation = SimulatedConversation(ConversationOptions(tools=(LAMP,)), with_lamp)
    conversation.speak("Light on!")
    conversation.run_until(
        lambda: any(each.item.id == "item_3" for each in conversation.seen(ItemDone))
    )
    # The words before the call are still being said.
    assert not conversation.seen(ResponseDone)
    conversation.give(CreateItem("o", FunctionOutput("own", "call_1", "done")))
    conversation.give(CreateResponse("r"))
    conversation.run_until_quiet()
    assert not refusals(conversation)
    assert conversation.requests[1].turns == (
        Utterance("user", "Light on!"),
        Utterance("assistant", "One moment, please."),
        ToolCall("call_1", "lamp", '{"on": true}'),
        ToolResult("call_1", "done"),
    )
    assert [each.response.status for each in conversation.seen(ResponseDone)] == ["completed"] * 2
    assert conversation.session.memory.turns()[-1] == Utterance("assistant", "It is on now.")


# Beside the conversation


def slow(request: ReplyRequest) -> list[tuple[float, Delta]]:
    return say("Beside that, and so on. " * 4, each=0.2 if request.instructions == "slow" else 0.01)


ASIDE = ResponseOverrides(in_conversation=False, modalities=("text",), instructions="slow")


def test_a_response_beside_the_conversation_does_not_get_into_it(talking: Talking) -> None:
    conversation = talking(model=slow)
    before = [*conversation.session.memory.history]
    conversation.give(CreateResponse("e", ASIDE))
    conversation.run_until(lambda: len(conversation.seen(ResponseDone)) == 2)
    assert not refusals(conversation)
    aside = next(
        e.response for e in conversation.seen(ResponseDone) if not e.response.in_conversation
    )
    assert aside.status == "completed"
    assert aside.output[0].id not in conversation.session.memory.history
    assert [item.id for item in conversation.session.memory.history] == [i.id for i in before]
    added = {each.item.id for each in conversation.seen(ItemAdded)}
    assert aside.output[0].id not in added


def test_a_spoken_one_does_not_have_the_floor() -> None:
    conversation = SimulatedConversation(model=slow)
    conversation.give(CreateResponse("e", BESIDE))
    conversation.run(1.0)
    assert conversation.seen(SendSound)
    assert conversation.session.state is State.IDLE
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert [each.response.status for each in conversation.seen(ResponseDone)] == ["completed"] * 2


def test_it_goes_on_when_the_person_interrupts(talking: Talking) -> None:
    conversation = talking()
    conversation._model = slow
    conversation.give(CreateResponse("e", ASIDE))
    conversation.speak("Stop that.")
    conversation.run(2.0)
    assert next(each.response.status for each in conversation.seen(ResponseDone)) == "cancelled"
    conversation.run_until_quiet()
    statuses = {
        (each.response.in_conversation, each.response.status)
        for each in conversation.seen(ResponseDone)
    }
    assert (False, "completed") in statuses


def test_it_can_be_cancelled_by_its_id_and_the_reply_goes_on(talking: Talking) -> None:
    conversation = talking(model=slow)
    conversation.give(CreateResponse("e", ASIDE))
    aside = conversation.seen(ResponseCreated)[-1].response
    conversation.give(CancelResponse("c", aside.id))
    assert [(e.response.id, e.response.status) for e in conversation.seen(ResponseDone)] == [
        (aside.id, "cancelled")
    ]
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[1].response.status == "completed"


def test_without_an_id_the_reply_is_meant_and_then_what_is_beside_it(talking: Talking) -> None:
    conversation = talking(model=slow)
    conversation.give(CreateResponse("e", ASIDE))
    conversation.give(CancelResponse("c"))
    conversation.give(CancelResponse("d"))
    conversation.give(CancelResponse("f"))
    assert [e.response.in_conversation for e in conversation.seen(ResponseDone)] == [True, False]
    assert refusals(conversation) == [("f", "response_cancel_not_active")]


def test_its_own_items_are_what_it_answers() -> None:
    conversation = SimulatedConversation()
    conversation.give(CreateItem(None, user("Hi.")))
    overrides = ResponseOverrides(in_conversation=False, input=(user("Which one?", "x"), "own"))
    conversation.give(CreateResponse("e", overrides))
    assert conversation.requests[0].turns == (
        Utterance("user", "Which one?"),
        Utterance("user", "Hi."),
    )


def test_several_run_beside_each_other() -> None:
    conversation = SimulatedConversation(model=slow)
    for number in range(3):
        conversation.give(CreateResponse(f"e{number}", ASIDE))
    conversation.give(CreateResponse("main"))
    conversation.run_until_quiet()
    assert not refusals(conversation)
    assert len(conversation.seen(ResponseDone)) == 4


def test_words_that_are_being_recognized_are_waited_for_by_all() -> None:
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=None), decode_seconds=1.0
    )
    conversation.speak("What is it?")
    conversation.run(0.8)
    conversation.give(CommitAudio("c"))
    conversation.give(CreateResponse("e", ASIDE))
    assert not conversation.requests
    conversation.run_until_quiet()
    assert conversation.requests[0].turns == (Utterance("user", "What is it?"),)


@pytest.mark.parametrize("overrides", [ResponseOverrides(), BESIDE])
def test_a_transcription_session_gives_no_responses(overrides: Any) -> None:
    conversation = SimulatedConversation(ConversationOptions(kind="transcription"))
    conversation.give(CreateResponse("e", overrides))
    assert refusals(conversation) == [("e", "invalid_session_type")]
