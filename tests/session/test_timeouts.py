"""Whatever takes too long comes to an end, and nothing of it comes out later."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from streamkit.llm.chat_model import Finished, TextDelta
from streamkit.session.commands import (
    CreateItem,
    CreateResponse,
    PlaybackReported,
    ResponseOverrides,
)
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import (
    AudioCommitted,
    ForgetAudio,
    ItemDeleted,
    Rejected,
    ResponseDone,
    SendSound,
    SpeechStarted,
    SpeechStopped,
    TextAdded,
    TranscriptAdded,
    TranscriptionCompleted,
    TranscriptionDelta,
    TranscriptionFailed,
)
from streamkit.session.conversation_options import ConversationOptions, ServerVad
from streamkit.session.events import CloseRequested
from streamkit.session.floor import State
from streamkit.session.items import Content, Message
from streamkit.testing import SimulatedConversation, say

Talking = Callable[..., SimulatedConversation]


def works(conversation: SimulatedConversation) -> None:
    """The conversation lives: a question gets a whole answer, and only that."""
    conversation.run_until_quiet()
    before = len(conversation.seen(ResponseDone))
    conversation.speak("Are you there?")
    conversation.run_until_quiet()
    done = conversation.seen(ResponseDone)[before:]
    assert [each.response.status for each in done] == ["completed"]
    assert conversation.seen(TranscriptionCompleted)[-1].transcript == "Are you there?"


# The recognizer


def late(final_timeout: float = 1.0) -> SimulatedConversation:
    """The turn is over, and its words come far too late; those of the next one are quick."""
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=ServerVad(silence=0.5)),
        decode_seconds=3.0,
        bounds=ConversationBounds(final_timeout=final_timeout),
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(SpeechStopped)))
    return conversation


def test_words_that_do_not_come_are_given_up() -> None:
    conversation = late()
    conversation.run_until(lambda: bool(conversation.seen(TranscriptionFailed)))
    stopped, failed = conversation.when(SpeechStopped)[0], conversation.when(TranscriptionFailed)[0]
    assert failed[0] == pytest.approx(stopped[0] + 1.0, abs=0.001)
    assert "within 1 s" in failed[1].reason
    assert conversation.session.state is State.IDLE
    conversation.run(6.0)
    assert not conversation.seen(TranscriptionCompleted)
    assert not conversation.seen(TranscriptionDelta)
    assert not conversation.requests


def test_words_that_come_too_late_are_nobodys() -> None:
    conversation = late()
    conversation.run_until(lambda: bool(conversation.seen(TranscriptionFailed)))
    conversation._decode_seconds = 0.04
    works(conversation)
    assert [turn.text for turn in conversation.requests[-1].turns] == ["Are you there?"]  # type: ignore[union-attr]


def test_words_that_come_too_late_are_not_those_of_the_next_turn() -> None:
    conversation = late()
    conversation.speak("And that?", after=1.5)
    conversation.run(0.5)
    conversation._decode_seconds = 0.04
    conversation.run_until_quiet()
    (completed,) = conversation.seen(TranscriptionCompleted)
    assert completed.transcript == "And that?"
    assert completed.item_id == conversation.seen(AudioCommitted)[1].item_id


def test_what_was_known_of_it_is_kept_and_answered() -> None:
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=ServerVad(silence=0.5)),
        bounds=ConversationBounds(final_timeout=1.0),
    )
    conversation.speak("I was in the garden when it began to rain.")
    conversation.run(2.0)
    conversation._decode_seconds = 9.0
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    said = conversation.seen(TranscriptionCompleted)[0].transcript
    assert said.startswith("I was in the garden")
    assert conversation.requests[0].turns[-1].text == said  # type: ignore[union-attr]
    conversation.run(12.0)
    assert len(conversation.seen(TranscriptionCompleted)) == 1


def test_a_recognizer_that_fails_is_told_and_survived() -> None:
    conversation = SimulatedConversation()
    conversation.fail_recognizer = True
    conversation.speak("What is it?")
    conversation.run(8.0)
    assert conversation.seen(TranscriptionFailed)
    assert not conversation.requests
    conversation.fail_recognizer = False
    works(conversation)


def test_the_words_of_an_item_are_given_up_too() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(final_timeout=1.5))
    conversation.item_seconds = None
    sound = Message("own", "user", (Content("input_audio", None),))
    conversation.give(CreateItem("e", sound, None, (True,)))
    conversation.give(CreateResponse("e"))
    conversation.run(1.4)
    assert not conversation.requests
    conversation.run(0.2)
    (failed,) = conversation.seen(TranscriptionFailed)
    assert failed.item_id == "own"
    assert conversation.seen(ForgetAudio) == [ForgetAudio("own")]
    assert len(conversation.requests) == 1
    works(conversation)


# The model


@pytest.mark.parametrize("said", [0, 3])
def test_a_model_that_falls_silent_has_failed(said: int) -> None:
    slow = [
        *say("One two three four.")[:said],
        (5.0, TextDelta(" Late.")),
        (5.1, Finished("stop", None)),
    ]
    answers = [slow, say("I am here.")]
    conversation = SimulatedConversation(
        model=lambda request: answers.pop(0), bounds=ConversationBounds(reply_timeout=2.0)
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    at, done = conversation.when(ResponseDone)[0]
    assert (done.response.status, done.response.error_code) == ("failed", "model_timeout")
    # 0.75 s of speech; it is thought about before the turn is over.
    assert at <= 0.75 + 0.3 + 0.1 + 2.0
    works(conversation)
    told = "".join(each.delta for each in conversation.seen(TranscriptAdded))
    assert "Late" not in told


def test_a_model_may_be_slow_as_long_as_it_says_something() -> None:
    conversation = SimulatedConversation(
        model=lambda request: say("One two three.", each=1.5),
        bounds=ConversationBounds(reply_timeout=2.0),
    )
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_a_written_reply_that_falls_silent_has_failed_too() -> None:
    answers = [say("One two.")[:1], say("I am here.")]
    conversation = SimulatedConversation(
        ConversationOptions(modalities=("text",)),
        lambda request: answers.pop(0),
        bounds=ConversationBounds(reply_timeout=2.0),
    )
    conversation.speak("What is it?")
    conversation.run(5.0)
    assert conversation.seen(ResponseDone)[0].response.error_code == "model_timeout"
    assert [each.delta for each in conversation.seen(TextAdded)] == ["One"]
    works(conversation)


# The voice


def test_a_voice_that_falls_silent_has_failed() -> None:
    conversation = SimulatedConversation(
        model=lambda request: say("Fine."),
        voice_seconds=4.0,
        bounds=ConversationBounds(sound_timeout=1.5),
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    done = conversation.seen(ResponseDone)[0].response
    assert (done.status, done.error_code) == ("failed", "voice_timeout")
    conversation._voice_seconds = 0.01
    works(conversation)
    # The sound that came at last was not sent.
    assert {sound.generation for sound in conversation.seen(SendSound)} == {2}


def test_a_voice_that_never_answers_has_failed() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(sound_timeout=1.5))
    conversation.mute_voice = True
    conversation.speak("What is it?")
    conversation.run(4.0)
    assert conversation.seen(ResponseDone)[0].response.error_code == "voice_timeout"
    conversation.mute_voice = False
    works(conversation)


def test_a_voice_may_be_slow_as_long_as_it_gives_something() -> None:
    conversation = SimulatedConversation(
        voice_parts=4, part_seconds=1.2, bounds=ConversationBounds(sound_timeout=1.5)
    )
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


# Doubts


def test_lasting_noise_holds_a_reply_only_for_a_while(talking: Talking) -> None:
    bounds = ConversationBounds(hold_timeout=1.0, deaf_after_noise=2.0)
    conversation = talking(bounds=bounds)
    onset = conversation.now
    conversation.speak("shh " * 40, noise=True)
    conversation.run_until(lambda: conversation.session.state is State.DOUBTING_SPEECH)
    conversation.run_until(lambda: conversation.session.state is State.SPEAKING)
    assert conversation.now == pytest.approx(onset + 1.1, abs=0.1)
    since = conversation.now
    conversation.run_until_quiet()
    sent = [at for at, _ in conversation.when(SendSound) if at >= since]
    # It is deaf to more of the noise, and speaks to the end.
    assert max(b - a for a, b in itertools.pairwise(sent)) <= 0.11
    assert conversation.seen(ResponseDone)[0].response.status == "completed"
    works(conversation)


def test_words_out_of_the_noise_interrupt_a_deaf_reply(talking: Talking) -> None:
    bounds = ConversationBounds(hold_timeout=1.0, deaf_after_noise=5.0)
    conversation = talking(bounds=bounds)
    conversation.speak("shh " * 6, noise=True)
    conversation.run(2.0)
    assert conversation.session.state is State.SPEAKING
    conversation.speak("Stop that now.")
    conversation.run(1.5)
    assert conversation.seen(ResponseDone)[0].response.reason == "turn_detected"


def test_after_a_while_it_is_held_again(talking: Talking) -> None:
    bounds = ConversationBounds(hold_timeout=1.0, deaf_after_noise=1.5)
    conversation = talking(bounds=bounds)
    conversation.speak("shh " * 5, noise=True)
    conversation.run(2.0)
    conversation.speak("shh", noise=True, after=1.0)
    conversation.run(1.2)
    assert conversation.session.state is State.DOUBTING_SPEECH


def test_a_doubt_without_more_audio_ends(talking: Talking) -> None:
    conversation = talking(bounds=ConversationBounds(hold_timeout=1.0))
    conversation.speak("shh " * 8, noise=True)
    conversation.run(0.3)
    assert conversation.session.state is State.DOUBTING_SPEECH
    conversation.run(2.0, audio=False)
    assert conversation.session.state is State.SPEAKING
    works(conversation)


def test_a_first_loud_window_without_more_audio_is_forgotten(talking: Talking) -> None:
    conversation = talking(bounds=ConversationBounds(hold_timeout=1.0))
    conversation.speak("shh " * 8, noise=True)
    conversation.run(0.06)
    sent = len(conversation.seen(SendSound))
    conversation.run(3.0, audio=False)
    assert len(conversation.seen(SendSound)) > sent + 10


# The client


def test_a_turn_whose_audio_stops_is_over() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(audio_stall=2.0))
    conversation.speak("What is it? " * 3)
    conversation.run(2.0)
    conversation.run(1.9, audio=False)
    assert not conversation.seen(SpeechStopped)
    conversation.run(0.2, audio=False)
    assert conversation.seen(SpeechStopped)
    conversation.run(3.0, audio=False)
    assert conversation.seen(TranscriptionCompleted)[0].transcript.startswith("What is it?")
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_a_loudspeaker_that_stands_still_does_not_keep_the_floor(talking: Talking) -> None:
    conversation = talking(
        0.1,
        bounds=ConversationBounds(playback_timeout=4.0),
        model=lambda request: say("Fine, thanks."),
    )
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    done = conversation.now
    while conversation.now < done + 6.0:
        conversation.run(0.1)
        conversation.give(PlaybackReported("item_2", 0, 100.0))
        if conversation.session.state is State.IDLE:
            break
    assert conversation.session.state is State.IDLE
    assert conversation.now == pytest.approx(done + 4.5, abs=0.7)
    works(conversation)


def test_a_loudspeaker_that_stands_still_does_not_keep_a_reply(talking: Talking) -> None:
    conversation = talking(bounds=ConversationBounds(playback_timeout=4.0))
    still = conversation.now
    while not conversation.seen(ResponseDone):
        assert conversation.now < still + 6.0
        conversation.run(0.1)
        conversation.give(PlaybackReported("item_2", 0, 100.0))
    done = conversation.seen(ResponseDone)[0].response
    assert (done.status, done.error_code) == ("failed", "playback_timeout")
    assert conversation.session.state is State.IDLE
    assert [item.text for item in conversation.session.memory.history][1] == ""  # type: ignore[union-attr]
    works(conversation)


def test_time_in_which_a_reply_is_held_is_not_held_against_the_loudspeaker(
    talking: Talking,
) -> None:
    bounds = ConversationBounds(playback_timeout=0.5, hold_timeout=9.0)
    conversation = talking(bounds=bounds, reports=0.1)
    conversation.speak("hm " * 12, noise=True)
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_a_client_that_pauses_while_somebody_speaks_may_go_on(talking: Talking) -> None:
    bounds = ConversationBounds(playback_timeout=1.0, hold_timeout=9.0)
    conversation = talking(bounds=bounds)
    conversation.speak("hm " * 8, noise=True)
    played = 900.0
    while conversation.session.state is not State.IDLE:
        conversation.run(0.1)
        conversation.give(PlaybackReported("item_2", 0, played))
        if conversation.session.state is State.SPEAKING and conversation.now > 4.5:
            played += 100.0
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


# How much there may be


def test_responses_have_a_bound() -> None:
    conversation = SimulatedConversation(
        model=lambda request: [], bounds=ConversationBounds(max_responses=3, reply_timeout=2.0)
    )
    beside = ResponseOverrides(in_conversation=False)
    for number in range(5):
        conversation.give(CreateResponse(f"e{number}", beside))
    rejected = conversation.seen(Rejected)
    assert [each.event_id for each in rejected] == ["e3", "e4"]
    assert {each.code for each in rejected} == {"too_many_responses"}
    assert conversation.session.replies == 3
    assert conversation.session.replies == 3
    conversation.run(3.0)
    assert conversation.session.replies == 0
    conversation.give(CreateResponse("e5", beside))
    assert len(conversation.seen(Rejected)) == 2


def test_items_have_a_bound_and_the_oldest_leave() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(max_items=3))
    for number in range(5):
        item = Message(f"own_{number}", "user", (Content("input_text", "Hi"),))
        conversation.give(CreateItem("e", item))
    assert conversation.seen(ItemDeleted) == [ItemDeleted("own_0"), ItemDeleted("own_1")]
    works(conversation)
    assert len(conversation.session.memory.history) == 3


@pytest.mark.parametrize("most", [0, 1])
def test_a_tiny_bound_breaks_nothing(most: int) -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(max_items=most))
    sound = Message("own", "user", (Content("input_audio", None),))
    conversation.give(CreateItem("e", sound, None, (True,)))
    conversation.speak("What is it?")
    conversation.run_until_quiet()
    assert len(conversation.session.memory.history) <= most
    conversation.give(CloseRequested())
    conversation.run(1.0, audio=False)
    assert conversation.session.closed


def test_a_turn_in_which_no_word_is_heard_is_over_sooner() -> None:
    for wordless in (0.4, 1.5):
        conversation = SimulatedConversation(bounds=ConversationBounds(wordless=wordless))
        conversation.speak("cough cough", noise=True)
        conversation.run(4.0)
        (stopped,) = conversation.when(SpeechStopped)
        assert stopped[0] - 0.5 == pytest.approx(wordless, abs=0.1)


# Wakes


def test_it_asks_to_be_woken_only_for_what_is_to_come(talking: Talking) -> None:
    conversation = talking()
    conversation.run_until_quiet()
    conversation.run(5.0)
    assert conversation.session.wake_at is None
    conversation.speak("uh", each=0.12)
    conversation.run(0.2)
    assert conversation.seen(SpeechStarted)
    assert conversation.session.wake_at is not None
    assert conversation.session.wake_at > conversation.now
