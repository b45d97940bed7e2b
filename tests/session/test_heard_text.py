"""The conversation holds what was heard of a reply, word for word, whenever it is cut off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streamkit.errors import ReplyError
from streamkit.llm.chat_model import CallDelta, Finished, ReplyRequest
from streamkit.session.commands import (
    CancelResponse,
    CreateResponse,
    PlaybackReported,
    TruncateItem,
)
from streamkit.session.conversation_effects import (
    ItemTruncated,
    Rejected,
    ResponseDone,
    SendSound,
    SpeechStarted,
    Synthesize,
    TranscriptDone,
)
from streamkit.session.conversation_options import ConversationOptions
from streamkit.session.events import CloseRequested
from streamkit.session.floor import State
from streamkit.testing import SimulatedConversation, say

Talking = Callable[..., SimulatedConversation]

ITEM = "item_2"
"""The agent's first message in what `talking` gives."""

RATE = 24000
NEAR = 2.0
"""Samples by which two ways to compute a position may differ."""

MOMENTS = st.floats(0.0, 6.5)
scenario = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def text_of(conversation: SimulatedConversation, item_id: str = ITEM) -> str:
    """As a model would read it next."""
    item = conversation.session.memory.get(item_id)
    return item.text  # type: ignore[union-attr]


def check(conversation: SimulatedConversation, item_id: str = ITEM, *, slack: float = NEAR) -> None:
    """The text is what was over at the loudspeaker; by `slack` samples either may be late."""
    position = conversation.loudspeaker.position(conversation.now, item_id)
    accepted = {
        " ".join(conversation.heard_words(item_id, position + off)) for off in (-slack, 0, slack)
    }
    assert text_of(conversation, item_id) in accepted


def interrupt(conversation: SimulatedConversation) -> None:
    conversation.speak("Stop that.")
    conversation.run_until(lambda: len(conversation.seen(SpeechStarted)) == 2)
    assert conversation.seen(ResponseDone)


# Interrupted


@scenario
@given(MOMENTS)
@example(0.0)
def test_exactly_what_was_over_was_heard(talking: Talking, after: float) -> None:
    conversation = talking(after)
    interrupt(conversation)
    check(conversation)


@scenario
@given(MOMENTS, st.sampled_from([0.05, 0.5, 3.0, 20.0]))
def test_however_much_the_client_holds(talking: Talking, after: float, lead: float) -> None:
    conversation = talking(after, options=ConversationOptions(lead=lead))
    interrupt(conversation)
    check(conversation)


@scenario
@given(MOMENTS, st.integers(1, 12), st.sampled_from([0.05, 0.2]))
def test_however_the_sound_of_a_piece_comes(
    talking: Talking, after: float, parts: int, every: float
) -> None:
    conversation = talking(after, voice_parts=parts, part_seconds=every)
    interrupt(conversation)
    check(conversation)


@scenario
@given(MOMENTS)
def test_the_client_says_how_far_it_was(talking: Talking, after: float) -> None:
    conversation = talking(after, truncates=True)
    interrupt(conversation)
    conversation.run(0.1)
    # Milliseconds are whole numbers.
    check(conversation, slack=RATE / 1000 + NEAR)
    if conversation.seen(ItemTruncated):
        assert conversation.seen(ItemTruncated)[0].item_id == ITEM


@scenario
@given(st.floats(1.0, 6.0))
def test_a_loudspeaker_that_is_late_says_so(talking: Talking, after: float) -> None:
    conversation = talking(after, lag=0.3, reports=0.1)
    interrupt(conversation)
    check(conversation)


@scenario
@given(st.floats(1.0, 6.0))
def test_a_late_loudspeaker_that_says_nothing_until_the_end(talking: Talking, after: float) -> None:
    conversation = talking(after, lag=0.3, truncates=True)
    interrupt(conversation)
    conversation.run(0.1)
    check(conversation, slack=RATE / 1000 + NEAR)


@scenario
@given(st.floats(0.5, 6.0), st.integers(1, 20))
def test_without_marks_it_is_right_by_a_word(talking: Talking, after: float, parts: int) -> None:
    conversation = talking(after, marks=False, voice_parts=parts, part_seconds=0.1)
    interrupt(conversation)
    position = conversation.loudspeaker.position(conversation.now, ITEM)
    exact = conversation.heard_words(ITEM, position)
    heard = text_of(conversation).split()
    assert abs(len(heard) - len(exact)) <= 1
    longer = max(heard, exact, key=len)
    assert longer[: min(len(heard), len(exact))] == min(heard, exact, key=len)


@scenario
@given(MOMENTS, st.booleans())
def test_what_is_said_otherwise_than_written_is_whole_or_not_there(
    talking: Talking, after: float, marks: bool
) -> None:
    written = "It costs 1984 dollars, e.g. at St. James Street. It was 23.5 % less in 2021."
    options = ConversationOptions(language="en")
    conversation = talking(after, options=options, marks=marks, model=lambda request: say(written))
    interrupt(conversation)
    heard = text_of(conversation)
    assert written.startswith(heard)
    rest = written[len(heard) :]
    assert not rest or not heard or rest[0] == " "
    for whole in ("1984", "e.g.", "St.", "23.5 %", "2021"):
        begin = written.index(whole)
        assert not begin < len(heard) < begin + len(whole)
    said = " ".join(each.text for each in conversation.seen(Synthesize))
    assert "1984" not in said


def test_a_reply_that_was_not_heard_is_not_remembered() -> None:
    conversation = SimulatedConversation(
        ConversationOptions(preemptive=False), lambda request: say("Well then."), voice_seconds=0.6
    )
    conversation.speak("What is it?")
    conversation.run_until(lambda: conversation.session.state is State.THINKING)
    conversation.run(0.1)
    conversation.speak("No, wait, stop.")
    conversation.run_until_quiet()
    assert text_of(conversation) == ""
    assert [turn.text for turn in conversation.requests[-1].turns] == [  # type: ignore[union-attr]
        "What is it?",
        "No, wait, stop.",
    ]


def test_the_next_reply_knows_what_was_heard(talking: Talking) -> None:
    conversation = talking(2.0)
    interrupt(conversation)
    heard = text_of(conversation)
    conversation.run_until_quiet()
    assert heard
    assert [turn.text for turn in conversation.requests[-1].turns] == [  # type: ignore[union-attr]
        "What happened then?",
        heard,
        "Stop that.",
    ]


def test_the_end_of_an_earlier_reply_is_cut_as_well(talking: Talking) -> None:
    conversation = talking(options=ConversationOptions(lead=3.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.give(CreateResponse("e"))
    conversation.run(0.4)
    assert conversation.loudspeaker.position(conversation.now, ITEM) < RATE * 7
    interrupt(conversation)
    assert 0 < len(text_of(conversation).split()) < len(conversation.sounds[ITEM])
    check(conversation)
    newer = conversation.seen(SendSound)[-1].place.item_id
    assert newer != ITEM
    assert text_of(conversation, newer) == ""


def test_a_reply_after_a_call_while_the_words_before_it_are_still_said(talking: Talking) -> None:
    def model(request: ReplyRequest) -> list[tuple[float, object]]:
        if len(conversation.requests) > 1:
            return [*say("It is on now, and it will stay on for the night.")]
        text = say("One moment please, I will go and look for the lamp in the cellar.")[:-1]
        call = CallDelta(0, "call_1", "lamp", "{}")
        return [*text, (0.2, call), (0.2, Finished("tool_calls", None))]

    conversation = SimulatedConversation(model=model)  # type: ignore[arg-type]
    conversation.speak("Light on!")
    conversation.run(1.5)
    conversation.give(CreateResponse("e"))
    conversation.run_until(lambda: len(conversation.seen(ResponseDone)) == 1)
    conversation.run(0.2)
    conversation.speak("Stop that.")
    conversation.run_until(lambda: len(conversation.seen(SpeechStarted)) == 2)
    check(conversation)


# Cut off otherwise


@scenario
@given(MOMENTS)
def test_a_client_that_cancels_plays_what_it_has(talking: Talking, after: float) -> None:
    conversation = talking(after)
    if not conversation.seen(ResponseDone):
        conversation.give(CancelResponse("e"))
    conversation.run(2.0)
    check(conversation)


@scenario
@given(MOMENTS)
def test_a_client_that_cancels_and_truncates_has_heard_so_much(
    talking: Talking, after: float
) -> None:
    conversation = talking(after)
    if not conversation.seen(ResponseDone):
        conversation.give(CancelResponse("e"))
    conversation.loudspeaker.stop(conversation.now)
    played = int(conversation.loudspeaker.position(conversation.now) * 1000 / RATE)
    conversation.give(TruncateItem("t", ITEM, 0, played))
    check(conversation, slack=RATE / 1000 + NEAR)


def test_of_a_voice_that_fails_what_was_sent_is_heard(talking: Talking) -> None:
    conversation = talking(0.0, model=lambda request: say("One two three. " * 30, each=0.05))
    conversation.fail_voice = True
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "failed"
    assert text_of(conversation)
    check(conversation)


def test_a_client_that_truncates_a_reply_wants_no_more_of_it(talking: Talking) -> None:
    conversation = talking(2.0)
    sent = conversation.seen(SendSound)[-1].end
    conversation.give(TruncateItem("t", ITEM, 0, 1500))
    (done,) = conversation.seen(ResponseDone)
    assert (done.response.status, done.response.reason) == ("cancelled", "client_cancelled")
    assert conversation.seen(ItemTruncated) == [ItemTruncated(ITEM, 0, 1500)]
    assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, 1500 * RATE // 1000))
    conversation.run_until_quiet()
    assert conversation.seen(SendSound)[-1].end == sent
    assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, 1500 * RATE // 1000))


def test_a_client_that_plays_no_more_of_a_reply_wants_no_more_of_it(talking: Talking) -> None:
    conversation = talking(2.0)
    sent = conversation.seen(SendSound)[-1].end
    conversation.give(PlaybackReported(ITEM, 0, 1500.0, ended=True))
    (done,) = conversation.seen(ResponseDone)
    assert done.response.reason == "client_cancelled"
    conversation.run_until_quiet()
    assert conversation.seen(SendSound)[-1].end == sent
    assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, 1500 * RATE // 1000))


def test_a_client_that_only_waits_for_more_gets_it(talking: Talking, reply: str) -> None:
    conversation = talking(2.0)
    conversation.give(PlaybackReported(ITEM, 0, 1e6, ended=True))
    before = conversation.now
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"
    assert text_of(conversation) == reply
    # It was not sent all at once.
    assert conversation.when(SendSound)[-1][0] > before + 3.0


def test_a_client_that_has_played_all_has_heard_all(talking: Talking, reply: str) -> None:
    conversation = talking()
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    end = conversation.seen(SendSound)[-1].end * 1000 / RATE
    conversation.give(PlaybackReported(ITEM, 0, end, ended=True))
    assert conversation.session.state is State.IDLE
    assert text_of(conversation) == reply
    conversation.give(TruncateItem("t", ITEM, 0, int(end)))
    assert text_of(conversation) == reply


def test_a_report_that_comes_too_late_changes_nothing(talking: Talking) -> None:
    conversation = talking(2.0)
    interrupt(conversation)
    heard = text_of(conversation)
    conversation.give(PlaybackReported(ITEM, 0, 100.0))
    conversation.run_until_quiet()
    conversation.give(PlaybackReported(ITEM, 0, 4000.0))
    conversation.give(PlaybackReported("gone", 0, 4000.0, ended=True))
    conversation.give(PlaybackReported(ITEM, 1, 4000.0, ended=True))
    assert text_of(conversation) == heard


def test_whole_milliseconds_do_not_cost_the_last_word(talking: Talking, reply: str) -> None:
    conversation = talking(letter_seconds=0.0601)
    conversation.run_until_quiet()
    end = conversation.seen(SendSound)[-1].end * 1000 / RATE
    assert end != int(end)
    conversation.give(TruncateItem("t", ITEM, 0, int(end)))
    assert text_of(conversation) == reply
    conversation.give(TruncateItem("t", ITEM, 0, int(end) - 1))
    assert reply.startswith(text_of(conversation))
    assert text_of(conversation) != reply


def test_the_floor_is_kept_until_the_last_reply_was_played_though_the_next_has_failed(
    talking: Talking,
) -> None:
    conversation = talking(options=ConversationOptions(lead=3.0))
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation._model = lambda request: [(0.05, ReplyError("the model is out"))]
    conversation.give(CreateResponse("e"))
    conversation.run(0.3)
    assert conversation.seen(ResponseDone)[1].response.status == "failed"
    assert conversation.session.state is State.THINKING
    interrupt(conversation)
    check(conversation)
    assert 0 < len(text_of(conversation).split()) < len(conversation.sounds[ITEM])


def test_two_truncations(talking: Talking) -> None:
    conversation = talking(3.0)
    interrupt(conversation)
    for end in (2000, 1000):
        conversation.give(TruncateItem("t", ITEM, 0, end))
        assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, end * 24))
    conversation.give(TruncateItem("t", ITEM, 0, 1500))
    assert conversation.seen(Rejected)[0].param == "audio_end_ms"
    assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, 1000 * 24))


def test_an_older_item_is_truncated_while_another_one_is_said(talking: Talking) -> None:
    conversation = talking()
    conversation.run_until_quiet()
    conversation.speak("And then?")
    conversation.run_until(lambda: conversation.session.state is State.SPEAKING)
    conversation.give(TruncateItem("t", ITEM, 0, 1000))
    assert text_of(conversation) == " ".join(conversation.heard_words(ITEM, 24000))
    conversation.run_until_quiet()
    assert [done.response.status for done in conversation.seen(ResponseDone)] == ["completed"] * 2


@pytest.mark.parametrize("after", [1.0, 30.0])
def test_beyond_what_was_sent_there_is_nothing_to_truncate(talking: Talking, after: float) -> None:
    conversation = talking(after)
    sent = -(-conversation.seen(SendSound)[-1].end * 1000 // RATE)
    conversation.give(TruncateItem("t", ITEM, 0, sent + 1))
    (rejected,) = conversation.seen(Rejected)
    assert (rejected.event_id, rejected.code, rejected.param) == (
        "t",
        "invalid_value",
        "audio_end_ms",
    )
    assert not conversation.seen(ItemTruncated)
    conversation.run_until_quiet()
    assert conversation.seen(ResponseDone)[0].response.status == "completed"


@scenario
@given(MOMENTS)
def test_a_closed_conversation_is_said_to_its_end(talking: Talking, after: float) -> None:
    conversation = talking(after)
    conversation.give(CloseRequested())
    conversation.run(10.0, audio=False)
    assert conversation.session.closed
    assert text_of(conversation) == conversation.seen(TranscriptDone)[0].transcript
