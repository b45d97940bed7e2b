"""When a turn is over: by the words, by the silence, by a detector that listens."""

from __future__ import annotations

import pytest

from streamkit.session.commands import Configure, CreateResponse, ResponseOverrides
from streamkit.session.conversation import ConversationBounds
from streamkit.session.conversation_effects import (
    AudioCommitted,
    IdleTimeout,
    ItemAdded,
    ItemDone,
    JudgeTurn,
    Rejected,
    ResponseDone,
    SendSound,
    SpeechStarted,
    SpeechStopped,
    TranscriptionCompleted,
    TranscriptionDelta,
)
from streamkit.session.conversation_events import TurnJudged
from streamkit.session.conversation_options import ConversationOptions, SemanticVad, ServerVad
from streamkit.session.floor import State
from streamkit.session.turns import LONGEST_WAITS
from streamkit.testing import SimulatedConversation, say

FINISHED = "What time is it?"
UNFINISHED = "Tell me more and"
WINDOW = 512 / 16000
EAGERNESS = ("low", "medium", "auto", "high")


def pause(text: str, detection: SemanticVad | ServerVad | None = None, **how: object) -> float:
    """Seconds of silence after which a turn of these words was over."""
    options = ConversationOptions(turn_detection=detection or SemanticVad())
    conversation = SimulatedConversation(options, **how)  # type: ignore[arg-type]
    conversation.speak(text)
    conversation.run_until(lambda: bool(conversation.seen(SpeechStopped)))
    (stopped,) = conversation.when(SpeechStopped)
    end = len(text.split()) * 0.25
    assert abs(stopped[1].position / 16000 - end) <= WINDOW
    return stopped[0] - end


def test_a_finished_sentence_is_answered_after_a_quarter_of_a_second() -> None:
    assert 0.2 <= pause(FINISHED) <= 0.3


@pytest.mark.parametrize("eagerness", EAGERNESS)
def test_an_unfinished_one_is_given_more_time_but_not_for_ever(eagerness: str) -> None:
    detection = SemanticVad(eagerness)  # type: ignore[arg-type]
    finished, unfinished = pause(FINISHED, detection), pause(UNFINISHED, detection)
    assert finished * 3 < unfinished < LONGEST_WAITS[eagerness]


def test_who_is_more_eager_waits_less() -> None:
    for text in (FINISHED, UNFINISHED, "Tell me more"):
        low, medium, auto, high = (
            pause(text, SemanticVad(eagerness))  # type: ignore[arg-type]
            for eagerness in EAGERNESS
        )
        assert low > medium == auto >= high


def test_words_that_are_not_known_yet_are_waited_for() -> None:
    assert 0.7 <= pause(FINISHED, decode_seconds=0.8) <= 1.2


@pytest.mark.parametrize("eagerness", EAGERNESS)
def test_but_not_longer_than_the_client_wants(eagerness: str) -> None:
    detection = SemanticVad(eagerness)  # type: ignore[arg-type]
    waited = pause(FINISHED, detection, decode_seconds=15.0)
    assert abs(waited - LONGEST_WAITS[eagerness]) <= 2 * WINDOW


@pytest.mark.parametrize("silence", [0.2, 0.5, 1.0, 3.0])
@pytest.mark.parametrize("text", [FINISHED, UNFINISHED])
@pytest.mark.parametrize("decode", [0.04, 5.0])
def test_a_fixed_silence_is_taken_whatever_was_said(
    silence: float, text: str, decode: float
) -> None:
    waited = pause(text, ServerVad(silence=silence), decode_seconds=decode)
    assert abs(waited - silence) <= 2 * WINDOW


def test_a_pause_within_a_sentence_is_no_end() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SemanticVad("low")))
    conversation.speak("I was in the")
    conversation.speak("garden.", after=2.0)
    conversation.run_until_quiet()
    assert len(conversation.seen(SpeechStarted)) == len(conversation.seen(AudioCommitted)) == 1
    assert conversation.seen(TranscriptionCompleted)[0].transcript == "I was in the garden."


def test_what_is_told_of_a_turn_and_in_which_order() -> None:
    conversation = SimulatedConversation()
    conversation.speak("I was in the garden when it began to rain.", after=1.0)
    conversation.run_until_quiet()
    of_turn = (
        SpeechStarted, SpeechStopped, AudioCommitted, ItemAdded, ItemDone, TranscriptionDelta,
        TranscriptionCompleted,
    )  # fmt: skip
    told = [effect for _, effect in conversation.log if isinstance(effect, of_turn)]
    deltas = [each for each in told if isinstance(each, TranscriptionDelta)]
    kinds = [type(each) for each in told if not isinstance(each, TranscriptionDelta)][:6]
    assert kinds == [
        SpeechStarted, SpeechStopped, AudioCommitted, ItemAdded, ItemDone, TranscriptionCompleted
    ]  # fmt: skip
    # Words that will not change are told while the person speaks.
    assert isinstance(told[1], TranscriptionDelta)
    completed = conversation.seen(TranscriptionCompleted)[0]
    assert "".join(each.delta for each in deltas) == completed.transcript
    assert [word for each in deltas for word in each.words] == [*completed.words]
    started, stopped = conversation.seen(SpeechStarted)[0], conversation.seen(SpeechStopped)[0]
    assert abs(started.position - 16000 * 0.7) <= 512
    assert completed.seconds == pytest.approx(10 * 0.25, abs=2 * WINDOW)
    assert {started.item_id, stopped.item_id, completed.item_id} == {"item_1"}


def test_speech_without_words_is_a_turn_without_an_answer() -> None:
    conversation = SimulatedConversation()
    conversation.speak("cough", noise=True)
    conversation.run(3.0)
    assert len(conversation.seen(SpeechStopped)) == 1
    assert 0.6 <= conversation.when(SpeechStopped)[0][0] - 0.25 <= 0.8
    assert conversation.seen(TranscriptionCompleted)[0].transcript == ""
    assert not conversation.requests
    assert conversation.session.state is State.IDLE


def test_a_turn_has_an_end_even_if_the_person_has_none() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(max_turn=5.0))
    conversation.speak("and so on " * 12)
    conversation.run(7.0)
    (first,) = conversation.when(SpeechStopped)
    assert first[0] == pytest.approx(5.0, abs=0.1)
    assert first[1].position == pytest.approx(5.0 * 16000, abs=1600)
    conversation.run_until_quiet()
    said = [each.transcript for each in conversation.seen(TranscriptionCompleted)]
    assert len(said) == 2
    # The word amid which it was cut is neither here nor there.
    assert len(" ".join(said).split()) >= 35


def test_the_end_of_a_turn_that_was_cut_is_no_earlier_pause_of_it() -> None:
    conversation = SimulatedConversation(bounds=ConversationBounds(max_turn=3.0))
    conversation.speak("I was in the")
    conversation.speak("garden and " * 8, after=1.6)
    conversation.run_until(lambda: bool(conversation.seen(SpeechStopped)))
    assert conversation.seen(SpeechStopped)[0].position == pytest.approx(3.0 * 16000, abs=1600)


# A detector that listens


def test_a_detector_that_listens_knows_better_than_the_words() -> None:
    assert pause(UNFINISHED, listens=lambda asked: 1.0) <= 0.3
    assert pause(FINISHED, listens=lambda asked: 0.0) >= LONGEST_WAITS["auto"] - 0.1
    assert pause(FINISHED, listens=lambda asked: 1.0) <= 0.3


def test_a_detector_that_listens_is_not_asked_where_the_silence_is_fixed() -> None:
    asked: list[JudgeTurn] = []
    waited = pause(FINISHED, ServerVad(silence=1.0), listens=asked.append)
    assert not asked
    assert abs(waited - 1.0) <= 2 * WINDOW


def test_it_is_asked_once_in_each_pause() -> None:
    conversation = SimulatedConversation(listens=lambda asked: 0.2)
    conversation.speak("I was in the")
    conversation.speak("garden", after=2.0)
    conversation.run_until(lambda: bool(conversation.seen(SpeechStopped)))
    first, second = conversation.seen(JudgeTurn)
    assert (first.pause, second.pause) == (1, 2)
    assert first.start == second.start == 0
    assert first.end < second.end
    assert [word.text for word in second.words][:4] == ["I", "was", "in", "the"]


def test_an_answer_about_an_older_pause_is_not_taken() -> None:
    conversation = SimulatedConversation(listens=lambda asked: None)
    conversation.speak("I was in the")
    conversation.speak("garden and", after=1.5)
    conversation.run(2.5)
    assert len(conversation.seen(JudgeTurn)) == 2
    conversation.give(TurnJudged(1, 1.0))
    assert not conversation.seen(SpeechStopped)
    conversation.give(TurnJudged(2, 1.0))
    assert conversation.seen(SpeechStopped)


@pytest.mark.parametrize("listens", [None, lambda asked: None])
def test_a_detector_that_gives_no_answer_is_not_waited_for_long(listens: object) -> None:
    bounds = ConversationBounds(judge_timeout=0.8)
    waited = pause(FINISHED, listens=listens, bounds=bounds)
    assert waited <= (0.3 if listens is None else 0.85)
    assert listens is None or waited >= 0.75


# Silence of the person


IDLE = ServerVad(idle_timeout=4.0)


def asked_again(conversation: SimulatedConversation) -> list[float]:
    return [at for at, _ in conversation.when(IdleTimeout)]


def test_a_person_who_says_nothing_is_spoken_to_again() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.run(9.0)
    (timeout,) = conversation.when(IdleTimeout)
    first = [sound for _, sound in conversation.when(SendSound) if sound.generation == 1]
    played = conversation.when(SendSound)[0][0] + first[-1].end / 24000
    assert timeout[0] == pytest.approx(played + 4.0, abs=0.1)
    assert timeout[1].end - timeout[1].start == pytest.approx(4.0 * 16000, abs=640)
    item = next(
        each.item for each in conversation.seen(ItemAdded) if each.item.id == timeout[1].item_id
    )
    assert item.text == ""  # type: ignore[union-attr]
    assert len(conversation.seen(ResponseDone)) == 2
    # What nobody said is nothing that a model reads.
    assert len(conversation.requests[1].turns) == 2


def test_nobody_is_spoken_to_before_there_was_a_reply() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("cough", noise=True, after=1.0)
    conversation.run(12.0)
    assert not conversation.seen(IdleTimeout)


def test_who_speaks_is_not_idle() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.speak("And that?", after=4.0)
    conversation.run(6.0)
    assert not conversation.seen(IdleTimeout)
    assert len(conversation.seen(ResponseDone)) == 2


def test_who_only_coughs_is_idle_from_then_on() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.speak("cough", noise=True, after=5.0)
    conversation.run(12.0)
    (at,) = asked_again(conversation)
    assert 5.25 + 4.0 <= at <= 5.25 + 4.0 + 1.0


def test_words_that_are_on_their_way_are_not_nothing() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.run(4.0)
    conversation._decode_seconds = 8.0
    conversation.speak("And that?")
    conversation.run_until(lambda: len(conversation.seen(TranscriptionCompleted)) == 2)
    assert not conversation.seen(IdleTimeout)


def test_who_coughs_while_the_reply_ends_is_idle_from_then_on() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.run(0.25)
    conversation.speak("cough cough", noise=True)
    conversation.run(9.0)
    assert len(conversation.seen(SpeechStarted)) == 2
    assert len(asked_again(conversation)) == 1


@pytest.mark.parametrize("after", [1.0, 5.0])
def test_the_client_can_switch_it_off(after: float) -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=IDLE))
    conversation.speak("What is it?")
    conversation.run(after)
    assert not conversation.seen(IdleTimeout)
    conversation.give(Configure("e", ConversationOptions(turn_detection=ServerVad())))
    conversation.run(12.0)
    assert not conversation.seen(IdleTimeout)


def test_a_person_is_answered_however_many_responses_the_client_has_asked_for() -> None:
    conversation = SimulatedConversation(
        ConversationOptions(turn_detection=IDLE, preemptive=False),
        lambda request: [] if request.max_output_tokens == 7 else say("Fine."),
        bounds=ConversationBounds(max_responses=1),
    )
    beside = ResponseOverrides(in_conversation=False, max_output_tokens=7)
    conversation.give(CreateResponse("e", beside))
    conversation.give(CreateResponse("e", beside))
    assert conversation.seen(Rejected)[0].code == "too_many_responses"
    conversation.speak("What is it?")
    conversation.run(8.0)
    assert len(conversation.seen(ResponseDone)) == 2
    assert conversation.seen(IdleTimeout)


def test_a_click_in_a_pause_does_not_make_it_longer() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=ServerVad(silence=1.0)))
    conversation.speak("What is it?")
    conversation.speak("click", after=1.25, noise=True, each=0.03)
    conversation.run(3.0)
    (stopped,) = conversation.when(SpeechStopped)
    assert stopped[0] - 0.75 == pytest.approx(1.0, abs=2 * WINDOW)
    assert stopped[1].position <= 0.75 * 16000 + 512


def test_who_begins_to_speak_on_at_the_last_moment_is_not_cut_off() -> None:
    for late in range(30):
        conversation = SimulatedConversation(
            ConversationOptions(turn_detection=ServerVad(silence=1.0))
        )
        conversation.speak("I was in the")
        conversation.speak("garden then", after=1.92 + late / 500)
        conversation.run(4.0)
        said = [each.transcript for each in conversation.seen(TranscriptionCompleted)]
        assert said == ["I was in the garden then"]


# Changes in the middle


def test_new_options_hold_for_the_turn_that_is_open() -> None:
    conversation = SimulatedConversation(ConversationOptions(turn_detection=SemanticVad("low")))
    conversation.speak(UNFINISHED)
    conversation.run(2.0)
    assert not conversation.seen(SpeechStopped)
    conversation.give(Configure("e", ConversationOptions(turn_detection=ServerVad(silence=0.5))))
    assert conversation.seen(SpeechStopped)
    assert conversation.seen(ResponseDone) == []
    conversation.run_until_quiet()
    assert len(conversation.seen(ResponseDone)) == 1


def test_answers_are_given_only_where_they_are_wanted() -> None:
    for create in (True, False):
        detection = SemanticVad(create_response=create)
        conversation = SimulatedConversation(
            ConversationOptions(turn_detection=detection), lambda request: say("Fine.")
        )
        conversation.speak(FINISHED)
        conversation.run(3.0)
        assert len(conversation.seen(ResponseDone)) == int(create)
        assert len(conversation.seen(TranscriptionCompleted)) == 1
