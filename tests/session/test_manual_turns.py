"""Turns whose end the client says, and words that get into the right one, whatever is slow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    CommitAudio,
    Configure,
    CreateResponse,
    RetrieveItem,
)
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import (
    AudioCleared,
    AudioCommitted,
    ItemRetrieved,
    Rejected,
    ResponseCreated,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
    TranscriptionCompleted,
    TranscriptionDelta,
)
from streamkit.session.conversation_options import ConversationOptions, SemanticVad, ServerVad
from streamkit.session.floor import State
from streamkit.testing import SimulatedConversation, say

MANUAL = ConversationOptions(turn_detection=None)


def manual(**how: Any) -> SimulatedConversation:
    return SimulatedConversation(MANUAL, **how)


def transcripts(conversation: SimulatedConversation) -> list[str]:
    return [each.transcript for each in conversation.seen(TranscriptionCompleted)]


# Commit and clear


def test_what_was_said_is_a_turn_when_the_client_says_so() -> None:
    conversation = manual()
    conversation.speak("I was in the garden.")
    conversation.run(4.0)
    assert not conversation.seen(AudioCommitted)
    assert conversation.session.state is State.LISTENING
    conversation.give(CommitAudio("e"))
    conversation.run(1.0)
    assert transcripts(conversation) == ["I was in the garden."]
    assert not conversation.seen(SpeechStarted)
    assert not conversation.seen(SpeechStopped)
    assert not conversation.requests
    assert conversation.session.state is State.IDLE


def test_words_are_told_before_the_client_says_so() -> None:
    conversation = manual()
    conversation.speak("I was in the garden when it began to rain.")
    conversation.run(3.0)
    deltas = conversation.seen(TranscriptionDelta)
    assert deltas
    conversation.give(CommitAudio("e"))
    assert conversation.seen(AudioCommitted)[0].item_id == deltas[0].item_id


def test_silence_can_be_committed() -> None:
    conversation = manual()
    conversation.run(1.0)
    conversation.give(CommitAudio("e"))
    assert transcripts(conversation) == [""]
    conversation.give(RetrieveItem("e", conversation.seen(AudioCommitted)[0].item_id))
    assert conversation.seen(ItemRetrieved)[0].item.text == ""  # type: ignore[union-attr]


@pytest.mark.parametrize("before", [0.0, 0.08])
def test_nothing_cannot_be_committed(before: float) -> None:
    conversation = manual()
    conversation.run(before)
    conversation.give(CommitAudio("e"))
    (rejected,) = conversation.seen(Rejected)
    assert (rejected.event_id, rejected.code) == ("e", "input_audio_buffer_commit_empty")
    conversation.run(0.2)
    conversation.give(CommitAudio("e"))
    conversation.give(CommitAudio("f"))
    assert len(conversation.seen(AudioCommitted)) == 1
    assert [each.event_id for each in conversation.seen(Rejected)] == ["e", "f"]


def test_what_was_cleared_was_never_said() -> None:
    conversation = manual(decode_seconds=0.5)
    conversation.speak("Forget this.")
    conversation.run(0.6)
    conversation.give(ClearAudio("e"))
    assert conversation.seen(AudioCleared)
    assert conversation.session.state is State.IDLE
    conversation.give(CommitAudio("e"))
    assert conversation.seen(Rejected)[0].code == "input_audio_buffer_commit_empty"
    conversation.speak("But keep this.", after=0.1)
    conversation.run(1.5)
    conversation.give(CommitAudio("e"))
    conversation.run(2.0)
    assert transcripts(conversation) == ["But keep this."]


def test_a_commit_amid_a_word_ends_the_turn_there() -> None:
    conversation = manual()
    conversation.speak("One two three four")
    conversation.run(0.62)
    conversation.give(CommitAudio("e"))
    conversation.run(1.0)
    conversation.give(CommitAudio("e"))
    conversation.run(1.0)
    assert transcripts(conversation) == ["One two", "three four"]


def test_a_turn_is_answered_when_its_words_are_known() -> None:
    conversation = manual(decode_seconds=1.0)
    conversation.speak("What is it?")
    conversation.run(1.0)
    conversation.give(CommitAudio("e"))
    conversation.give(CreateResponse("f"))
    conversation.run(0.3)
    assert not conversation.requests
    conversation.run_until_quiet()
    assert [turn.text for turn in conversation.requests[0].turns] == ["What is it?"]  # type: ignore[union-attr]


def test_an_answer_that_waits_can_be_cancelled() -> None:
    conversation = manual(decode_seconds=1.0)
    conversation.speak("What is it?")
    conversation.run(1.0)
    conversation.give(CommitAudio("e"))
    conversation.give(CreateResponse("f"))
    conversation.give(CancelResponse("g"))
    (done,) = conversation.seen(ResponseDone)
    assert (done.response.status, done.response.reason) == ("cancelled", "client_cancelled")
    assert conversation.seen(ResponseCreated)[0].response.id == done.response.id
    conversation.run_until_quiet()
    assert not conversation.requests
    conversation.give(CancelResponse("h"))
    assert conversation.seen(Rejected)[0].code == "response_cancel_not_active"


def test_who_speaks_during_a_reply_does_not_stop_it() -> None:
    conversation = manual()
    conversation.give(CreateResponse("e"))
    conversation.run(0.3)
    conversation.speak("No, stop.")
    conversation.run(2.0)
    assert conversation.seen(ResponseDone)[0].response.status == "completed"
    assert conversation.session.state is State.LISTENING
    conversation.give(CommitAudio("e"))
    conversation.run(1.0)
    assert transcripts(conversation) == ["No, stop."]


# With a detector too


@pytest.mark.parametrize("detection", [SemanticVad("low"), ServerVad(silence=3.0)])
def test_a_client_can_be_quicker_than_the_detector(detection: Any) -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=detection))
    conversation.speak("Tell me more and")
    conversation.run(1.4)
    conversation.give(CommitAudio("e"))
    assert len(conversation.seen(SpeechStopped)) == 1
    conversation.run_until_quiet()
    assert transcripts(conversation) == ["Tell me more and"]
    assert len(conversation.seen(ResponseDone)) == 1


def test_committed_silence_is_no_speech() -> None:
    conversation = SimulatedConversation()
    conversation.run(1.0)
    conversation.give(CommitAudio("e"))
    conversation.run(1.0)
    assert not conversation.seen(SpeechStarted)
    assert transcripts(conversation) == [""]
    assert not conversation.requests


def test_a_commit_in_a_doubt_is_an_interruption() -> None:
    conversation = SimulatedConversation(model=lambda request: say("Fine. " * 9))
    conversation.give(CreateResponse("e"))
    conversation.run(0.2)
    conversation.speak("uh-huh")
    conversation.run(0.3)
    assert conversation.session.state in (State.DOUBTING_SPEECH, State.DOUBTING_THOUGHT)
    conversation.give(CommitAudio("e"))
    assert conversation.seen(ResponseDone)[0].response.reason == "turn_detected"
    conversation.run_until_quiet()
    assert transcripts(conversation) == ["uh-huh"]


def test_a_turn_can_change_hands() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SemanticVad("low")))
    conversation.speak("Tell me more and")
    conversation.run(1.4)
    conversation.give(Configure("e", MANUAL))
    conversation.run(12.0)
    assert not conversation.seen(SpeechStopped)
    conversation.give(CommitAudio("e"))
    assert len(conversation.seen(SpeechStopped)) == 1
    conversation.run(1.0)
    assert transcripts(conversation) == ["Tell me more and"]
    conversation.speak("And that?")
    conversation.run(1.0)
    conversation.give(Configure("e", ConversationOptions()))
    conversation.run_until_quiet()
    assert transcripts(conversation) == ["Tell me more and", "And that?"]


# Every word once

STEPS = st.lists(
    st.tuples(
        st.integers(0, 6),
        st.sampled_from([0.1, 0.14, 0.2, 0.26, 0.3, 0.4, 0.7, 1.5]),
        st.sampled_from(["commit", "commit", "clear", "go on"]),
    ),
    min_size=1,
    max_size=12,
)
DECODES = st.sampled_from([0.02, 0.1, 0.3, 0.9, 2.5])


@settings(max_examples=150, deadline=None)
@given(STEPS, DECODES)
@example([(3, 0.1, "commit"), (0, 0.1, "commit"), (2, 0.1, "clear"), (1, 0.1, "commit")], 2.5)
def test_every_word_is_in_its_own_turn_once(
    steps: list[tuple[int, float, str]], decode: float
) -> None:
    conversation = manual(decode_seconds=decode, bounds=ConversationBounds(final_timeout=60.0))
    turns: list[list[str]] = []
    buffer: list[str] = []
    count = 0
    for words, pause, what in steps:
        said = [f"w{count + index}" for index in range(words)]
        count += words
        conversation.speak(" ".join(said))
        buffer += said
        # Chunks of 20 ms, and words of 250.
        conversation.run(words * 0.25 + pause)
        if what == "commit":
            conversation.give(CommitAudio("e"))
            turns.append(buffer)
            buffer = []
        elif what == "clear":
            conversation.give(ClearAudio("e"))
            buffer = []
    conversation.run(30.0)
    assert not conversation.seen(Rejected)
    committed = [each.item_id for each in conversation.seen(AudioCommitted)]
    texts = {each.item_id: each.transcript for each in conversation.seen(TranscriptionCompleted)}
    assert [texts[item_id].split() for item_id in committed] == turns
    assert [item.text.split() for item in conversation.session.memory.history] == turns  # type: ignore[union-attr]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.floats(0.1, 3.0)), min_size=1, max_size=8),
    DECODES,
    st.sampled_from([SemanticVad("high"), SemanticVad("low"), ServerVad(silence=0.5)]),
    st.booleans(),
)
def test_no_word_is_lost_between_turns_that_end_by_themselves(
    said: list[tuple[int, float]], decode: float, detection: Any, answered: bool
) -> None:
    detection = type(detection)(
        create_response=answered,
        interrupt_response=False,
        **(
            {"silence": 0.5}
            if isinstance(detection, ServerVad)
            else {"eagerness": detection.eagerness}
        ),
    )
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=detection),
        decode_seconds=decode,
        bounds=ConversationBounds(final_timeout=60.0),
    )
    words: list[str] = []
    for count, pause in said:
        more = [f"w{len(words) + index}" for index in range(count)]
        words += more
        conversation.speak(" ".join(more))
        conversation.run(count * 0.25 + pause)
    conversation.run(40.0)
    assert " ".join(transcripts(conversation)).split() == words
    texts = [item.text for item in conversation.session.memory.history if item.role == "user"]  # type: ignore[union-attr]
    assert " ".join(texts).split() == words
    for request in conversation.requests:
        heard = " ".join(turn.text for turn in request.turns if turn.role == "user").split()  # type: ignore[union-attr]
        assert heard == words[: len(heard)]
    if answered:
        assert conversation.requests[-1].turns[-1].text.split()[-1] == words[-1]  # type: ignore[union-attr]
