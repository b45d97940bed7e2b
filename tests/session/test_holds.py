"""Clients that are told at once when the person perhaps interrupts: when, and when not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from streamkit.session.commands import (
    CancelResponse,
    ClearAudio,
    Configure,
    CreateResponse,
    ResponseOverrides,
    TruncateItem,
)
from streamkit.session.conversation_effects import (
    Abandon,
    Generate,
    ReplyHeld,
    ReplyResumed,
    ResponseDone,
    SendSound,
    SpeechStarted,
)
from streamkit.session.conversation_events import ReplyFailed
from streamkit.session.conversation_options import ConversationOptions, SemanticVad
from streamkit.session.events import CloseRequested
from streamkit.session.items import Message
from streamkit.session.playout import Playout
from streamkit.testing import SimulatedConversation, say
from streamkit.testing.ledger import BrokenPromiseError, Ledger

Talking = Callable[..., SimulatedConversation]

HOLDS = ConversationOptions(holds=True)
RATE = 24000
WINDOW = 0.032
CHUNK = 0.02


@pytest.fixture
def held(talking: Talking) -> Talking:
    """As `talking`, with a client that wants to be told."""

    def begin(since: float = 1.0, **how: Any) -> SimulatedConversation:
        how.setdefault("options", HOLDS)
        return talking(since, **how)

    return begin


def told(conversation: SimulatedConversation) -> list[str]:
    kinds = (ReplyHeld, ReplyResumed, SpeechStarted, ResponseDone)
    return [type(effect).__name__ for _, effect in conversation.log if isinstance(effect, kinds)][
        1:
    ]


def reply_text(conversation: SimulatedConversation, item_id: str) -> str:
    item = conversation.session.memory.get(item_id)
    assert isinstance(item, Message)
    return item.text


# When


@pytest.mark.parametrize("after", [0.0, 0.013, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("said", ["Stop.", "uh-huh", "No, I do not want that."])
def test_a_hold_comes_with_the_first_window_of_speech(
    held: Talking, after: float, said: str
) -> None:
    conversation = held(after)
    onset = conversation.now
    conversation.speak(said)
    conversation.run(0.3)
    ((at, hold),) = conversation.when(ReplyHeld)
    # Speech begins somewhere in a window, and windows come in chunks.
    assert onset < at <= onset + 2 * WINDOW + CHUNK
    assert hold.response_id == "resp_1"


def test_what_the_detector_is_not_sure_of_needs_a_second_window(held: Talking) -> None:
    conversation = held()
    sure = conversation._detector
    conversation._detector = lambda samples: (min(each, 0.6) for each in sure(samples))
    conversation.speak("p", each=0.001)
    conversation.run(1)
    assert told(conversation) == []
    onset = conversation.now
    conversation.speak("Stop.")
    conversation.run(0.3)
    ((at, _),) = conversation.when(ReplyHeld)
    assert onset + WINDOW < at <= onset + 3 * WINDOW + CHUNK


def test_what_is_too_short_for_speech_holds_for_a_moment(held: Talking) -> None:
    conversation = held()
    conversation.speak("p", each=0.04)
    conversation.run(0.3)
    (began, _), (ended, _) = conversation.when(ReplyHeld) + conversation.when(ReplyResumed)
    assert 0 < ended - began <= 2 * WINDOW + CHUNK
    conversation.run_until_quiet()
    assert told(conversation) == ["ReplyHeld", "ReplyResumed", "ResponseDone"]


def test_who_does_not_ask_is_told_nothing(talking: Talking) -> None:
    conversation = talking()
    conversation.speak("Stop.")
    conversation.run_until_quiet()
    assert not conversation.seen(ReplyHeld)
    assert not conversation.seen(ReplyResumed)


def test_who_hears_every_reply_to_its_end_is_told_nothing(held: Talking) -> None:
    detection = SemanticVad(interrupt_response=False)
    conversation = held(options=ConversationOptions(holds=True, turn_detection=detection))
    conversation.speak("Stop.")
    conversation.run(3)
    assert not conversation.seen(ReplyHeld)


# How it ends


def test_an_interruption_is_told_as_ever(held: Talking) -> None:
    conversation = held(truncates=True)
    conversation.speak("Stop that, please.")
    conversation.run(1.5)
    assert told(conversation)[:3] == ["ReplyHeld", "SpeechStarted", "ResponseDone"]
    assert not conversation.seen(ReplyResumed)
    (done,) = conversation.seen(ResponseDone)[:1]
    assert done.response.reason == "turn_detected"


@pytest.mark.parametrize(
    ("said", "noise"), [("uh-huh", False), ("cough", True), ("cough cough", True)]
)
@pytest.mark.parametrize("reports", [None, 0.1])
def test_after_a_false_alarm_the_whole_reply_is_heard(
    held: Talking, said: str, noise: bool, reports: float | None, reply: str
) -> None:
    conversation = held(reports=reports)
    conversation.speak(said, noise=noise)
    conversation.run_until_quiet()
    assert told(conversation) == ["ReplyHeld", "ReplyResumed", "ResponseDone"]
    (done,) = conversation.seen(ResponseDone)
    assert done.response.status == "completed"
    (item,) = done.response.output
    speaker = conversation.loudspeaker
    assert (
        speaker.position(conversation.now) == speaker.sent == conversation.seen(SendSound)[-1].end
    )
    assert reply_text(conversation, item.id) == reply


@pytest.mark.parametrize("lead", [0.05, 0.5, 30.0])
def test_a_client_that_holds_never_gets_more_than_its_lead(held: Talking, lead: float) -> None:
    """Nor does it run dry: what it holds when it goes on is what it held."""
    conversation = held(options=ConversationOptions(holds=True, lead=lead))
    conversation.speak("cough", noise=True)
    speaker = conversation.loudspeaker
    ahead = []
    for _ in range(150):
        conversation.run(CHUNK)
        ahead.append((speaker.sent - speaker.position(conversation.now)) / RATE)
    assert conversation.seen(ReplyResumed)
    assert max(ahead) <= max(lead, 0.1) + 0.001 or lead == 30.0
    assert min(ahead) > 0 or lead < 0.1


@pytest.mark.parametrize("reports", [None, 0.1])
def test_the_server_knows_where_a_client_holds(held: Talking, reports: float | None) -> None:
    """And goes on from there: to the sample, also for a client that never says where it is."""
    conversation = held(reports=reports)
    conversation.speak("cough", noise=True)
    main = conversation.session._responses.main
    assert main is not None
    speaker = conversation.loudspeaker
    for _ in range(150):
        conversation.run(CHUNK)
        heard = speaker.position(conversation.now)
        assert main.playout.position(conversation.now) == pytest.approx(heard, abs=2)
    assert conversation.seen(ReplyResumed)


@pytest.mark.parametrize("before", [0.0, 1.5])
@pytest.mark.parametrize("truncates", [False, True])
def test_what_was_heard_of_a_reply_that_was_held(
    held: Talking, truncates: bool, before: float
) -> None:
    """Word by word, after another hold that was nothing, whether the client says it or not."""
    conversation = held(truncates=truncates)
    if before:
        conversation.speak("cough", noise=True)
        conversation.run(before)
        assert len(conversation.seen(ReplyResumed)) == 1
    conversation.speak("Stop that, please.")
    conversation.run(1.5)
    done = conversation.seen(ResponseDone)[0]
    assert done.response.reason == "turn_detected"
    (item,) = done.response.output
    position = conversation.loudspeaker.position(conversation.now, item.id)
    heard = conversation.heard_words(item.id, position + 2)
    text = reply_text(conversation, item.id)
    # The voice's pause belongs to the word before it, which may be over a little sooner.
    assert text.split()[: len(heard)] == heard
    assert len(text.split()) <= len(heard) + 1


def test_the_end_of_a_reply_can_be_held(held: Talking) -> None:
    """All of it was sent, and the client has not played all yet."""
    conversation = held(since=0.0)
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    assert conversation.loudspeaker.sent > conversation.loudspeaker.position(conversation.now)
    conversation.speak("cough", noise=True)
    conversation.run_until_quiet()
    assert told(conversation) == ["ResponseDone", "ReplyHeld", "ReplyResumed"]
    speaker = conversation.loudspeaker
    assert speaker.position(conversation.now) == speaker.sent


def test_a_reply_that_is_thought_of_can_be_held(held: Talking) -> None:
    conversation = SimulatedConversation(HOLDS, lambda request: say("All right then.", after=1.0))
    conversation.speak("Tell me more.")
    conversation.run_until(lambda: bool(conversation.requests))
    conversation.run(0.5)
    conversation.speak("cough", noise=True)
    conversation.run_until_quiet()
    assert told(conversation) == ["ReplyHeld", "ReplyResumed", "ResponseDone"]
    (resumed,) = conversation.when(ReplyResumed)
    assert min(at for at, _ in conversation.when(SendSound)) >= resumed[0]


@pytest.mark.parametrize("audio", [True, False])
def test_a_hold_ends_although_nothing_more_is_heard(held: Talking, audio: bool) -> None:
    """The microphone falls silent, or its sound stops to come, in the middle of a word."""
    conversation = held()
    conversation.speak("hm", noise=True, each=10.0)
    conversation.run_until(lambda: bool(conversation.seen(ReplyHeld)))
    conversation.run(4, audio=audio)
    assert told(conversation)[:2] == ["ReplyHeld", "ReplyResumed"]


@pytest.mark.parametrize(
    "what",
    [
        ClearAudio(None),
        CloseRequested(),
        Configure(None, ConversationOptions(holds=True, turn_detection=None)),
    ],
)
@pytest.mark.parametrize("late", [0.0, 0.05])
def test_a_hold_ends_with_what_began_it(held: Talking, what: Any, late: float) -> None:
    """Before it is speech for the detector, and after."""
    conversation = held()
    conversation.speak("Stop that, please.")
    conversation.run_until(lambda: bool(conversation.seen(ReplyHeld)))
    conversation.run(late)
    conversation.give(what)
    conversation.run(0.1, audio=False)
    assert told(conversation)[:2] == ["ReplyHeld", "ReplyResumed"] or isinstance(what, ClearAudio)
    conversation.run(5)
    assert conversation.ledger.held is None


def test_a_client_that_stops_a_reply_that_is_held(held: Talking) -> None:
    conversation = held()
    conversation.speak("cough", noise=True)
    conversation.run_until(lambda: bool(conversation.seen(ReplyHeld)))
    conversation.give(CancelResponse(None, None))
    speaker = conversation.loudspeaker
    speaker.stop(conversation.now)
    assert speaker.item_id is not None
    played = int(speaker.position(conversation.now) * 1000 / RATE)
    conversation.give(TruncateItem(None, speaker.item_id, 0, played))
    conversation.run_until_quiet()
    assert conversation.ledger.held is None
    assert conversation.seen(ResponseDone)[0].response.reason == "client_cancelled"
    assert len(conversation.seen(Abandon)) == 1


def test_a_reply_that_fails_while_it_is_held(held: Talking) -> None:
    """There is nothing left to be held, and nobody may speak after all."""
    conversation = SimulatedConversation(HOLDS, lambda request: [])
    conversation.speak("Tell me more.")
    conversation.run_until(lambda: bool(conversation.requests))
    conversation.run(0.5)
    conversation.speak("cough", noise=True)
    conversation.run_until(lambda: bool(conversation.seen(ReplyHeld)))
    conversation.give(ReplyFailed(conversation.seen(Generate)[-1].generation, "gone"))
    assert told(conversation) == ["ReplyHeld", "ResponseDone", "ReplyResumed"]


@pytest.mark.parametrize("late", [0.0, 0.2])
def test_a_reply_that_begins_while_the_one_before_it_is_held(held: Talking, late: float) -> None:
    """Before it is certain that somebody speaks, and after."""
    conversation = held(
        since=0.0,
        model=lambda request: say("All right then.", after=0.0, each=0.0),
        voice_seconds=0,
    )
    conversation.run_until(lambda: bool(conversation.seen(ResponseDone)))
    conversation.speak("cough", noise=True)
    conversation.run_until(lambda: bool(conversation.seen(ReplyHeld)))
    conversation.run(late)
    conversation.give(CreateResponse(None, ResponseOverrides()))
    main = conversation.session._responses.main
    assert main is not None
    assert main.response_id == "resp_2"
    conversation.run_until(lambda: bool(conversation.seen(ReplyResumed)))
    assert main.item_id is not None
    speaker = conversation.loudspeaker
    for _ in range(60):
        conversation.run(CHUNK)
        heard = speaker.position(conversation.now, main.item_id)
        assert main.playout.position(conversation.now) == pytest.approx(heard, abs=2)
    assert heard > 0


# The ledger, which has to notice


def test_the_ledger_knows_what_a_hold_is() -> None:
    with pytest.raises(BrokenPromiseError, match="not asked"):
        Ledger().take(ReplyHeld("resp_1"))
    with pytest.raises(BrokenPromiseError, match="nobody knows"):
        Ledger(holds=True).take(ReplyHeld("resp_1"))
    with pytest.raises(BrokenPromiseError, match="not held"):
        Ledger(holds=True).take(ReplyResumed("resp_1"))
    conversation = SimulatedConversation(HOLDS)
    conversation.speak("Tell me more.")
    conversation.run_until(lambda: bool(conversation.requests))
    conversation.run(0.1)
    ledger = conversation.ledger
    ledger.take(ReplyHeld("resp_1"))
    with pytest.raises(BrokenPromiseError, match="held already"):
        ledger.take(ReplyHeld("resp_1"))
    ledger.take(SpeechStarted("item_9", 0))
    with pytest.raises(BrokenPromiseError, match="not held"):
        ledger.take(ReplyResumed("resp_1"))


# The model of a client that pauses


def test_a_playout_that_pauses() -> None:
    playout = Playout(1000)
    playout.send(500, 1.0)
    playout.pause(1.2)
    playout.pause(1.3)
    assert playout.position(9.0) == pytest.approx(200)
    assert playout.held(9.0) == pytest.approx(300)
    assert playout.reaches(500, 9.0) == pytest.approx(9.3)
    playout.report(210, 9.5)
    assert playout.position(9.9) == pytest.approx(210)
    playout.go_on(10.0)
    assert playout.position(10.1) == pytest.approx(310)
    playout.go_on(10.2)
    assert playout.position(11.0) == 500


def test_a_playout_that_pauses_before_it_begins() -> None:
    """The sound before it is not played either."""
    playout = Playout(1000, not_before=2.0)
    playout.pause(1.0)
    playout.send(100, 1.1)
    assert playout.held(5.0) == pytest.approx(1100)
    playout.go_on(5.0)
    assert playout.position(5.9) == 0
    assert playout.position(6.05) == pytest.approx(50)
