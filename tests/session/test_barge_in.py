"""The person speaks while the agent does: what stops it, what does not, and how quickly."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamkit.session.commands import CancelResponse, Configure, CreateResponse
from streamkit.session.conversation_effects import (
    Abandon,
    ContentPartDone,
    ConversationEffect,
    Generate,
    ItemDone,
    OutputItemDone,
    ResponseCreated,
    ResponseDone,
    SendSound,
    SoundDone,
    SpeechStarted,
    SpeechStopped,
    Synthesize,
    TranscriptAdded,
    TranscriptDone,
    TranscriptionCompleted,
    TranscriptionDelta,
)
from streamkit.session.conversation_options import (
    ConversationOptions,
    Interruption,
    SemanticVad,
    ServerVad,
)
from streamkit.session.effects import Decode
from streamkit.session.floor import State
from streamkit.testing import SimulatedConversation, say

Talking = Callable[..., SimulatedConversation]

RATE = 24000
STEP = 0.1
ENOUGH = 3.0
"""Seconds in which any interruption is decided."""


def sounds(conversation: SimulatedConversation) -> list[tuple[float, SendSound]]:
    return conversation.when(SendSound)


def since(conversation: SimulatedConversation, at: float) -> list[ConversationEffect]:
    return [effect for when, effect in conversation.log if when >= at]


def most_ahead(conversation: SimulatedConversation) -> float:
    """Seconds of sound that a client has held at most that plays at once what it gets."""
    ahead = most = 0.0
    before = 0.0
    for at, sound in sounds(conversation):
        ahead = max(0.0, ahead - (at - before)) + (sound.end - sound.start) / RATE
        most, before = max(most, ahead), at
    return most


def interrupted(conversation: SimulatedConversation, said: str = "Stop.") -> float:
    """The person interrupts now; gives the time of the onset."""
    onset = conversation.now
    conversation.speak(said)
    conversation.run(ENOUGH)
    return onset


# How quickly


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    st.floats(0.0, 6.0),
    st.sampled_from(["Stop.", "No, I do not want that.", "uh-huh"]),
    st.booleans(),
)
def test_the_sound_stops_within_150_ms(
    talking: Talking, after: float, said: str, noise: bool
) -> None:
    conversation = talking(after)
    onset = conversation.now
    conversation.speak(said, noise=noise)
    conversation.run(0.3)
    sent = [at for at, _ in sounds(conversation) if at >= onset]
    assert not sent or max(sent) <= onset + 0.150


@pytest.mark.parametrize("after", [0.0, 0.013, 0.5, 0.77, 1.0])
def test_nothing_is_sent_from_the_first_loud_window_on(talking: Talking, after: float) -> None:
    conversation = talking(after)
    onset = conversation.now
    conversation.speak("Stop that.")
    conversation.run(0.4)
    # The window is whole 32 ms after its beginning at the latest, and comes in chunks of 20 ms.
    assert not [at for at, _ in sounds(conversation) if at > onset + 2 * 0.032 + 0.02]


def test_what_is_to_be_interrupted_at_once_is(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(interruption=Interruption(min_seconds=0)))
    onset = interrupted(conversation, "uh-huh")
    ((at, done),) = conversation.when(ResponseDone)
    assert at <= onset + 0.150
    assert done.response.reason == "turn_detected"


@pytest.mark.parametrize("said", ["Stop.", "Wait!", "No, no.", "But I did not ask that."])
def test_words_that_mean_it_interrupt(talking: Talking, said: str) -> None:
    conversation = talking()
    onset = interrupted(conversation, said)
    ((at, done),) = list(conversation.when(ResponseDone))[:1]
    assert (done.response.status, done.response.reason) == ("cancelled", "turn_detected")
    assert at <= onset + 1.0
    assert conversation.seen(SpeechStarted)[-1].position / 16000 <= onset


def test_sound_that_the_recognizer_is_late_with_interrupts(talking: Talking) -> None:
    conversation = talking(decode_seconds=0.3)
    # From here on it hears nothing for a while.
    conversation._decode_seconds = 3.0
    onset = interrupted(conversation, "This is said for quite some time now")
    assert conversation.when(ResponseDone)[0][0] <= onset + 1.2


# In which order


def test_the_parts_are_closed_in_order(talking: Talking) -> None:
    conversation = talking()
    onset = interrupted(conversation)
    effects = since(conversation, onset)
    begin = next(i for i, each in enumerate(effects) if isinstance(each, SpeechStarted))
    end = next(i for i, each in enumerate(effects) if isinstance(each, ResponseDone))
    closing = [type(e) for e in effects[begin : end + 1] if not isinstance(e, TranscriptionDelta)]
    assert closing == [
        SpeechStarted,
        Abandon,
        SoundDone,
        TranscriptDone,
        ContentPartDone,
        ItemDone,
        OutputItemDone,
        ResponseDone,
    ]
    done = conversation.seen(ResponseDone)[0].response
    assert (done.status, done.reason) == ("cancelled", "turn_detected")
    assert [item.status for item in done.output] == ["incomplete"]
    assert next(each.item.status for each in conversation.seen(OutputItemDone)) == "incomplete"


def test_nothing_of_the_reply_comes_after_its_end(talking: Talking) -> None:
    conversation = talking(voice_seconds=0.5, model=lambda request: say("One. " * 40, each=0.1))
    onset = interrupted(conversation, "Stop that now.")
    conversation.run_until_quiet()
    log = [effect for at, effect in conversation.log if at >= onset]
    end = next(i for i, each in enumerate(log) if isinstance(each, ResponseDone))
    first = conversation.seen(ResponseCreated)[0].response.id
    for effect in log[end + 1 :]:
        match effect:
            case SendSound(generation=generation) | Synthesize(generation=generation):
                assert generation != 1
            case TranscriptAdded(place=place):
                assert place.response_id != first


def test_what_was_said_instead_is_answered(talking: Talking) -> None:
    conversation = talking()
    interrupted(conversation, "Stop. What about the sea?")
    assert [turn.text for turn in conversation.requests[-1].turns if turn.role == "user"] == [  # type: ignore[union-attr]
        "What happened then?",
        "Stop. What about the sea?",
    ]


# What does not interrupt


@pytest.mark.parametrize(
    ("said", "noise", "each"),
    [
        ("uh-huh", False, 0.25),
        ("Yeah. Right.", False, 0.25),
        ("cough", True, 0.25),
        ("cough cough cough cough", True, 0.25),
        ("click", True, 0.01),
        ("click", True, 0.06),
    ],
)
@pytest.mark.parametrize("after", [0.0, 0.51, 1.0, 2.34])
@pytest.mark.parametrize("marks", [True, False])
def test_who_only_listens_does_not_interrupt(
    talking: Talking, reply: str, said: str, noise: bool, each: float, after: float, marks: bool
) -> None:
    conversation = talking(after, marks=marks)
    conversation.speak(said, noise=noise, each=each)
    conversation.run_until_quiet()
    (done,) = conversation.seen(ResponseDone)
    assert done.response.status == "completed"
    # The ledger has seen that the sound has no gap; it was sent whole, and once.
    sent = [sound for _, sound in sounds(conversation)]
    assert sum(sound.end - sound.start for sound in sent) == sent[-1].end
    assert sent[-1].end == round(sum(len(s.text) for s in conversation.seen(Synthesize)) * 1440)
    assert conversation.seen(TranscriptDone)[0].transcript == reply
    (item,) = [each for each in conversation.session.memory.history if each.id == "item_2"]
    assert item.text == reply  # type: ignore[union-attr]
    assert len(conversation.seen(SpeechStarted)) == 1


def test_a_click_costs_the_client_nothing(talking: Talking) -> None:
    conversation = talking()
    onset = conversation.now
    conversation.speak("click", noise=True, each=0.03)
    conversation.run(1.0)
    assert len([at for at, _ in sounds(conversation) if onset <= at <= onset + 0.9]) >= 8
    assert conversation.session.state is State.SPEAKING


def test_a_listener_is_ignored_where_replies_are_not_interrupted(talking: Talking) -> None:
    options = ConversationOptions(turn_detection=SemanticVad(interrupt_response=False))
    disturbed, undisturbed = talking(options=options), talking(options=options)
    disturbed.speak("No, stop. What is that?")
    disturbed.run(3.0)
    undisturbed.run(3.0)
    assert sounds(disturbed) == sounds(undisturbed)
    assert len(disturbed.seen(SpeechStarted)) == 2


def test_what_was_said_into_such_a_reply_is_answered_after_it(talking: Talking) -> None:
    options = ConversationOptions(turn_detection=SemanticVad(interrupt_response=False))
    conversation = talking(options=options)
    conversation.speak("And what is that?")
    conversation.run(2.5)
    conversation.speak("And that?")
    conversation.run_until_quiet()
    assert [done.response.status for done in conversation.seen(ResponseDone)] == ["completed"] * 2
    users = [turn.text for turn in conversation.requests[-1].turns if turn.role == "user"]  # type: ignore[union-attr]
    assert users[1:] == ["And what is that?", "And that?"]


def test_who_nods_first_and_then_speaks_is_heard_from_the_beginning(talking: Talking) -> None:
    for late in range(40):
        conversation = talking(decode_seconds=0.3)
        conversation.speak("uh-huh")
        onset = (conversation.now + 0.36 + late / 100) * 16000
        conversation.speak("Stop it now.", after=0.36 + late / 100)
        conversation.run(2.5)
        assert conversation.seen(ResponseDone)[0].response.reason == "turn_detected"
        (said,) = [each.transcript for each in conversation.seen(TranscriptionCompleted)][1:]
        assert said in ("uh-huh Stop it now.", "Stop it now.")
        assert conversation.seen(Decode)[-1].start <= onset


# While it thinks


def thinking(text: str, **how: object) -> SimulatedConversation:
    """The agent thinks about a question for a second and a half."""
    conversation = SimulatedConversation(
        ConversationOptions(preemptive=False), lambda request: say(text, after=1.5), **how
    )  # type: ignore[arg-type]
    conversation.speak("What is it?")
    conversation.run_until(lambda: conversation.session.state is State.THINKING)
    return conversation


def test_a_thought_is_interrupted() -> None:
    conversation = thinking("It is nothing.")
    conversation.speak("No, wait, what was it?")
    conversation.run(1.2)
    (done,) = conversation.seen(ResponseDone)
    assert (done.response.status, done.response.reason) == ("cancelled", "turn_detected")
    assert done.response.output == ()
    conversation.run_until_quiet()
    assert [done.response.status for done in conversation.seen(ResponseDone)][1:] == ["completed"]
    assert not [s for _, s in sounds(conversation) if s.generation == 1]


def test_a_listener_does_not_interrupt_a_thought() -> None:
    conversation = thinking("It is nothing.")
    conversation.speak("uh-huh")
    conversation.run_until_quiet()
    (done,) = conversation.seen(ResponseDone)
    assert done.response.status == "completed"
    assert conversation.seen(TranscriptDone)[0].transcript == "It is nothing."


def test_no_sound_is_sent_into_a_doubt() -> None:
    conversation = thinking("It is nothing.")
    conversation.run(1.2)
    onset = conversation.now
    conversation.speak("Hmm hmm hmm hmm", noise=True)
    conversation.run(1.1)
    assert conversation.session.state is State.DOUBTING_THOUGHT
    assert not [at for at, _ in sounds(conversation) if at > onset + 0.150]
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


# At its end


def test_speech_into_the_last_sound_after_the_end_of_the_response(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(lead=2.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    assert conversation.session.state is State.SPEAKING
    conversation.run(0.2)
    interrupted(conversation, "Stop it.")
    (item,) = [each for each in conversation.session.memory.history if each.id == "item_2"]
    position = conversation.loudspeaker.position(conversation.now, "item_2")
    words = conversation.heard_words("item_2", position)
    assert item.text == " ".join(words)  # type: ignore[union-attr]
    assert 0 < len(words) < len(conversation.sounds["item_2"])
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_a_reply_that_is_over_before_it_is_decided_is_no_more_in_the_way(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(lead=0.5))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.run(0.2)
    conversation.speak("uh-huh")
    conversation.run(0.5)
    assert conversation.session.state in (State.LISTENING, State.IDLE)
    assert len(conversation.seen(SpeechStarted)) == 2


def test_a_held_reply_that_the_client_cancels(talking: Talking) -> None:
    conversation = talking()
    conversation.speak("Hmm hmm hmm hmm", noise=True)
    conversation.run(0.4)
    assert conversation.session.state is State.DOUBTING_SPEECH
    conversation.give(CancelResponse("e"))
    (done,) = conversation.seen(ResponseDone)
    assert done.response.reason == "client_cancelled"
    sent = len(sounds(conversation))
    conversation.run_until_quiet()
    assert len(sounds(conversation)) == sent
    assert len(conversation.seen(ResponseDone)) == 1


# Speech that was there before the reply


def asked() -> SimulatedConversation:
    """The turn is over 1.25 s after now, and its words are known half a second later."""
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=ServerVad(silence=0.5)),
        lambda request: say("Fine."),
        decode_seconds=0.8,
    )
    conversation.speak("What is it?")
    conversation.run(1.3)
    assert conversation.seen(SpeechStopped)
    assert not conversation.requests
    return conversation


def test_nobody_is_talked_over_who_goes_on_before_the_reply_begins() -> None:
    conversation = asked()
    conversation.speak("I mean the thing over there.")
    spoken_until = conversation.now + 6 * 0.25
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1
    assert sounds(conversation)[0][0] > spoken_until
    assert [turn.text for turn in conversation.requests[0].turns] == [  # type: ignore[union-attr]
        "What is it?",
        "I mean the thing over there.",
    ]


def test_a_noise_after_a_question_does_not_take_its_answer_away() -> None:
    conversation = asked()
    conversation.speak("Hrm", noise=True)
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_lasting_noise_after_a_question_does_not_keep_its_answer() -> None:
    conversation = asked()
    onset = conversation.now
    conversation.speak("shh " * 60, noise=True)
    conversation.run(14.0)
    assert conversation.seen(ResponseDone)[0].response.status == "completed"
    assert sounds(conversation)[0][0] <= onset + 3.3


def test_noise_that_ends_during_the_answer_is_a_turn_without_words() -> None:
    conversation = asked()
    conversation._model = lambda request: say("Fine. " * 12)
    conversation._decode_seconds = 0.04
    conversation.speak("shh " * 16, noise=True)
    conversation.run_until_quiet()
    assert [each.response.status for each in conversation.seen(ResponseDone)] == ["completed"]
    assert len(conversation.seen(SpeechStopped)) == len(conversation.seen(SpeechStarted)) == 2
    assert [each.transcript for each in conversation.seen(TranscriptionCompleted)][1] == ""


def test_who_speaks_out_of_the_noise_interrupts_all_the_same() -> None:
    conversation = asked()
    conversation._model = lambda request: say("Fine. " * 40)
    conversation.speak("shh " * 16, noise=True)
    conversation.speak("Stop that now, please.")
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    assert conversation.seen(ResponseDone)[0].response.reason == "turn_detected"
    assert sounds(conversation)


def test_a_reply_that_the_client_asks_for_waits_until_nobody_speaks() -> None:
    conversation = SimulatedConversation(model=lambda request: say("Fine."))
    conversation.speak("I was in the garden when it began to rain.")
    conversation.run(1.0)
    conversation.give(CreateResponse("e"))
    assert not conversation.seen(ResponseCreated)
    conversation.run_until_quiet()
    # One answer is enough.
    assert len(conversation.seen(ResponseDone)) == 1
    assert conversation.requests[0].turns[-1].text == "I was in the garden when it began to rain."  # type: ignore[union-attr]


def test_it_waits_in_a_pause_as_well() -> None:
    conversation = SimulatedConversation(model=lambda request: say("Fine."))
    conversation.speak("I was in the")
    conversation.speak("garden.", after=2.0)
    conversation.run(1.5)
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert len(conversation.requests) == 1
    assert conversation.requests[0].turns[-1].text == "I was in the garden."  # type: ignore[union-attr]


# What the client holds


@pytest.mark.parametrize("lead", [0.02, 0.05, 0.1, 0.25, 0.5, 3.0, 20.0])
@pytest.mark.parametrize("voice", [0.01, 0.3])
def test_the_client_never_holds_more_than_its_lead(
    talking: Talking, reply: str, lead: float, voice: float
) -> None:
    conversation = talking(options=ConversationOptions(lead=lead), voice_seconds=voice)
    conversation.run_until_quiet()
    assert most_ahead(conversation) <= max(lead, STEP) + 1e-6
    assert conversation.seen(TranscriptDone)[0].transcript == reply


@pytest.mark.parametrize("lead", [0.02, 0.05, 0.1, 0.5])
def test_a_small_lead_is_no_reason_for_gaps(talking: Talking, lead: float) -> None:
    conversation = talking(options=ConversationOptions(lead=lead))
    conversation.run_until_quiet()
    first, last = sounds(conversation)[0], sounds(conversation)[-1]
    assert last[0] - first[0] <= last[1].start / RATE + 1e-6


def test_two_replies_together_do_not_fill_the_client_beyond_its_lead(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(lead=2.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.give(CreateResponse("e"))
    conversation.run_until_quiet()
    assert len(conversation.seen(ResponseDone)) == 2
    assert most_ahead(conversation) <= 2.0 + STEP + 1e-6


# Options that change in the middle of a doubt


@pytest.mark.parametrize(
    "detection", [None, SemanticVad(interrupt_response=False), ServerVad(interrupt_response=False)]
)
def test_a_doubt_ends_where_nothing_interrupts_any_more(
    talking: Talking, detection: SemanticVad | None
) -> None:
    conversation = talking()
    conversation.speak("Hmm hmm hmm hmm", noise=True)
    conversation.run(0.4)
    assert conversation.session.state is State.DOUBTING_SPEECH
    conversation.give(Configure("e", ConversationOptions(turn_detection=detection)))
    assert conversation.session.state is State.SPEAKING
    conversation.run(8.0)
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


def test_generations_are_asked_for_once(talking: Talking) -> None:
    conversation = talking()
    interrupted(conversation)
    conversation.run_until_quiet()
    generations = [each.generation for each in conversation.seen(Generate)]
    assert generations == sorted(set(generations))
